/**
 * One backup per request key, whatever happens to workers:
 *   look (made already? → adopt) → lock held? → wait, look again → run → look (it must be there now).
 * The key travels in the backup itself, as an annotation, so that the repository alone is the truth.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackupRecord, BackupType } from '../../../../domain/backup/model.ts';
import { AssayError, isAssayError } from '../../../../domain/errors.ts';
import { requestAnnotation } from '../../../../domain/ids.ts';
import type { StepIo } from '../../../io.ts';
import { followLines } from '../../../log-file.ts';
import { untilTrue } from '../../../wait.ts';
import type { BackupOutcome, BackupRequest } from '../engine.ts';
import { listRepository } from './archive.ts';
import { type Engine, work } from './command.ts';
import { saveCatalogue } from './expire.ts';
import { readInfo } from './info.ts';
import { progressReader } from './progress.ts';
import { logFileOf } from './run-files.ts';

const TYPES: Readonly<Record<BackupType, string>> = { full: 'full', differential: 'diff', incremental: 'incr' };
const LOOK_MS = 1_000;
const LABEL = /^\d{8}-\d{6}F(_\d{8}-\d{6}[DI])?$/;

/** Idempotent by requestKey. Throws engine-busy once the lock was held by others for the whole engine timeout. */
export async function makeBackup(engine: Engine, request: BackupRequest, io: StepIo): Promise<BackupOutcome> {
  const endsAt = Date.now() + engine.policy.engine.timeoutMs;
  for (;;) {
    const adopted = await lookUntilFree(engine, request, { io, patienceMs: endsAt - Date.now() });
    if (adopted !== null) return { backup: adopted, adopted: true, tookMs: durationMs(adopted) };
    const began = performance.now();
    const ran = await runBackup(engine, request, io);
    // another process took the lock between looking and running: it may be this request's own orphan
    if (!ran && Date.now() < endsAt) {
      await sleep(LOOK_MS, undefined, { signal: io.signal }).catch(() => {});
      continue;
    }
    const backup = ran ? await find(engine, request) : null;
    if (backup !== null) return { backup, adopted: false, tookMs: Math.round(performance.now() - began) };
    if (!ran) throw new AssayError('engine-busy', { stanza: engine.policy.engine.stanza });
    throw new AssayError('engine-failed', {
      command: 'pgbackrest backup',
      status: 0,
      lines: `it ended well, but its catalogue has no backup with the request key ${request.requestKey}`,
      hint: 'look at the engine log beside the evidence; was the repository changed by hand?',
    });
  }
}

/** The backup this request already made; null once nothing runs and there is none. */
async function lookUntilFree(engine: Engine, request: BackupRequest, patience: { io: StepIo; patienceMs: number }): Promise<BackupRecord | null> {
  const { io, patienceMs } = patience;
  const orphan = progressReader('backup');
  const follower = followLines(logOf(engine, request), orphan.onLine);
  const beating: StepIo = { ...io, beat: () => io.beat({ ...orphan.now(), waitingFor: 'the backup lock' }) };
  try {
    const looked = await untilTrue({ everyMs: LOOK_MS, patienceMs, io: beating, waitingFor: 'the backup lock' }, async () => {
      const { backups, busy } = await readInfo(engine, request.repository);
      const made = backups.find((backup) => backup.requestKey === request.requestKey) ?? null;
      if (made === null && busy) return null;
      return { made: made ?? (await adoptUnlisted(engine, request, backups)) };
    });
    if (looked === null) throw new AssayError('engine-busy', { stanza: engine.policy.engine.stanza });
    return looked.made;
  } finally {
    follower.end();
  }
}

/**
 * A child killed after it wrote the manifest but before backup.info leaves a whole backup that no list shows;
 * the engine takes it into its catalogue the next time it saves that, and then there would be two for one request.
 */
async function adoptUnlisted(engine: Engine, request: BackupRequest, listed: readonly BackupRecord[]): Promise<BackupRecord | null> {
  const known = new Set(listed.map((backup) => backup.label));
  const folder = `backup/${engine.policy.engine.stanza}`;
  const labels = Object.keys(await listRepository(engine, request.repository, folder)).filter((name) => LABEL.test(name) && !known.has(name));
  let unlisted = false;
  for (const label of labels) unlisted ||= 'backup.manifest' in (await listRepository(engine, request.repository, `${folder}/${label}`));
  if (!unlisted) return null;
  await saveCatalogue(engine, request.repository);
  return find(engine, request);
}

async function find(engine: Engine, { repository, requestKey }: BackupRequest): Promise<BackupRecord | null> {
  const { backups } = await readInfo(engine, repository);
  return backups.find((backup) => backup.requestKey === requestKey) ?? null;
}

/** False where another process holds the lock. */
async function runBackup(engine: Engine, request: BackupRequest, io: StepIo): Promise<boolean> {
  const { policy, observe } = engine;
  const options = [
    `--type=${TYPES[request.type]}`,
    `--annotation=${requestAnnotation}=${request.requestKey}`,
    `--process-max=${policy.engine.processMax}`,
    // what goes is decided by Assay's retention, never as a side effect
    '--no-expire-auto',
  ];
  const progress = progressReader('backup');
  const beat = () => {
    const { doneBytes, totalBytes } = progress.now();
    observe({ kind: 'engine-progress', cluster: policy.cluster, phase: 'backup', doneBytes, totalBytes });
    return progress.now();
  };
  const long = { log: logOf(engine, request), onLine: progress.onLine, progress: beat };
  try {
    await work(engine, { name: 'backup', repository: request.repository, options }, long, io);
    io.beat(beat());
    return true;
  } catch (error) {
    if (isAssayError(error, 'engine-busy')) return false;
    throw error;
  }
}

const logOf = (engine: Engine, request: BackupRequest) => logFileOf(engine, 'backup', `${request.repository}/${request.requestKey}`);

const durationMs = (backup: BackupRecord) => Date.parse(backup.stoppedAt) - Date.parse(backup.startedAt);

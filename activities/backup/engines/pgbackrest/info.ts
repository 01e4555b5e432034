/** `pgbackrest info --output=json`, parsed at the edge. Only backups in backup.info are listed there: a half one never is. */
import { z } from 'zod';
import { parseSegmentName } from '../../../../domain/backup/lsn.ts';
import type { BackupRecord, BackupType, RepositoryInfo } from '../../../../domain/backup/model.ts';
import { requestAnnotation } from '../../../../domain/ids.ts';
import { ask, type Engine, failed } from './command.ts';
import { numbered, parseEngineJson } from './failure.ts';

const backupSchema = z.object({
  label: z.string(),
  type: z.enum(['full', 'diff', 'incr']),
  prior: z.string().nullish(),
  reference: z.array(z.string()).nullish(),
  error: z.boolean().nullish(),
  annotation: z.record(z.string(), z.string()).nullish(),
  archive: z.object({ start: z.string().nullish(), stop: z.string().nullish() }),
  lsn: z.object({ start: z.string(), stop: z.string() }).nullish(),
  timestamp: z.object({ start: z.number(), stop: z.number() }),
  info: z.object({ size: z.number(), repository: z.object({ delta: z.number().nullish(), size: z.number().nullish() }) }),
  database: z.object({ id: z.number(), 'repo-key': z.number() }),
  backrest: z.object({ version: z.string() }),
});

const stanzaSchema = z.object({
  name: z.string(),
  archive: z.array(z.object({ id: z.string(), database: z.object({ id: z.number() }) })).default([]),
  backup: z.array(backupSchema).default([]),
  cipher: z.string().optional(),
  db: z.array(z.object({ id: z.number(), 'system-id': z.number().or(z.string()), version: z.string() })).default([]),
  repo: z.array(z.object({ key: z.number(), cipher: z.string().optional(), status: z.object({ code: z.number(), message: z.string() }) })).default([]),
  status: z.object({
    code: z.number(),
    message: z.string(),
    lock: z.object({ backup: z.object({ held: z.boolean() }) }).optional(),
  }),
});

type Stanza = z.infer<typeof stanzaSchema>;
type Backup = z.infer<typeof backupSchema>;

const MISSING_STANZA: ReadonlySet<number> = new Set([1, 3]);
const UNREADABLE = 99;

const TYPES = { full: 'full', diff: 'differential', incr: 'incremental' } as const satisfies Record<string, BackupType>;

/** What the repository holds for the stanza. Backups made with the server stopped carry no LSN, lead to no target and are left out. */
export async function readInfo(engine: Engine, repository: number): Promise<RepositoryInfo> {
  const stanza = await readStanza(engine, repository);
  const current = stanza.db.at(-1);
  if (current === undefined) throw noStanza(engine, repository, stanza.status.message);
  return {
    stanza: stanza.name,
    systemIdentifier: String(current['system-id']),
    postgresVersion: current.version,
    encrypted: (stanza.repo[0]?.cipher ?? stanza.cipher ?? 'none') !== 'none',
    backups: stanza.backup.filter((backup) => backup.database.id === current.id).flatMap((backup) => recordOf(backup, repository)),
    archiveId: stanza.archive.findLast((archive) => archive.database.id === current.id)?.id ?? `${current.version}-${current.id}`,
    busy: stanza.status.lock?.backup.held ?? false,
  };
}

/** Throws backup-unknown, manifest-damaged (as engine-refused) where the engine itself can't load the backup's manifest from either copy. */
export async function readManifestThroughEngine(engine: Engine, repository: number, label: string): Promise<void> {
  await readStanza(engine, repository, [`--set=${label}`]);
}

async function readStanza(engine: Engine, repository: number, options: readonly string[] = []): Promise<Stanza> {
  const command = { name: 'info', repository, options: ['--output=json', ...options] };
  const output = await ask(engine, command);
  const stanza = parseInfo(output, engine.policy.engine.stanza);
  if (stanza === undefined) throw noStanza(engine, repository, 'missing stanza');
  const status = stanza.repo.find((repo) => repo.key === repository)?.status ?? stanza.status;
  if (status.code === UNREADABLE) {
    throw failed(engine, command, numbered(status.message));
  }
  if (MISSING_STANZA.has(status.code)) throw noStanza(engine, repository, status.message);
  return stanza;
}

/** System identifiers have up to 20 digits: as JSON numbers they would be rounded. */
export function parseInfo(json: string, name: string): Stanza | undefined {
  const exact = json.replace(/("system-id"\s*:\s*)(\d+)/g, '$1"$2"');
  return z
    .array(stanzaSchema)
    .parse(parseEngineJson(exact))
    .find((stanza) => stanza.name === name);
}

function recordOf(backup: Backup, repository: number): BackupRecord[] {
  const { lsn, archive } = backup;
  if (!lsn || !archive.start || !archive.stop) return [];
  return [
    {
      label: backup.label,
      type: TYPES[backup.type],
      repository,
      prior: backup.prior ?? null,
      references: backup.reference ?? [],
      startedAt: instant(backup.timestamp.start),
      stoppedAt: instant(backup.timestamp.stop),
      startLsn: lsn.start,
      stopLsn: lsn.stop,
      timeline: parseSegmentName(archive.start, 16 * 1024 * 1024).timeline,
      startSegment: archive.start,
      stopSegment: archive.stop,
      databaseBytes: backup.info.size,
      repositoryBytes: backup.info.repository.delta ?? backup.info.repository.size ?? 0,
      hasPageErrors: backup.error ?? false,
      requestKey: backup.annotation?.[requestAnnotation] ?? null,
      engineVersion: backup.backrest.version,
    },
  ];
}

const instant = (seconds: number) => new Date(seconds * 1000).toISOString();

function noStanza(engine: Engine, repository: number, message: string) {
  const { stanza } = engine.policy.engine;
  return failed(
    engine,
    { name: 'info', repository },
    { status: 103, output: `ERROR: [103]: repository ${repository} has no stanza ${stanza} (${message}): run \`pgbackrest --stanza=${stanza} stanza-create\`` },
  );
}

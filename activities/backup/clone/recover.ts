/**
 * Brings a clone to a recovery target and holds it there.
 *
 *   stopped ── start ──▶ replaying ── target ──▶ paused ── later target ──▶ stopped ─▶ …
 *                            │                      └── promote ──▶ open for writing
 *                            └── server ends ──▶ error that says why
 */
import { chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { CloneRef, ReachedPoint, RecoveryTarget } from '../../../domain/backup/model.ts';
import { AssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { StepIo } from '../../io.ts';
import { type OsUser, ownerOf } from '../../os-user.ts';
import { findBinaries, majorOf } from './binaries.ts';
import { withClone } from './connection.ts';
import { readControlData } from './control-data.ts';
import { type CloneFolders, foldersOf } from './layout.ts';
import { linksOutside } from './links.ts';
import { type RecoveryProgress, recoveryProgress, timelineOf, whyEnded } from './recovery-log.ts';
import { isServerOf, readServerState, runningServer, type ServerState, serverLog, spawnServer, stopServer } from './server.ts';
import { configuration, recoverySettings } from './settings.ts';
import { describeTarget, sameTarget } from './target.ts';

export interface Arrival {
  readonly reached: ReachedPoint;
  /** Until the first connection could be made. */
  readonly startMs: number;
  /** From there until recovery waited at the target. */
  readonly replayMs: number;
}

const POLL_MS = 25;
/** WAL may raise the minimum settings more than once; each time recovery has to be started again with what pg_control then says. */
const MOST_STARTS = 4;

/** Idempotent: adopts a server that already goes to this target. Throws target-not-reached, clone-start-failed, disk-full, binaries-missing, repository-unreachable. */
export async function recoverTo(policy: ClusterPolicy, clone: CloneRef, target: RecoveryTarget, io: StepIo): Promise<Arrival> {
  const folders = foldersOf(clone.directory);
  let state = await adopt(folders, target);
  const startedAtMs = state?.startedAtMs ?? Date.now();
  for (let starts = 0; starts < MOST_STARTS; starts += 1) {
    state ??= await startTowards(policy, clone, { target, startedAtMs });
    const progress = await untilPaused(policy, clone, state, io);
    if (progress !== 'needs-higher-settings') return arrival(policy, clone, progress, startedAtMs);
    await stopServer(folders);
    state = null;
  }
  throw new AssayError('clone-start-failed', {
    clone: clone.id,
    lines: `the source raised its minimum settings more than ${MOST_STARTS} times on the way`,
    hint: 'take a new backup, the proof will begin after the changes',
  });
}

async function adopt(folders: CloneFolders, target: RecoveryTarget): Promise<ServerState | null> {
  const state = readServerState(folders);
  if (runningServer(folders) === null) return null;
  if (state !== null && sameTarget(state.target, target)) return state;
  await stopServer(folders);
  return null;
}

async function startTowards(
  policy: ClusterPolicy,
  clone: CloneRef,
  goal: { readonly target: RecoveryTarget; readonly startedAtMs: number },
): Promise<ServerState> {
  const folders = foldersOf(clone.directory);
  const as = ownerOf(clone.directory);
  const major = majorOf(folders.data, clone.id);
  const binaries = await findBinaries(major, policy.clone.binaries, as);
  const outside = linksOutside(clone.directory, folders.data);
  if (outside.length > 0) {
    throw new AssayError('clone-start-failed', {
      clone: clone.id,
      lines: `links lead outside the clone: ${outside.join(', ')}`,
      hint: 'restore with every tablespace and pg_wal mapped into the clone',
    });
  }
  const control = await readControlData(binaries, folders.data, as);
  const plan = { folders, policy: policy.clone, control, recovery: engineSettings(folders, as), target: goal.target, major: Number.parseInt(major, 10) };
  const { postgresql, hba, ident } = configuration(plan);
  writePrivate(folders, { 'postgresql.conf': postgresql, 'pg_hba.conf': hba, 'pg_ident.conf': ident }, as);
  const number = (readServerState(folders)?.number ?? 0) + 1;
  return spawnServer(binaries, folders, { as, number, ...goal });
}

/** Takes the engine's recovery settings out of postgresql.auto.conf, which is emptied: what ALTER SYSTEM set in the source ends there. */
function engineSettings(folders: CloneFolders, as: OsUser): Record<string, string> {
  const autoConf = join(folders.data, 'postgresql.auto.conf');
  const kept = join(folders.conf, 'recovery.json');
  const fresh = existsSync(autoConf) ? recoverySettings(readFileSync(autoConf, 'utf8')) : {};
  if (fresh.restore_command !== undefined) {
    writePrivate(folders, { 'recovery.json': JSON.stringify(fresh) }, as);
    writeFileSync(autoConf, '# emptied by Assay: a clone takes nothing from its source\n');
  }
  return existsSync(kept) ? (JSON.parse(readFileSync(kept, 'utf8')) as Record<string, string>) : {};
}

function writePrivate(folders: CloneFolders, files: Readonly<Record<string, string>>, as: OsUser): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folders.conf, name);
    writeFileSync(path, text, { mode: 0o600 });
    if (as.switched) chownSync(path, as.uid, as.gid);
  }
}

async function untilPaused(policy: ClusterPolicy, clone: CloneRef, state: ServerState, io: StepIo): Promise<RecoveryProgress | 'needs-higher-settings'> {
  const folders = foldersOf(clone.directory);
  const read = () => readFileSync(serverLog(folders, state.number), 'utf8');
  for (let beats = 0; ; beats += 1) {
    if (io.signal.aborted) throw new AssayError('cancelled', { what: `recovery of clone ${clone.id}` });
    // asked before the log is read: what a server that ended had to say is then complete
    const alive = isServerOf(state.pid, folders.data);
    const log = read();
    const progress = recoveryProgress(log);
    if (progress.needsHigherSettings) return 'needs-higher-settings';
    if (progress.pausedAtMs !== null && progress.readyAtMs !== null && alive) return progress;
    if (!alive && beats > 0) {
      const ended = { clone: clone.id, target: describeTarget(state.target), directory: clone.directory, stanza: policy.engine.stanza };
      throw whyEnded(log, ended);
    }
    if (beats % 20 === 0) io.beat({ phase: 'replay', segment: progress.lastSegment });
    await pause(POLL_MS);
  }
}

async function arrival(policy: ClusterPolicy, clone: CloneRef, progress: RecoveryProgress, startedAtMs: number): Promise<Arrival> {
  const reached = await withClone({ policy, clone }, {}, async (client) => {
    const { rows } = await client.query<{ state: string; lsn: string; at: Date | null; timeline: number }>(
      `/* assay backup */ select pg_catalog.pg_get_wal_replay_pause_state() as state, pg_catalog.pg_last_wal_replay_lsn()::text as lsn,
         pg_catalog.pg_last_xact_replay_timestamp() as at, (select timeline_id from pg_catalog.pg_control_checkpoint()) as timeline`,
    );
    return rows[0];
  });
  const readyAtMs = progress.readyAtMs ?? startedAtMs;
  return {
    reached: {
      replayLsn: reached?.lsn ?? '0/0',
      replayedAt: reached?.at?.toISOString() ?? null,
      timeline: timelineOf(progress) ?? reached?.timeline ?? 0,
      paused: reached?.state === 'paused',
    },
    startMs: Math.max(0, readyAtMs - startedAtMs),
    replayMs: Math.max(0, (progress.pausedAtMs ?? readyAtMs) - readyAtMs),
  };
}

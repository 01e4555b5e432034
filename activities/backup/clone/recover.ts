/**
 * Brings a clone to a recovery target and holds it there.
 *
 *   stopped ── start ──▶ replaying ── target ──▶ paused ── later target ──▶ stopped ─▶ …
 *                            │                      └── promote ──▶ open for writing
 *                            ├── target, but no session could look at it ──▶ open for writing, by itself
 *                            ├── server is killed, or its settings are too low ──▶ start
 *                            └── server ends ──▶ error that says why
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import type { CloneRef, ReachedPoint, RecoveryTarget } from '../../../domain/backup/model.ts';
import { timelineAt } from '../../../domain/backup/timeline.ts';
import { AssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { StepIo } from '../../io.ts';
import { withClone } from './connection.ts';
import { type CloneFolders, foldersOf } from './layout.ts';
import { type RecoveryProgress, recoveryProgress, timelineOf } from './recovery-log.ts';
import { isServerOf, killAllIn, lastWords, readServerState, runningServer, type ServerState, serverLog, stopServer } from './server.ts';
import { ended, startClone } from './start.ts';
import { sameTarget } from './target.ts';
import { followedTimeline } from './timeline.ts';

export interface Arrival {
  readonly reached: ReachedPoint;
  /** Until the first connection could be made. */
  readonly startMs: number;
  /** From there until recovery waited at the target. */
  readonly replayMs: number;
}

const POLL_MS = 25;
/** WAL may raise the minimum settings more than once (pg_control then says to what), and a server may be killed more than once. */
const MOST_STARTS = 4;
/** From recovery's word that it pauses until it does. */
const LONGEST_PAUSE_MS = 60_000;
/** What a machine that could start no process is given. */
const BREATH_MS = 500;

/** Idempotent: adopts a server that already goes to this target. Throws target-not-reached, clone-start-failed, disk-full, binaries-missing, repository-unreachable. */
export async function recoverTo(policy: ClusterPolicy, clone: CloneRef, target: RecoveryTarget, io: StepIo): Promise<Arrival> {
  const folders = foldersOf(clone.directory);
  let state = await adopt(folders, target);
  let isAdopted = state !== null;
  const startedAtMs = state?.startedAtMs ?? Date.now();
  let because: AssayError | undefined;
  for (let starts = 0; starts < MOST_STARTS; starts += 1) {
    if (io.signal.aborted) throw new AssayError('cancelled', { what: `recovery of clone ${clone.id}` });
    state ??= await startClone(policy, clone, { target, startedAtMs });
    if (state.pid === 0 && starts < MOST_STARTS - 1) {
      await pause(BREATH_MS);
      state = null;
      continue;
    }
    const stand = await untilPaused({ policy, clone, io }, state, isAdopted);
    if ('progress' in stand) {
      const arrived = await arrival({ policy, clone, io }, stand.progress, startedAtMs).catch((error) => whetherGone(folders, state, error));
      if (arrived !== 'server-gone') return arrived;
    } else {
      because = stand.startAgain;
    }
    await stopServer(folders);
    await killAllIn(folders.data);
    state = null;
    isAdopted = false;
  }
  throw because ?? new AssayError('clone-start-failed', { clone: clone.id, lines: 'its server was gone whenever it had arrived', hint: 'see its log' });
}

/** A server that was being killed while it was adopted still looked alive for a moment. */
async function whetherGone(folders: CloneFolders, state: ServerState | null, error: unknown): Promise<'server-gone'> {
  for (const end = Date.now() + 2_000; Date.now() < end; await pause(POLL_MS)) if (!isServerOf(state?.pid ?? 0, folders.data)) return 'server-gone';
  throw error;
}

async function adopt(folders: CloneFolders, target: RecoveryTarget): Promise<ServerState | null> {
  const state = readServerState(folders);
  if (runningServer(folders) === null) {
    // backends whose server was killed keep its shared memory, and a new one refuses to start
    await killAllIn(folders.data);
    return null;
  }
  if (state?.target && sameTarget(state.target, target)) return state;
  await stopServer(folders);
  return null;
}

interface On {
  readonly policy: ClusterPolicy;
  readonly clone: CloneRef;
  readonly io: StepIo;
}

/** Where recovery stands; or that it is worth starting again, and what to say should that have been the last start. */
type Stand = { readonly progress: RecoveryProgress } | { readonly startAgain: AssayError };

/** What ended a server that we did not start says nothing of the next start: it may have been killed with the worker before us. */
async function untilPaused({ policy, clone, io }: On, state: ServerState, isAdopted: boolean): Promise<Stand> {
  const folders = foldersOf(clone.directory);
  for (let beats = 0; ; beats += 1) {
    if (io.signal.aborted) throw new AssayError('cancelled', { what: `recovery of clone ${clone.id}` });
    // asked before the log is read: what a server that ended had to say is then complete
    const alive = isServerOf(state.pid, folders.data);
    const log = readFileSync(serverLog(folders, state.number), 'utf8');
    const progress = recoveryProgress(log);
    if (progress.needsHigherSettings) return { startAgain: raisedTooOften(clone) };
    if ((progress.pausedAtMs !== null || progress.openedAtMs !== null) && progress.readyAtMs !== null && alive) return { progress };
    if (!alive && beats > 0) {
      const { error, isFromOutside } = ended(policy, clone, state, await lastWords(folders, state));
      // one that opened does not wait for a target any more, and one that a newer attempt started is that one's
      const isOurs = progress.openedAtMs === null && readServerState(folders)?.number === state.number;
      if (isAdopted || (isFromOutside && isOurs)) return { startAgain: error };
      throw error;
    }
    if (beats % 20 === 0) io.beat({ phase: 'replay', segment: progress.lastSegment });
    await pause(POLL_MS);
  }
}

const raisedTooOften = (clone: CloneRef) =>
  new AssayError('clone-start-failed', {
    clone: clone.id,
    lines: `the source raised its minimum settings more than ${MOST_STARTS} times on the way`,
    hint: 'take a new backup, the proof will begin after the changes',
  });

async function arrival(on: On, progress: RecoveryProgress, startedAtMs: number): Promise<Arrival> {
  const reached = await withClone(on, {}, (client) => onceSettled(client, on.io));
  const readyAtMs = progress.readyAtMs ?? startedAtMs;
  const followed = followedTimeline(foldersOf(on.clone.directory).data);
  return {
    reached: {
      replayLsn: reached?.lsn ?? '0/0',
      replayedAt: reached?.at?.toISOString() ?? null,
      // recovery reads ahead, perhaps into a segment of the next timeline
      timeline: followed === null ? (timelineOf(progress) ?? reached?.timeline ?? 0) : timelineAt(reached?.lsn ?? '0/0', followed),
      paused: reached?.state === 'paused',
      ...(reached?.state === 'open' ? { opened: true } : {}),
    },
    startMs: Math.max(0, readyAtMs - startedAtMs),
    replayMs: Math.max(0, (progress.pausedAtMs ?? progress.openedAtMs ?? readyAtMs) - readyAtMs),
  };
}

interface Standing {
  readonly state: 'not paused' | 'pause requested' | 'paused' | 'open';
  readonly lsn: string;
  readonly at: Date | null;
  readonly timeline: number;
}

/**
 * Recovery writes that it pauses before it does (recoveryPausesHere in xlogrecovery.c): on a busy machine its process may be put aside in
 * between, for as long as others have work. Until then the pause is only requested.
 */
async function onceSettled(client: pg.Client, io: StepIo): Promise<Standing | undefined> {
  for (const end = Date.now() + LONGEST_PAUSE_MS; ; await pause(POLL_MS)) {
    const { rows } = await client.query<Standing>(
      `/* assay backup */ select case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_get_wal_replay_pause_state() else 'open' end as state, pg_catalog.pg_last_wal_replay_lsn()::text as lsn,
         pg_catalog.pg_last_xact_replay_timestamp() as at, (select timeline_id from pg_catalog.pg_control_checkpoint()) as timeline`,
    );
    if (rows[0]?.state !== 'pause requested' || Date.now() > end || io.signal.aborted) return rows[0];
    io.beat({ phase: 'pause' });
  }
}

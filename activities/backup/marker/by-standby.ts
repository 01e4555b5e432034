/**
 * Way 3, on a standby: replay is paused for some milliseconds. Whatever it has replayed by then is exactly what lies before its position in the
 * WAL, so a snapshot taken meanwhile belongs to that LSN; the primary is not touched. Source: backup.md 2.4; procarray.c (KnownAssignedXids).
 *
 * Pause, snapshot and resume are one statement of the server's: whatever becomes of this process, the server carries it to its end, and replay
 * goes on; for which it must not look meanwhile whether its client still lives (client_connection_check_interval). Where the session itself is
 * ended in those milliseconds, another one resumes; a server that restarts has forgotten the pause. Needs EXECUTE on pg_wal_replay_pause() and
 * pg_wal_replay_resume(), which are a superuser's until granted.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { compareLsn, type Lsn } from '../../../domain/backup/lsn.ts';
import { literal } from '../../pg.ts';
import { faultOf, isServerError, scrubbedReason } from '../../pg-errors.ts';
import { type HeldSnapshot, holdSnapshot, type NoSnapshot } from './held-snapshot.ts';
import { endAll, type MarkerSource, openReader } from './session.ts';

/** Longest pause: replay comes to rest between two records, so this much is a server in trouble. */
const PAUSE_MS = 2_000;
/** Transactions between the oldest running one and the newest that are looked at one by one while replay stands still. */
const MAX_RANGE = 200_000;
const POLL_MS = 50;

export async function byStandby(source: MarkerSource, watch: pg.Client, waitMs: number): Promise<HeldSnapshot | NoSnapshot> {
  const no = (kind: NoSnapshot['kind'], reason: string): NoSnapshot => ({ way: 'standby', kind, reason });
  const { notBefore } = source;
  if (notBefore === undefined) return no('unavailable', 'where the primary stands is not known');
  const replayed = await untilReplayed(source, watch, waitMs);
  if (replayed === null) return no('unavailable', 'it is no standby');
  if (compareLsn(replayed, notBefore.lsn) < 0) return no('busy', `within ${waitMs} ms it replayed up to ${replayed}, the primary stood at ${notBefore.lsn}`);
  // a session that is ended for its client's sake runs no handler, and the pause would stay for good
  const pauser = await openReader(source, { statement_timeout: `${2 * PAUSE_MS}ms`, client_connection_check_interval: '0' });
  const holder = await openReader(source);
  let held: HeldSnapshot | null = null;
  try {
    const heldSinceMs = performance.now();
    const moment = await pauseForMoment(pauser);
    await holder.query(`begin isolation level repeatable read read only; set transaction snapshot ${literal(moment.exportedId)}`);
    const known = { snapshot: moment.snapshot, timeline: notBefore.timeline };
    held = await holdSnapshot(holder, watch, { way: 'standby', lsn: moment.lsn, heldSinceMs, fenceMs: 0, known });
    return held;
  } catch (error) {
    // ended, it ran no handler; cancelled, it may have been behind its handler already
    if (['unreachable', 'cancelled'].includes(faultOf(error))) await resume(watch);
    if (error instanceof RangeError || faultOf(error) === 'cancelled' || codeOf(error) === NOT_NOW) return no('busy', scrubbedMessage(error));
    if (isServerError(error)) return no('unavailable', scrubbedReason(error));
    throw error;
  } finally {
    await endAll(held === null ? [pauser, holder] : [pauser]);
  }
}

/** Where it stands once it has what the primary had when the marker was begun, or when the time is over; null: it is not in recovery. */
async function untilReplayed(source: MarkerSource, watch: pg.Client, waitMs: number): Promise<Lsn | null> {
  const until = performance.now() + waitMs;
  for (;;) {
    source.signal.throwIfAborted();
    const { rows } = await watch.query<{ lsn: Lsn | null }>(
      '/* assay backup */ select case when pg_is_in_recovery() then pg_last_wal_replay_lsn()::text end as lsn',
    );
    const lsn = rows[0]?.lsn ?? null;
    if (lsn === null || compareLsn(lsn, source.notBefore?.lsn ?? lsn) >= 0 || performance.now() >= until) return lsn;
    await delay(POLL_MS);
  }
}

interface Moment {
  readonly exportedId: string;
  readonly lsn: Lsn;
  /** Normalised. */
  readonly snapshot: string;
}

/** SQLSTATEs of our own in the statement below. */
const NOT_NOW = 'AS001';

/**
 * A replay that somebody else paused is left alone. A snapshot cannot be exported inside a block that catches errors, so what can fail for
 * long stands before it, and after it nothing but the resume. The status of transactions is asked while replay stands: a moment later they may
 * have ended, and on a standby the printed snapshot does not name those that run.
 */
const momentSql = `
do $assay$
declare
  until timestamptz := clock_timestamp() + interval '${PAUSE_MS} ms';
  lsn text;
  low numeric;
  high numeric;
  unseen text;
begin
  -- who may pause but not resume would leave it standing
  if not (has_function_privilege('pg_wal_replay_pause()', 'execute') and has_function_privilege('pg_wal_replay_resume()', 'execute')) then
    raise exception 'EXECUTE on pg_wal_replay_pause() and pg_wal_replay_resume() is missing' using errcode = 'insufficient_privilege';
  end if;
  if pg_get_wal_replay_pause_state() <> 'not paused' then
    raise exception 'somebody else has paused replay' using errcode = '${NOT_NOW}';
  end if;
  begin
    perform pg_wal_replay_pause();
    while pg_get_wal_replay_pause_state() <> 'paused' loop
      if clock_timestamp() > until then
        raise exception 'replay did not come to rest within ${PAUSE_MS} ms' using errcode = '${NOT_NOW}';
      end if;
      perform pg_sleep(0.0005);
    end loop;
    lsn := pg_last_wal_replay_lsn()::text;
    low := pg_snapshot_xmin(pg_current_snapshot())::text::numeric;
    high := pg_snapshot_xmax(pg_current_snapshot())::text::numeric;
    if high - low > ${MAX_RANGE} then
      raise exception 'the oldest running transaction is % transactions old', high - low using errcode = '${NOT_NOW}';
    end if;
    select string_agg(id::text, ',' order by id) into unseen from generate_series(low, high - 1) id
      where pg_xact_status(id::text::xid8) is distinct from 'committed';
  exception when others or query_canceled then
    perform pg_wal_replay_resume();
    raise;
  end;
  perform set_config('assay.moment', concat_ws(' ', pg_export_snapshot(), lsn, concat_ws(':', low, high, coalesce(unseen, ''))), true);
  perform pg_wal_replay_resume();
end $assay$`;

/** The snapshot lives as long as the pauser's transaction. */
async function pauseForMoment(pauser: pg.Client): Promise<Moment> {
  await pauser.query(`/* assay backup */ begin isolation level read committed read only`);
  await pauser.query(momentSql);
  const { rows } = await pauser.query<{ moment: string }>("/* assay backup */ select current_setting('assay.moment') as moment");
  const [exportedId = '', lsn = '', snapshot = ''] = (rows[0]?.moment ?? '').split(' ');
  return { exportedId, lsn, snapshot };
}

/** Only called where this process had asked for the pause. Never throws: the error that led here says more. */
async function resume(watch: pg.Client): Promise<void> {
  await watch.query("/* assay backup */ select pg_wal_replay_resume() where pg_get_wal_replay_pause_state() <> 'not paused'").catch(() => {});
}

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown } | null)?.code;

/** What is raised under our own code holds no rows. */
const scrubbedMessage = (error: unknown): string => (codeOf(error) === NOT_NOW ? (error as Error).message : scrubbedReason(error));

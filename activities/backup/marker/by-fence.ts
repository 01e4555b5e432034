/**
 * Way 2, fence: SHARE locks keep writers of this database out for a few milliseconds, and the quiet moment is looked for meanwhile.
 * Writers elsewhere in the cluster are not kept out; that is why the moment is still proven, not assumed.
 */
import type pg from 'pg';
import { qualified } from '../../pg.ts';
import { faultOf, scrubbedReason } from '../../pg-errors.ts';
import { type HeldSnapshot, holdSnapshot, type NoSnapshot } from './held-snapshot.ts';
import { endOneTransaction, tryQuietMoment } from './quiet-moment.ts';
import { endAll, type MarkerSource, openReader } from './session.ts';

/** New writers queue behind a waiting lock too: this is how long a writer may stall for each try. */
const LOCK_WAIT_MS = 100;
/** Longest hold once the locks are there. */
const HOLD_MS = 50;
/** More tables than this would take too many locks at once. */
const MAX_TABLES = 500;

export async function byFence(source: MarkerSource, watch: pg.Client, waitMs: number): Promise<HeldSnapshot | NoSnapshot> {
  const no = (kind: NoSnapshot['kind'], reason: string): NoSnapshot => ({ way: 'fence', kind, reason });
  const tables = await lockableTables(watch);
  if (tables === null) return no('unavailable', `SHARE locks need UPDATE (MAINTAIN since 17) on the tables, on at most ${MAX_TABLES}`);
  const fence = await openReader(source, { lock_timeout: `${LOCK_WAIT_MS}ms` });
  const holder = await openReader(source);
  const until = performance.now() + waitMs;
  let fenceMs = 0;
  let held: HeldSnapshot | null = null;
  let tries = 0;
  try {
    do {
      source.signal.throwIfAborted();
      tries += 1;
      await endOneTransaction(watch);
      const began = performance.now();
      const lsn = await insideFence(fence, holder, { watch, tables });
      fenceMs += performance.now() - began;
      if (lsn !== null) held = await holdSnapshot(holder, watch, { way: 'fence', lsn, heldSinceMs: began, fenceMs: Math.ceil(fenceMs) });
    } while (held === null && performance.now() < until);
  } catch (error) {
    if (error instanceof RangeError) return no('busy', error.message);
    if (faultOf(error) === 'privilege-missing') return no('unavailable', scrubbedReason(error));
    throw error;
  } finally {
    await endAll(held === null ? [fence, holder] : [fence]);
  }
  return held ?? no('busy', `no moment without writers in ${tries} tries within ${waitMs} ms`);
}

/** null: the locks did not come in time, or others wrote all the while. The fence is down when this returns. */
async function insideFence(fence: pg.Client, holder: pg.Client, what: { watch: pg.Client; tables: string }): Promise<string | null> {
  try {
    await fence.query(`/* assay backup */ begin; lock table only ${what.tables} in share mode`);
    const until = performance.now() + HOLD_MS;
    do {
      const moment = await tryQuietMoment(holder, what.watch);
      if ('lsn' in moment) return moment.lsn;
    } while (performance.now() < until);
    return null;
  } catch (error) {
    const fault = faultOf(error);
    // two transactions that each hold what the other wants, or a table that was dropped: the next try decides
    if (fault === 'lock-timeout' || fault === 'deadlock' || fault === 'object-missing') return null;
    throw error;
  } finally {
    await fence.query('rollback');
  }
}

/** Those this role may lock, as a list for LOCK TABLE; busiest first, so that a lock that won't come costs the others no wait. */
async function lockableTables(watch: pg.Client): Promise<string | null> {
  const { rows } = await watch.query<{ schema: string; name: string }>(
    `/* assay backup */ select n.nspname as schema, c.relname as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and c.relpersistence = 'p' and c.oid >= 16384
       and has_schema_privilege(n.oid, 'usage')
       and has_table_privilege(c.oid, case when current_setting('server_version_num')::int >= 170000 then 'update, delete, truncate, maintain' else 'update, delete, truncate' end)
     order by pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid) desc, c.oid
     limit ${MAX_TABLES + 1}`,
  );
  if (rows.length === 0 || rows.length > MAX_TABLES) return null;
  return rows.map((row) => qualified(row.schema, row.name)).join(', only ');
}

/**
 * The core of ways 1 and 2: a snapshot and an LSN read in one statement, accepted only where it is proven on the source that they agree.
 *
 * Commit records are written before a transaction leaves the list of running ones, so a snapshot taken while anything is about to commit
 * may disagree with an LSN read a moment later. They agree for certain where, after the LSN was read,
 *   - no transaction id at or above the snapshot's xmax had ever been given out, and
 *   - each one still running below it sits idle in its transaction, or is prepared: it had not begun to commit.
 */
import type pg from 'pg';
import type { Lsn } from '../../../domain/backup/lsn.ts';
import { parseSnapshot } from '../../../domain/backup/snapshot.ts';

export interface QuietMoment {
  readonly lsn: Lsn;
}

/**
 * One try. On success the holder stays in its transaction; else it is rolled back and the reason given.
 * `age()` reads the next transaction id without giving one out, and after the LSN: a target list is evaluated from left to right.
 */
export async function tryQuietMoment(holder: pg.Client, watch: pg.Client): Promise<QuietMoment | { readonly disturbedBy: 'writers' | 'long-transaction' }> {
  const results = (await holder.query(
    `/* assay backup */ begin isolation level repeatable read read only;
     select pg_current_snapshot()::text as snapshot, pg_current_wal_insert_lsn()::text as lsn, age('3'::xid) as age`,
  )) as unknown as readonly pg.QueryResult<{ snapshot: string; lsn: Lsn; age: number }>[];
  const row = results[1]?.rows[0] as { snapshot: string; lsn: Lsn; age: number };
  const snapshot = parseSnapshot(row.snapshot);
  const nextId = BigInt.asUintN(32, BigInt(row.age) + 3n);
  const noneBegun = nextId === BigInt.asUintN(32, snapshot.xmax);
  if (noneBegun && (await allAtRest(watch, snapshot.unseen))) return { lsn: row.lsn };
  await holder.query('rollback');
  return { disturbedBy: noneBegun ? 'long-transaction' : 'writers' };
}

/**
 * Gives out one transaction id and commits it. Ids given to subtransactions of a long transaction lie above xmax until a later one ends:
 * on an otherwise idle cluster nothing else would ever end.
 */
export async function endOneTransaction(watch: pg.Client): Promise<void> {
  await watch.query('/* assay backup */ select pg_current_xact_id()');
}

async function allAtRest(watch: pg.Client, running: readonly bigint[]): Promise<boolean> {
  if (running.length === 0) return true;
  const ids = running.map((id) => String(BigInt.asUintN(32, id)));
  const { rows } = await watch.query<{ resting: number }>(
    `/* assay backup */ select count(*)::int as resting from unnest($1::text[]) as asked(id)
     where exists (select from pg_stat_activity where backend_xid::text = id and state like 'idle in transaction%')
        or exists (select from pg_prepared_xacts where transaction::text = id)`,
    [ids],
  );
  return rows[0]?.resting === running.length;
}

/** What a server says of a range of transactions, as runs of equal status: a few rows, however long the range. */
import type pg from 'pg';
import { type IdRange, parseSnapshot, type Snapshot, type StatusRun, type TransactionStatus } from '../../../domain/backup/snapshot.ts';

/**
 * Works on a primary and on a paused standby: there pg_xact_status looks into the list of transactions that recovery knows to be running,
 * while the text of pg_current_snapshot() leaves that list out (it lies in the part of the snapshot that is not printed), so
 * pg_visible_in_snapshot would call running transactions visible.
 */
export const statusRunsSql = `/* assay backup */
select min(id)::text as first, max(id)::text as last, status
from (
  select id, status, id - row_number() over (partition by status order by id) as island
  from (select id, pg_xact_status(id::text::xid8) as status from generate_series($1::numeric, $2::numeric - 1) id) asked
) numbered
group by status, island
order by min(id)`;

/** Statuses of [from, to). `to` must not lie beyond the server's own xmax. */
export async function readStatusRuns(client: pg.ClientBase, range: IdRange): Promise<readonly StatusRun[]> {
  if (range.to <= range.from) return [];
  const { rows } = await client.query<{ first: string; last: string; status: TransactionStatus }>(statusRunsSql, [String(range.from), String(range.to)]);
  return rows.map((row) => ({ from: BigInt(row.first), to: BigInt(row.last), status: row.status }));
}

/** The server's own snapshot now; on a standby only its xmin and xmax mean anything. */
export async function readSnapshot(client: pg.ClientBase): Promise<Snapshot> {
  const { rows } = await client.query<{ snapshot: string }>('/* assay backup */ select pg_current_snapshot()::text as snapshot');
  return parseSnapshot((rows[0] as { snapshot: string }).snapshot);
}

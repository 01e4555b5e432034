/** The witness table's statements: one writes and prunes, one reads the newest, on the source as on a clone. */
import type pg from 'pg';
import type { Witness } from '../../../domain/backup/model.ts';
import { witnessTable } from './objects.ts';

const instant = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const columns = `id::text, ${instant('at')} as at, lsn::text, xid::text as "transactionId", nonce::text`;

/**
 * $1 nonce, $2 how long witnesses are kept. Only the oldest hundred are looked at for pruning, by primary key: the cost stays the same
 * however many there are, and each write adds one.
 */
export const writeWitnessSql = `/* assay backup */
with oldest as (select id, at from ${witnessTable} order by id limit 100),
pruned as (delete from ${witnessTable} where id in (select id from oldest where at < clock_timestamp() - $2::interval))
insert into ${witnessTable} (at, lsn, xid, nonce)
values (clock_timestamp(), pg_current_wal_insert_lsn(), pg_current_xact_id(), $1)
returning ${columns}`;

// qualified: a bare `id` would be the text column of the result, and '9' sorts after '10' there
export const newestWitnessSql = `/* assay backup */ select ${columns} from ${witnessTable} as witness order by witness.id desc limit 1`;

/** The newest witness in the session's snapshot; null where the database has no witness table, no right to it, or no rows. */
export async function newestWitness(client: pg.ClientBase): Promise<Witness | null> {
  const { rows: found } = await client.query<{ readable: boolean }>(
    `/* assay backup */ select coalesce(has_schema_privilege(relnamespace, 'usage') and has_table_privilege(oid, 'select'), false) as readable
     from pg_class where oid = to_regclass($1)`,
    [witnessTable],
  );
  if (found[0]?.readable !== true) return null;
  const { rows } = await client.query<Witness>(newestWitnessSql);
  return rows[0] ?? null;
}

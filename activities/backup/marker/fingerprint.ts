/**
 * The fingerprint of one table: row count and the sum of seeded row hashes (backup.md 2.4). The same function runs on source and clone.
 *
 * A plain sum of row hashes is blind: a row's hash is linear over its columns, so two rows that exchange a value sum to the same, and
 * with seed 0 NULL hashes as 0. Hashing each row's hash once more, both with fresh non-zero seeds, closes both holes at no cost.
 */
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { TableContent } from '../../../domain/backup/fingerprint.ts';
import type { Equality, TableName } from '../../../domain/backup/model.ts';
import { qualified } from '../../pg.ts';
import { columnAliases, rowText, type TextColumn } from './name-columns.ts';

export type Seeds = readonly [string, string];

export interface FingerprintForm {
  readonly seeds: Seeds;
  readonly equality: Equality;
  /** `text`: the columns of a table that has some whose text names other objects; left out or null: the row as it prints. */
  readonly columns?: readonly TextColumn[] | null;
}

/**
 * Session settings under which fingerprints are made, on source and clone alike: everything that changes the text form of a value is
 * pinned, row security raises an error instead of hiding rows, and nothing of the server's own time-outs ends a long read.
 */
export const fingerprintSettings: Readonly<Record<string, string>> = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '3',
  bytea_output: 'hex',
  lc_monetary: 'C',
  quote_all_identifiers: 'off',
  search_path: 'pg_catalog',
  row_security: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  // whole-row hashes gain nothing from it, and many small tables would pay for each compilation
  jit: 'off',
};

/** int8 as text, never '0'. */
export function freshSeeds(): Seeds {
  return [freshSeed(), freshSeed()];
}

/** One statement, one row: `rows`, `sum`, both text. Inherited rows are left out: each child has a fingerprint of its own. */
export function fingerprintSql(table: TableName, form: FingerprintForm): string {
  const [first, second] = form.seeds.map(int8) as [string, string];
  const columns = form.equality === 'text' ? (form.columns ?? null) : null;
  // `t.*`, not `t`: a column may be called t, and then `t` would mean that column alone
  const row = form.equality === 'hash' ? `hash_record_extended(t.*, ${first})` : `hashtextextended((${rowText(columns, first)}) collate "C", ${first})`;
  return (
    `/* assay backup */ select count(*)::text as rows, coalesce(sum(hashint8extended(${row}, ${second})), 0)::text as sum ` +
    `from only ${qualified(table.schema, table.table)} t${columnAliases(columns)}`
  );
}

/**
 * Reads one table whole, in whatever transaction and snapshot the session is in. The session must have `fingerprintSettings`.
 * Errors are PostgreSQL's own (see `pg-errors.ts`): the caller knows whether a missing table is a fault or a race.
 */
export async function fingerprintTable(client: pg.ClientBase, table: TableName, form: FingerprintForm): Promise<TableContent> {
  const { rows } = await client.query<TableContent>(fingerprintSql(table, form));
  return rows[0] as TableContent;
}

function freshSeed(): string {
  const seed = randomBytes(8).readBigInt64BE();
  return seed === 0n ? freshSeed() : String(seed);
}

/** Seeds come from stored markers: nothing but a number may get into the SQL. */
function int8(seed: string): string {
  return `'${BigInt.asIntN(64, BigInt(seed))}'::int8`;
}

/** One table in the marker's snapshot, in a transaction of its own: its locks are gone before the next table's are asked for. */
import type pg from 'pg';
import type { TableContent } from '../../../domain/backup/fingerprint.ts';
import type { Equality, NotCoveredReason } from '../../../domain/backup/model.ts';
import { literal } from '../../pg.ts';
import { faultOf, scrubbedReason } from '../../pg-errors.ts';
import { fingerprintSql, type Seeds } from './fingerprint.ts';
import type { SourceTable } from './tables.ts';

export interface ReadForm {
  /** Of the holder: see HeldSnapshot. */
  readonly exportedId: string;
  readonly seeds: Seeds;
  readonly equality: Equality;
}

export type ReadOutcome =
  | { readonly kind: 'read'; readonly content: TableContent; readonly bytes: number; readonly equality: Equality }
  | { readonly kind: 'locked'; readonly detail: string }
  | { readonly kind: 'not-covered'; readonly reason: NotCoveredReason; readonly detail: string };

/**
 * Holding no lock while waiting for one, a reader can never be part of a deadlock with the application's migrations; that is why tables
 * are not read several to a transaction. One round trip. Throws only where the connection is gone.
 */
export async function readTable(client: pg.Client, table: SourceTable, form: ReadForm): Promise<ReadOutcome> {
  const nameless = form.equality === 'text' ? table.columns?.find(({ how }) => how === 'none') : undefined;
  if (nameless !== undefined) {
    const detail = `the text of column ${nameless.name} names other objects, which may be renamed, and its type has no hash`;
    return { kind: 'not-covered', reason: 'unreadable-type', detail };
  }
  try {
    const results = (await client.query(
      `begin isolation level repeatable read read only; set transaction snapshot ${literal(form.exportedId)};
       ${fingerprintSql(table, { ...form, columns: table.columns })}; select pg_table_size(${BigInt(table.oid)}::oid) as bytes; commit`,
    )) as unknown as readonly [unknown, unknown, pg.QueryResult<TableContent>, pg.QueryResult<{ bytes: string | null }>];
    const [content, size] = [results[2].rows[0] as TableContent, results[3].rows[0]];
    return { kind: 'read', content, bytes: Number(size?.bytes ?? 0), equality: form.equality };
  } catch (error) {
    await client.query('rollback');
    return outcomeOf(error, form.equality) ?? readTable(client, table, { ...form, equality: 'text' });
  }
}

/** Goes into the held snapshot and out again. Throws where its holder is gone. */
export async function importSnapshot(client: pg.Client, exportedId: string): Promise<void> {
  await client.query(`begin isolation level repeatable read read only; set transaction snapshot ${literal(exportedId)}; commit`);
}

/** undefined: worth another try in the text form. */
function outcomeOf(error: unknown, equality: Equality): ReadOutcome | undefined {
  const detail = scrubbedReason(error);
  switch (faultOf(error)) {
    case 'lock-timeout':
      return { kind: 'locked', detail: `somebody held an exclusive lock on it: ${detail}` };
    case 'cancelled':
      return { kind: 'not-covered', reason: 'budget', detail: 'the time for this snapshot was over before the table was read' };
    case 'conflict':
      return { kind: 'not-covered', reason: 'budget', detail: `the standby's replay could not wait for it (hot_standby_feedback makes it wait): ${detail}` };
    case 'object-missing':
      return { kind: 'not-covered', reason: 'dropped-while-reading', detail };
    case 'privilege-missing':
      return { kind: 'not-covered', reason: 'no-privilege', detail };
    case 'unreachable':
      throw error;
    case 'function-missing':
      // the catalogue promised a hash that the type does not keep
      return equality === 'hash' ? undefined : { kind: 'not-covered', reason: 'unreadable-type', detail };
    default:
      return { kind: 'not-covered', reason: 'unreadable-type', detail };
  }
}

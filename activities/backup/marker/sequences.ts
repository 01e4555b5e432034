/** Values of sequences, such that a sound clone can never lie behind them. */
import type pg from 'pg';
import type { SequenceState } from '../../../domain/backup/model.ts';

export interface SequenceValue extends SequenceState {
  readonly oid: number;
  /** TRUNCATE … RESTART IDENTITY and ALTER SEQUENCE … RESTART exchange it. */
  readonly file: string;
}

/** Reading a sequence's value takes a lock that lasts as long as the statement's transaction. */
const AT_ONCE = 100;

/** What each sequence of this database has given out by now. Left out: sequences nobody used yet, those the role may not see, and those that cycle (none of their values is behind another). */
export async function readSequences(watch: pg.Client): Promise<readonly SequenceValue[]> {
  const { rows } = await watch.query<{ oid: string }>(
    `/* assay backup */ select c.oid::int8 as oid from pg_class c join pg_sequence s on s.seqrelid = c.oid
     where c.relkind = 'S' and c.relpersistence = 'p' and c.oid >= 16384 and not s.seqcycle order by c.oid`,
  );
  const values: SequenceValue[] = [];
  for (let at = 0; at < rows.length; at += AT_ONCE) {
    values.push(
      ...(await readValues(
        watch,
        rows.slice(at, at + AT_ONCE).map((row) => row.oid),
      )),
    );
  }
  return values;
}

/**
 * Sequences are not transactional: their value at the marker's LSN lies somewhere between a reading before it and one after it.
 * The lesser of the two is what a clone must have reached at least (the greater, where the sequence counts down), unless it began anew between them:
 * it may have been behind both.
 */
export function settleSequences(before: readonly SequenceValue[], after: readonly SequenceValue[]): readonly SequenceState[] {
  const later = new Map(after.map((sequence) => [sequence.oid, sequence]));
  return before.flatMap(({ oid, file, schema, table, lastValue, increment }) => {
    const now = later.get(oid);
    // dropped, begun anew, renamed or turned round meanwhile
    if (now === undefined || now.file !== file || now.schema !== schema || now.table !== table || now.increment !== increment) return [];
    const nowLess = BigInt(now.lastValue) < BigInt(lastValue);
    const countsDown = BigInt(increment) < 0n;
    return [{ schema, table, increment, lastValue: nowLess !== countsDown ? now.lastValue : lastValue }];
  });
}

async function readValues(watch: pg.Client, oids: readonly string[]): Promise<readonly SequenceValue[]> {
  try {
    const { rows } = await watch.query<SequenceValue & { oid: string }>(
      `/* assay backup */ select * from (
         select c.oid::int8 as oid, c.relfilenode::text as file, n.nspname as schema, c.relname as table, s.seqincrement::text as increment,
           case when has_sequence_privilege(c.oid, 'usage, select') then pg_sequence_last_value(c.oid) end::text as "lastValue"
         from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_sequence s on s.seqrelid = c.oid
         where c.oid = any ($1::oid[])) read where "lastValue" is not null`,
      [oids],
    );
    return rows.map((row) => ({ ...row, oid: Number(row.oid) }));
  } catch (error) {
    // one was dropped under the statement, or is being altered: find it by halves, the others still count
    if (oids.length === 1) return [];
    if (!(error instanceof Error && 'code' in error)) throw error;
    const half = Math.ceil(oids.length / 2);
    return [...(await readValues(watch, oids.slice(0, half))), ...(await readValues(watch, oids.slice(half)))];
  }
}

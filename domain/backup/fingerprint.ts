/** Comparing what a marker recorded of the source with what the clone holds, table by table. */
import type { Marker, TableFingerprint, TableName } from './model.ts';

/** What one fingerprint query gives. */
export interface TableContent {
  /** int8 as text. */
  readonly rows: string;
  /** numeric as text; '0' for an empty table. */
  readonly sum: string;
}

export interface CloneTable extends TableName {
  /** null: the clone has no such table. */
  readonly content: TableContent | null;
}

export interface Difference extends TableName {
  readonly kind: 'missing-table' | 'row-count' | 'content';
  /**
   * The fingerprint was taken in the marker's own snapshot. One that was carried over from an older marker (`changed` mode) rests on
   * statistics counters, which may come late: it can confirm a table, never convict a backup.
   */
  readonly certain: boolean;
  /** One sentence with figures, no rows. */
  readonly because: string;
}

export interface Comparison {
  readonly equal: number;
  readonly differences: readonly Difference[];
  /** Tables of the marker that the clone was not asked for. */
  readonly missingAnswers: readonly TableName[];
}

/** Was this fingerprint carried over from an older marker? */
export function isCarriedOver(marker: Pick<Marker, 'at'>, fingerprint: Pick<TableFingerprint, 'takenAt'>): boolean {
  return Date.parse(fingerprint.takenAt) < Date.parse(marker.at);
}

/** Every table of the marker is judged; the order of the answers does not matter. */
export function compareFingerprints(marker: Pick<Marker, 'at' | 'fingerprints'>, clone: readonly CloneTable[]): Comparison {
  const answers = new Map(clone.map((table) => [keyOf(table), table]));
  const differences: Difference[] = [];
  const missingAnswers: TableName[] = [];
  let equal = 0;
  for (const source of marker.fingerprints) {
    const answer = answers.get(keyOf(source));
    if (answer === undefined) {
      missingAnswers.push({ schema: source.schema, table: source.table });
      continue;
    }
    const difference = compareTable(source, answer.content);
    if (difference === null) equal += 1;
    else differences.push({ schema: source.schema, table: source.table, certain: !isCarriedOver(marker, source), ...difference });
  }
  return { equal, differences, missingAnswers };
}

/** null: equal. */
export function compareTable(source: TableFingerprint, clone: TableContent | null): Pick<Difference, 'kind' | 'because'> | null {
  const name = `${source.schema}.${source.table}`;
  if (clone === null) return { kind: 'missing-table', because: `${name} is missing on the clone (${source.rows} rows on the source)` };
  if (clone.rows !== source.rows) return { kind: 'row-count', because: `${name} has ${clone.rows} rows, the source had ${source.rows}` };
  if (clone.sum !== source.sum) return { kind: 'content', because: `${name} has the same ${source.rows} rows by number, but not by content` };
  return null;
}

/** Names may hold dots: the separator is a byte no PostgreSQL name can hold. */
const keyOf = (table: TableName) => `${table.schema}\0${table.table}`;

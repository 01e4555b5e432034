/** Index candidates from the shape of a statement: what could serve it, widest sense first; the planner judges them afterwards. */

import { labOnlyCandidates } from './candidates-lab-only.ts';
import { columnDistinct } from './index-size.ts';
import { btree, columnKey, indexText } from './index-sql.ts';
import type { Candidate, IndexDefinition, IndexKey, TableFacts } from './model.ts';
import { coveredBy } from './redundancy.ts';
import type { FixedPredicate, RelationUse, StatementShape, Term } from './statement-shape.ts';

export interface CandidateOptions {
  /** Key columns at most; default 4. */
  readonly maxKeys?: number;
  /** Default true. */
  readonly include?: boolean;
  /** `structural`: only on conditions between a row's own columns, no constant. Default true. */
  readonly partial?: boolean | 'structural';
  /** hash, BRIN and what only the lab judges. */
  readonly otherMethods?: boolean;
}

/** Below this a scan of the whole table costs next to nothing. */
const SMALL_TABLE_BYTES = 64 * 1024;
/** An index nearly as wide as the row is a second table. */
const MAX_WIDTH_SHARE = 0.75;
const MAX_KEYS = 4;
const MOST_VALUES = 50;

/**
 * Candidates for one statement, each once, none that an existing index covers. b-trees: equality columns first, then one range, the order or the
 * group; join columns alone and with what limits them; each plain and with INCLUDE of all that the statement reads of the table.
 */
export function candidatesFor(shape: StatementShape, facts: readonly TableFacts[], options: CandidateOptions = {}): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const use of shape.relations) {
    const table = facts.find((known) => known.table.schema === use.table.schema && known.table.relation === use.table.relation);
    if (table === undefined || table.sizeBytes < SMALL_TABLE_BYTES) continue;
    for (const candidate of candidatesOf(use, table, options)) {
      if (candidate.kind === 'create-index' && coveredBy(candidate.index, table.indexes) !== null) continue;
      const text = candidate.kind === 'create-statistics' ? JSON.stringify(candidate) : indexText(candidate.index);
      if (!found.has(text)) found.set(text, candidate);
    }
  }
  return [...found.values()];
}

function candidatesOf(use: RelationUse, table: TableFacts, options: CandidateOptions): Candidate[] {
  const maxKeys = options.maxKeys ?? MAX_KEYS;
  const plain = keyLists(use, table).map((keys) => ofKeys(use, keys.slice(0, maxKeys)));
  const indexes = (options.include ?? true) ? plain.flatMap((index) => [index, ...withInclude(index, use, table)]) : plain;
  const predicates = predicatesOf(use, table, options.partial ?? true);
  const partial = indexes.flatMap((index) => predicates.flatMap((predicate) => partialOf(index, predicate)));
  const others = (options.otherMethods ?? true) ? otherMethods(use, table) : [];
  const lab = (options.otherMethods ?? true) ? labOnlyCandidates(use, table) : [];
  return [
    ...[...indexes, ...partial, ...others].map((index) => ({ kind: 'create-index' as const, index, isLabOnly: false })),
    ...lab.map((index) => ({ kind: 'create-index' as const, index, isLabOnly: true })),
    ...statistics(use, table),
  ];
}

/** Every order of keys worth a look; leading parts of each other are all kept, since they differ in size. */
function keyLists(use: RelationUse, table: TableFacts): IndexKey[][] {
  const equality = use.equality.map(termKey).toSorted((a, b) => distinctOf(b, table) - distinctOf(a, table));
  const joins = use.join.map(columnKey);
  const ranges = [...use.range.map(termKey), ...use.patterns.flatMap(patternKeys)];
  const order = forwards(use.order);
  const group = use.group.map(columnKey);
  // a second range skips no part of the index, but spares a look into the table for each entry outside it
  const pairs = ranges.flatMap((range) => ranges.filter((other) => other !== range).map((other) => [range, other]));
  const tails: IndexKey[][] = [[], ...ranges.map((key) => [key]), ...pairs, ranges, order, group];
  const heads: IndexKey[][] = [[], equality, ...equality.map((key) => [key]), ...joins.map((key) => [key])];
  for (const join of joins) heads.push([join, ...equality], [...equality, join], ...joins.map((other) => [join, other]));
  const lists = heads.flatMap((head) => tails.map((tail) => [...head, ...tail]));
  // one column of each kind behind a range serves index-only scans that are joined or grouped afterwards
  for (const range of ranges) for (const join of joins) lists.push([range, join]);
  const distinct = new Map(lists.map(withoutRepeats).map((keys) => [JSON.stringify(keys), keys]));
  return [...distinct.values()].filter((keys) => keys.length > 0);
}

const ofKeys = (use: RelationUse, keys: readonly IndexKey[]): IndexDefinition => ({ ...btree(use.table, []), keys });

/** With the remaining columns that the statement reads, where that opens an index-only scan and stays narrower than the table. */
function withInclude(index: IndexDefinition, use: RelationUse, table: TableFacts): IndexDefinition[] {
  const keys = new Set(index.keys.map(({ column }) => column));
  const include = use.columns.filter((column) => !keys.has(column));
  if (use.isWhole || include.length === 0) return [];
  const width = (names: ReadonlySet<string | null> | null) =>
    table.columns.reduce((sum, { name, width: bytes }) => sum + (names === null || names.has(name) ? bytes : 0), 0);
  return width(new Set([...keys, ...include])) > MAX_WIDTH_SHARE * width(null) ? [] : [{ ...index, include }];
}

/**
 * Conditions that every execution has: each, and together those between a row's own columns, and those with constants; these only where few values mean
 * few rows each: a column of thousands of values is asked for one of them today and another tomorrow.
 */
function predicatesOf({ predicates }: RelationUse, table: TableFacts, wanted: boolean | 'structural'): readonly FixedPredicate[] {
  const isOfFew = (name: string) => table.columns.every((column) => column.name !== name || columnDistinct(column, table.rows) <= MOST_VALUES);
  const structural = predicates.filter(({ isAmongColumns }) => isAmongColumns);
  const fixed = predicates.filter(({ isAmongColumns, columns }) => !isAmongColumns && columns.every(isOfFew));
  if (wanted === false) return [];
  return [...structural, ...conjunction(structural), ...(wanted === true ? [...fixed, ...conjunction(fixed)] : [])];
}

const conjunction = (predicates: readonly FixedPredicate[]): readonly FixedPredicate[] =>
  predicates.length < 2
    ? []
    : [
        {
          sql: predicates.map(({ sql }) => `(${sql})`).join(' AND '),
          columns: predicates.flatMap(({ columns }) => columns),
          isAmongColumns: predicates.every(({ isAmongColumns }) => isAmongColumns),
        },
      ];

/** The same over the rows of one condition, without its columns where others remain. */
function partialOf(index: IndexDefinition, { sql, columns, isAmongColumns }: FixedPredicate): IndexDefinition[] {
  const names = new Set(columns);
  const include = index.include.filter((column) => !names.has(column));
  const keys = index.keys.filter(({ column }) => column === null || !names.has(column));
  // a column that is compared with another may be searched by as well
  const whole = isAmongColumns && keys.length < index.keys.length ? [{ ...index, include, predicate: sql }] : [];
  return keys.length === 0 ? whole : [{ ...index, keys, include, predicate: sql }, ...whole];
}

/** Hash where values are long, BRIN where the table lies in the order of the column and is large. */
function otherMethods(use: RelationUse, table: TableFacts): IndexDefinition[] {
  const columns = new Map(table.columns.map((column) => [column.name, column]));
  const named = (terms: readonly Term[]) => terms.flatMap(({ column }) => columns.get(column ?? '') ?? []);
  const hash = named(use.equality).filter(({ width, distinct }) => width > 32 && (distinct < -0.1 || distinct > 1000));
  const brin = named([...use.range, ...use.equality]).filter(({ correlation }) => Math.abs(correlation ?? 0) > 0.95 && table.sizeBytes > 16 * 1024 ** 2);
  return [
    ...hash.map(({ name }) => ({ ...btree(use.table, [name]), method: 'hash' as const })),
    ...brin.map(({ name }) => ({ ...btree(use.table, [name]), method: 'brin' as const })),
  ];
}

/** Columns compared or grouped together whose values may go together: without statistics their selectivities are multiplied, and so are their numbers of values. */
function statistics(use: RelationUse, table: TableFacts): Candidate[] {
  const together = [use.equality.flatMap(({ column }) => column ?? []), use.group].map((names) => [...new Set(names)].toSorted());
  const isWorth = (columns: readonly string[]) => columns.length >= 2 && columns.length <= 8 && table.rows >= 10_000;
  return together.filter(isWorth).map((columns) => ({ kind: 'create-statistics', table: use.table, columns }));
}

const termKey = ({ column, expression }: Term): IndexKey => ({ ...columnKey(''), column, expression });

/** A prefix is found by a plain b-tree under the C collation only; under others by the pattern class. Which one the database has, the planner says. */
const patternKeys = ({ term, kind }: RelationUse['patterns'][number]): IndexKey[] =>
  kind === 'inside' ? [] : [termKey(term), { ...termKey(term), operatorClass: 'text_pattern_ops' }];

/** An order that is wholly backwards is the plain index read backwards. */
function forwards(order: readonly IndexKey[]): IndexKey[] {
  const isBackwards = order.every(({ descending, nullsFirst }) => descending && nullsFirst !== false);
  return order.map((key) => (isBackwards ? { ...key, descending: false, nullsFirst: null } : key));
}

function withoutRepeats(keys: readonly IndexKey[]): IndexKey[] {
  const seen = new Set<string>();
  return keys.filter(({ column, expression }) => {
    const name = JSON.stringify([column, expression]);
    return !seen.has(name) && seen.add(name);
  });
}

function distinctOf(key: IndexKey, table: TableFacts): number {
  const column = table.columns.find(({ name }) => name === key.column);
  return column === undefined ? 0 : columnDistinct(column, table.rows);
}

/**
 * How large an index will really be. HypoPG's figure knows neither deduplication nor alignment and is 1.0 to 12 times too large (design/optimizer.md, 4.4);
 * this follows nbtsort.c and nbtdedup.c (13+): what CREATE INDEX writes, before any update.
 */
import { btreeLeafPages } from './btree-pages.ts';
import { isDeduplicable, typeLayout } from './column-layout.ts';
import type { ColumnFacts, IndexDefinition, TableFacts } from './model.ts';

/** What the statistics of single columns cannot say; each is asked on the lab where it matters. */
export interface SizeHints {
  /** Share of the rows that a partial index holds; default 0.1 where it has a predicate. */
  readonly rowShare?: number;
  /** Distinct combinations of all key columns; default: the product of their own, as far as the rows go. */
  readonly distinct?: number;
}

export interface IndexSize {
  readonly bytes: number;
  /** Levels above the leaves: 0 for an index of one page. What a probe descends. */
  readonly height: number;
  /** Distinct combinations of all keys; of b-trees only. */
  readonly distinct?: number;
}

const PAGE = 8192;
/** Upper pages are filled to 70 % (BTREE_NONLEAF_FILLFACTOR). */
const UPPER_BYTES = (PAGE - 40) * 0.7;
const HASH_TUPLES_PER_PAGE = 307;
const UNKNOWN_WIDTH = 16;
/** HypoPG's and PostgreSQL's own default for what has no statistics. */
const UNKNOWN_DISTINCT = 200;

/** Size and height of one index right after CREATE INDEX. GIN and GiST are guessed from the width of what they hold: only building them tells. */
export function indexSize(index: IndexDefinition, facts: TableFacts, hints: SizeHints = {}): IndexSize {
  const rows = Math.max(0, Math.round(facts.rows * (index.predicate === null ? 1 : (hints.rowShare ?? 0.1))));
  if (index.method === 'hash') return { bytes: hashPages(rows) * PAGE, height: 0 };
  if (index.method === 'brin') return { bytes: brinPages(index, facts) * PAGE, height: 0 };
  const columns = columnsOf(index, facts);
  if (index.method !== 'btree') return { bytes: Math.ceil(rows * (20 + totalWidth(columns))), height: 2 };
  return btreeSize({ index, facts, columns, rows, distinct: Math.min(rows, hints.distinct ?? distinctOf(index, facts, rows)) });
}

function btreeSize(parts: {
  readonly index: IndexDefinition;
  readonly facts: TableFacts;
  readonly columns: readonly ColumnFacts[];
  readonly rows: number;
  readonly distinct: number;
}): IndexSize {
  const { index, columns, rows, distinct } = parts;
  const tupleBytes = tupleWidth(columns);
  // INCLUDE, UNIQUE and types whose equal values may look different are never deduplicated
  const keys = columns.slice(0, index.keys.length);
  const isDeduplicated = index.include.length === 0 && !index.unique && keys.every(({ type }) => isDeduplicable(type));
  // nulls of a single key are one group, however many values the others have
  const nulls = keys.length === 1 ? Math.round(rows * (keys[0]?.nullShare ?? 0)) : 0;
  const rest = { rows: rows - nulls, distinct: nulls > 0 ? Math.max(1, distinct - 1) : distinct };
  let pages = btreeLeafPages({ ...rest, tupleBytes, isDeduplicated });
  if (nulls > 0) pages += btreeLeafPages({ rows: nulls, distinct: 1, tupleBytes: 16, isDeduplicated }) - 1;
  let total = pages;
  let height = 0;
  // of a key that fills whole pages only the row's place tells neighbours apart
  const separatorBytes = 4 + tupleWidth(keys.map((column) => ({ ...column, nullShare: 0 }))) + (rest.rows / rest.distinct > 300 ? 8 : 0);
  while (pages > 1) {
    pages = Math.ceil((pages * separatorBytes) / UPPER_BYTES);
    total += pages;
    height += 1;
  }
  return { bytes: (total + 1) * PAGE, height, distinct };
}

/** Header, bitmap where a value may be null, each column at its alignment, the whole at 8: averaged over rows with and without nulls. */
function tupleWidth(columns: readonly ColumnFacts[]): number {
  const withNulls = 1 - columns.reduce((share, { nullShare }) => share * (1 - nullShare), 1);
  let bytes = 0;
  let isVarying = false;
  for (const { type, width, nullShare } of columns) {
    const layout = typeLayout(type, width);
    isVarying ||= layout.isVarying;
    bytes = alignTo(bytes, isVarying ? 1 : layout.align) + layout.bytes * (1 - nullShare) + (isVarying ? (layout.align - 1) / 2 : 0);
  }
  // widths that vary lie anywhere between two multiples of 8
  const padded = isVarying ? bytes + 3.5 : alignTo(bytes, 8);
  return 8 + padded + 8 * withNulls;
}

/** Distinct combinations of the keys, as if columns were independent; a unique index among them makes every row its own. */
function distinctOf(index: IndexDefinition, facts: TableFacts, rows: number): number {
  const names = new Set(index.keys.map(({ column }) => column));
  if (holdsUnique(names, facts)) return rows;
  const cells = columnsOf({ ...index, include: [] }, facts).reduce((product, column) => product * columnDistinct(column, facts.rows), 1);
  if (cells === 0 || rows === 0) return rows;
  // one column: what the statistics say. Several: rows thrown into the cells of their product, some of which stay empty
  return index.keys.length === 1 ? Math.min(cells, rows) : cells * -Math.expm1(-rows / cells);
}

/** One row has them all: they hold the keys of a unique index. */
export const holdsUnique = (columns: ReadonlySet<string | null>, { indexes }: TableFacts): boolean =>
  indexes.some(
    ({ unique, isValid, predicate, keys }) => unique && isValid && predicate === null && keys.every(({ column }) => column !== null && columns.has(column)),
  );

/** Distinct values of a column, a null counting as one. */
export function columnDistinct({ distinct, nullShare }: ColumnFacts, rows: number): number {
  const known = distinct === 0 ? UNKNOWN_DISTINCT : distinct > 0 ? distinct : -distinct * rows;
  return Math.max(1, Math.min(rows, known) + (nullShare > 0 ? 1 : 0));
}

/** Facts of each key, then of each included column; an expression has none of its own. */
function columnsOf(index: IndexDefinition, facts: TableFacts): ColumnFacts[] {
  const byName = new Map(facts.columns.map((column) => [column.name, column]));
  const names = [...index.keys.map(({ column }) => column), ...index.include];
  return names.map((name) => (name === null ? undefined : byName.get(name)) ?? unknownColumn);
}

const unknownColumn: ColumnFacts = { name: '', type: 'text', notNull: false, width: UNKNOWN_WIDTH, distinct: 0, nullShare: 0, correlation: null };

const totalWidth = (columns: readonly ColumnFacts[]): number => columns.reduce((sum, { width }) => sum + width, 0);

const alignTo = (bytes: number, by: number): number => Math.ceil(bytes / by) * by;

/** Buckets grow by doubling in four steps; each has a page. One metapage, a bitmap page. */
function hashPages(rows: number): number {
  const wanted = Math.max(2, Math.ceil(rows / HASH_TUPLES_PER_PAGE));
  const power = 2 ** Math.floor(Math.log2(wanted));
  const buckets = power < 512 ? 2 ** Math.ceil(Math.log2(wanted)) : Math.ceil(wanted / (power / 4)) * (power / 4);
  return buckets + 3;
}

/** One small tuple for each 128 heap pages, and the map to them. */
function brinPages(index: IndexDefinition, facts: TableFacts): number {
  const ranges = Math.ceil(facts.sizeBytes / PAGE / 128);
  const width = 16 + 2 * totalWidth(columnsOf(index, facts));
  return 2 + Math.ceil((ranges * width) / (PAGE - 40)) + Math.ceil(ranges / 1360);
}

/** What nested loops over indexes really read, from a database's statistics. */
import type { A_Expr, BoolExpr } from 'libpg-query';
import type pg from 'pg';
import { columnDistinct, holdsUnique } from '../../../domain/optimizer/index-size.ts';
import { missingLoopCost, type PlannerCosts, type Probe } from '../../../domain/optimizer/loop-cost.ts';
import type { IndexDefinition, TableFacts } from '../../../domain/optimizer/model.ts';
import type { PlanNode } from '../../../domain/optimizer/plan-runs.ts';
import { isFault, parseOne, parserReady } from '../bind/tree.ts';
import { operatorName, stringOf } from '../parse/expression-sql.ts';
import { nodesOf } from '../rewrite/walk.ts';

export interface LoopCosts {
  /** Cost units that the plan's total leaves out. `others`: indexes that are not among the facts' own, by their names in the plan. */
  missing(plan: PlanNode, others?: ReadonlyMap<string, SizedIndex>): number;
}

export interface SizedIndex {
  readonly index: IndexDefinition;
  readonly bytes: number;
  /** Distinct combinations of all its keys; left out: as if columns were independent. */
  readonly distinct?: number;
}

const PAGE = 8192;

/** Costs as they are set in the session now. */
export async function openLoopCosts(client: pg.Client, facts: readonly TableFacts[]): Promise<LoopCosts> {
  await parserReady();
  const costs = await plannerCosts(client);
  const tables = onlyOnes(facts.map((each) => [each.table.relation, each]));
  const existing = onlyOnes(facts.flatMap(({ indexes }) => indexes.map((index) => [index.name, { index, bytes: index.sizeBytes }] as const)));
  const conditions = new Map<string, Condition>();
  const conditionOf = (text: string): Condition => {
    const known = conditions.get(text) ?? read(text);
    conditions.set(text, known);
    return known;
  };
  const pagesOf = ({ 'Relation Name': relation = '' }: PlanNode): number => (tables.get(relation)?.sizeBytes ?? 0) / PAGE;
  const probeOf = (scan: PlanNode, others: ReadonlyMap<string, SizedIndex>): Probe | null => {
    const by = lookupOf(scan);
    const table = tables.get(scan['Relation Name'] ?? '');
    const name = by?.['Index Name'] ?? '';
    const sized = others.get(name) ?? existing.get(name);
    const condition = by?.['Index Cond'];
    if (by === undefined || table === undefined || sized === undefined || sized.index.method !== 'btree' || condition === undefined) return null;
    const [first] = sized.index.keys;
    return {
      tablePages: pagesOf(scan),
      tableRows: table.rows,
      indexPages: sized.bytes / PAGE,
      rows: Math.max(by['Plan Rows'], rowsOfEach(conditionOf(condition), { sized, table, isFiltered: by === scan && scan.Filter !== undefined })),
      correlation: table.columns.find((column) => column.name === first?.column)?.correlation ?? 0,
      keys: sized.index.keys.length,
    };
  };
  return { missing: (plan, others = new Map()) => missingLoopCost(plan, costs, { probeOf: (scan) => probeOf(scan, others), pagesOf }) };
}

/** The node that asks the index: of a bitmap of several none is told. */
function lookupOf(scan: PlanNode): PlanNode | undefined {
  if (scan['Node Type'] !== 'Bitmap Heap Scan') return scan;
  const [only, ...more] = scan.Plans ?? [];
  return only?.['Node Type'] === 'Bitmap Index Scan' && more.length === 0 ? only : undefined;
}

/** Plans name no schemas: where two are called alike nothing is said of either. */
function onlyOnes<T>(named: readonly (readonly [string, T])[]): ReadonlyMap<string, T> {
  const [found, twice] = [new Map(named), new Set<string>()];
  const seen = new Set<string>();
  for (const [name] of named) (seen.has(name) ? twice : seen).add(name);
  for (const name of twice) found.delete(name);
  return found;
}

/** What an index is asked for. */
interface Condition {
  /** Columns that are to equal another table's: any of its values, where a constant is one that the planner knows. */
  readonly equal: readonly string[];
  /** Nothing else is asked. */
  readonly isAll: boolean;
}

/** PostgreSQL prints the index's own column on the left. */
function read(text: string): Condition {
  const parsed = parseOne(`select ${text}`);
  if (isFault(parsed)) return { equal: [], isAll: false };
  const parts = nodesOf(parsed.root, 'A_Expr');
  const equal = parts.flatMap((part) => equated(part) ?? []);
  const isMore = equal.length < parts.length || nodesOf(parsed.root, 'NullTest').length > 0 || !isConjunction(nodesOf(parsed.root, 'BoolExpr'));
  return { equal, isAll: equal.length > 0 && !isMore };
}

const isConjunction = (expressions: readonly BoolExpr[]): boolean => expressions.every(({ boolop }) => boolop === 'AND_EXPR');

function equated({ kind, name = [], lexpr, rexpr }: A_Expr): string | null {
  if (kind !== 'AEXPR_OP' || name.length !== 1 || operatorName(name) !== '=' || lexpr === undefined || rexpr === undefined) return null;
  const column = 'ColumnRef' in lexpr && 'ColumnRef' in rexpr ? lexpr.ColumnRef.fields?.at(-1) : undefined;
  return column === undefined ? null : stringOf(column);
}

interface Asked {
  readonly sized: SizedIndex;
  readonly table: TableFacts;
  /** Its rows in the plan are those that pass a condition which the index does not know. */
  readonly isFiltered: boolean;
}

/** 0 where the plan's own figure says as much, or the statistics do not say. */
function rowsOfEach({ equal, isAll }: Condition, { sized: { index, distinct }, table, isFiltered }: Asked): number {
  const { columns, rows } = table;
  const names = new Set(equal);
  const known = columns.filter((column) => names.has(column.name) && column.distinct !== 0);
  // how many of its rows a partial index holds is known for whole sets of them only
  if (!isAll || known.length !== names.size || index.predicate !== null || rows === 0) return 0;
  if ((names.size === 1 && !isFiltered) || holdsUnique(names, table)) return 0;
  const isWholeKey = index.keys.every(({ column }) => column !== null && names.has(column));
  const independent = known.reduce((product, column) => product * columnDistinct({ ...column, nullShare: 0 }, rows), 1);
  // a null equals nothing
  const present = known.reduce((share, { nullShare }) => share * (1 - nullShare), 1);
  return (present * rows) / Math.min(rows, (isWholeKey ? distinct : undefined) ?? independent);
}

async function plannerCosts(client: pg.Client): Promise<PlannerCosts> {
  const { rows } = await client.query<{ name: string; setting: string }>(
    `/* assay optimizer */ select name, setting from pg_catalog.pg_settings
      where name in ('seq_page_cost', 'random_page_cost', 'cpu_tuple_cost', 'cpu_index_tuple_cost', 'effective_cache_size')`,
  );
  const of = (name: string) => Number(rows.find((row) => row.name === name)?.setting ?? 0);
  return {
    seqPage: of('seq_page_cost'),
    randomPage: of('random_page_cost'),
    cpuTuple: of('cpu_tuple_cost'),
    cpuIndexTuple: of('cpu_index_tuple_cost'),
    effectiveCachePages: of('effective_cache_size'),
  };
}

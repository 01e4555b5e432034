/**
 * HypoPG tells the planner of a partial index as if its table were the first of the query: the condition's columns are left at range table entry 1
 * (hypo_injectHypotheticalIndex; through 1.4.3). Of a table that stands elsewhere no plan ever uses it, and where the first entry is no table the
 * backend may end by a segmentation fault (github.com/HypoPG/hypopg/issues/116). So a statement is planned with the table brought to the front of
 * its FROM; where it cannot be, partial indexes of the table are not shown.
 */
import type { JoinExpr, JoinType, Node, RangeVar, SelectStmt } from 'libpg-query';
import { quoteRelation } from '../../../domain/optimizer/index-sql.ts';
import type { Bound, IndexDefinition, RelationName, TableFacts } from '../../../domain/optimizer/model.ts';
import { isFault, parseOne, type Tree } from '../bind/tree.ts';
import { textOf } from '../rewrite/query-text.ts';
import { nodesOf, queriesOf } from '../rewrite/walk.ts';

export interface Shown {
  readonly bound: Bound;
  readonly indexes: readonly IndexDefinition[];
}

export interface Ways {
  /** Without partial indexes. */
  readonly whole: Shown;
  /** For each table of which there are any and that can be the first, with these and the whole ones. */
  readonly others: readonly Shown[];
}

/** The parser must be ready. */
export function waysToShow(facts: readonly TableFacts[]): (bound: Bound, indexes: readonly IndexDefinition[]) => Ways {
  const texts = new Map<string, string | null>();
  const textFor = ({ text }: Bound, table: RelationName): string | null => {
    const key = JSON.stringify([text, table.schema, table.relation]);
    if (!texts.has(key)) texts.set(key, textWithFirst(text, table, facts));
    return texts.get(key) ?? null;
  };
  return (bound, indexes) => {
    const isPartial = ({ predicate }: IndexDefinition) => predicate !== null;
    const plain = indexes.filter((index) => !isPartial(index));
    const partial = new Map<string, IndexDefinition[]>();
    for (const index of indexes.filter(isPartial)) partial.set(quoteRelation(index.table), [...(partial.get(quoteRelation(index.table)) ?? []), index]);
    const others = [...partial.values()].flatMap((own) => {
      const text = textFor(bound, (own[0] as IndexDefinition).table);
      return text === null ? [] : [{ bound: text === bound.text ? bound : { ...bound, text }, indexes: [...plain, ...own] }];
    });
    return { whole: { bound, indexes: plain }, others };
  };
}

/** The text to plan; null: partial indexes of this table cannot be judged for it. The parser must be ready. */
export function textWithFirst(text: string, table: RelationName, facts: readonly TableFacts[]): string | null {
  const parsed = parseOne(text);
  if (isFault(parsed)) return null;
  const tables = knownTables(facts);
  const isIt = (range: RangeVar) => tables.of(range) !== null && sameName(tables.of(range) as RelationName, table);
  if (parsed.kind === 'UpdateStmt' || parsed.kind === 'DeleteStmt') return ofWrite(parsed.root, isIt) ? text : null;
  if (parsed.kind !== 'SelectStmt') return null;
  const ranges = nodesOf(parsed.root, 'RangeVar');
  const named = nodesOf(parsed.root, 'CommonTableExpr').map(({ ctename }) => ctename);
  const isRead = (range: RangeVar) => isIt(range) && !named.includes(range.relname ?? '');
  // what a view or a function reads nobody sees here
  const isNamed = (range: RangeVar) => range.schemaname === undefined && named.includes(range.relname ?? '');
  const isClear = ranges.every((range) => tables.of(range) !== null || isNamed(range));
  if (!isClear || !ranges.some(isRead) || named.includes(table.relation)) return null;
  const asked = parsed.root as SelectStmt;
  const moved = broughtForward(asked, isRead);
  if (readsDirectly(moved, isRead) && !isFirst(moved, isRead)) return null;
  // planned for itself, a sub-query has a first table of its own; pulled up, it is judged as if the index were not there
  if (!queriesOf(moved).every((level) => !readsDirectly(level, isRead) || isFirst(level, (range) => !isNamed(range)))) return null;
  return moved === asked ? text : textOf(moved);
}

/** The table that is changed is the first; that it is nowhere else is looked at, too. */
function ofWrite(root: Tree, isIt: (range: RangeVar) => boolean): boolean {
  const { relation, ...others } = root as { readonly relation?: RangeVar };
  return relation !== undefined && isIt(relation) && nodesOf(others, 'RangeVar').length === 0;
}

/** The same statement where it stands first already, is not in the outermost FROM, or may not be moved. */
function broughtForward(query: SelectStmt, isIt: (range: RangeVar) => boolean): SelectStmt {
  const from = query.fromClause ?? [];
  const place = from.findIndex((item) => leftmost(item, isIt) !== null);
  if (place < 0) return query;
  const front = leftmost(from[place] as Node, isIt) as Node;
  if (place === 0 && front === from[0]) return query;
  // a star's columns come in the order of the tables, and a number may mean one of them
  const isCounted = (query.sortClause ?? query.groupClause) !== undefined && (query.targetList ?? []).some(isStar);
  // what is lateral looks at what stands before it
  const looksBack = nodesOf(from, 'RangeFunction').length > 0 || nodesOf(from, 'RangeSubselect').some(({ lateral }) => lateral === true);
  return isCounted || looksBack ? query : { ...query, fromClause: [front, ...from.filter((_, other) => other !== place)] };
}

/** The item with that table at its left end: sides of a join change places, and LEFT is RIGHT then. null: it is not in it, or in a sub-query. */
function leftmost(item: Node, isIt: (range: RangeVar) => boolean): Node | null {
  if ('RangeVar' in item) return isIt(item.RangeVar) ? item : null;
  if (!('JoinExpr' in item)) return null;
  const { larg, rarg } = item.JoinExpr;
  const left = larg === undefined ? null : leftmost(larg, isIt);
  if (left !== null) return left === larg ? item : { JoinExpr: { ...item.JoinExpr, larg: left } };
  const right = rarg === undefined ? null : leftmost(rarg, isIt);
  return right === null ? null : { JoinExpr: { ...item.JoinExpr, larg: right, rarg: larg as Node, jointype: turned(item.JoinExpr) } };
}

const turned = ({ jointype = 'JOIN_INNER' }: JoinExpr): JoinType =>
  jointype === 'JOIN_LEFT' ? 'JOIN_RIGHT' : jointype === 'JOIN_RIGHT' ? 'JOIN_LEFT' : jointype;

const isStar = (node: Node): boolean => nodesOf(node, 'A_Star').length > 0;

/** What a FROM reads, in its order: tables, and null for what is none. Not what a sub-query reads. */
const readBy = ({ fromClause = [] }: SelectStmt): readonly (RangeVar | null)[] => fromClause.flatMap(leavesOf);

function leavesOf(item: Node): readonly (RangeVar | null)[] {
  if ('RangeVar' in item) return [item.RangeVar];
  return 'JoinExpr' in item ? [item.JoinExpr.larg, item.JoinExpr.rarg].flatMap((side) => (side === undefined ? [] : leavesOf(side))) : [null];
}

const readsDirectly = (query: SelectStmt, isIt: (range: RangeVar) => boolean): boolean => readBy(query).some((range) => range !== null && isIt(range));

function isFirst(query: SelectStmt, isIt: (range: RangeVar) => boolean): boolean {
  const [first] = readBy(query);
  return first != null && isIt(first);
}

/** null: no table, or one of several of that name. */
function knownTables(facts: readonly TableFacts[]) {
  const of = ({ schemaname, relname = '' }: RangeVar): RelationName | null => {
    const found = facts.filter(({ table }) => table.relation === relname && (schemaname === undefined || table.schema === schemaname));
    return found.length === 1 ? (found[0] as TableFacts).table : null;
  };
  return { of };
}

const sameName = (one: RelationName, other: RelationName): boolean => one.schema === other.schema && one.relation === other.relation;

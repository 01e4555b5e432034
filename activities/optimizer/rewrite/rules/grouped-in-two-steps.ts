/**
 * `SELECT g, sum(x * (1 - d)), count(DISTINCT u) … GROUP BY g` as groups of `g` and what takes few values (`d`), or is counted once each (`u`), and then groups of those:
 * what is computed of `d` is computed once a group, not once a row. Equal where every figure can be had from those of the smaller groups (two-step-figures.ts), and
 * - the smaller groups are those of all that the outer query reads: every group of it is made of whole smaller groups, and none is empty;
 * - what is grouped by is written alike where it is equal, since any row of a group may stand for it: the smaller groups' choice is another one;
 * - FROM and WHERE stay what they are: the same rows are asked the same.
 *
 * Source: W. P. Yan, P.-Å. Larson, "Performing Group-By before Join", ICDE 1994; PostgreSQL computes what aggregates take for each row.
 */
import type { Node, SelectStmt } from 'libpg-query';
import type { RewriteGround } from '../../../../domain/optimizer/rewrite.ts';
import type { Known } from '../known.ts';
import { column, derived, select, target } from '../nodes.ts';
import { plain } from '../query-text.ts';
import { type Found, findColumn, type Source, sourcesOf } from '../sources.ts';
import { mapQueries, nodesOf } from '../walk.ts';
import { MOST_GROUPS, valuesOf } from './few-values.ts';
import { figureColumns } from './figure-columns.ts';
import { freshNames } from './fresh-name.ts';
import type { Site } from './grouped-left-join.ts';
import { type GroupedQuery, groupedQuery } from './grouped-query.ts';
import { outerOf, typesOf } from './outer-query.ts';
import { pulledUp } from './pulled-up.ts';
import type { Rule } from './rule.ts';
import { calledName } from './sub-query.ts';
import { factorsOf, fixedIn, recombined } from './two-step-figures.ts';

/** Rows that are grouped: of fewer, grouping twice gains nothing. */
const MANY = 10_000;
export const groupedInTwoSteps: Rule = {
  name: 'grouped-in-two-steps',
  reason: (plan) => {
    const isLarge = plan.some(({ type, children }) => type === 'Aggregate' && children.some(({ estimate }) => estimate.rows >= MANY));
    return isLarge ? 'the same is computed for many rows that differ in few values' : null;
  },
  rewrite(query, known) {
    const names = freshNames(query);
    const grounds: RewriteGround[] = [];
    let fixed: ReadonlyMap<number, string> = new Map();
    const changed = mapQueries(query, (each) => {
      const flat = pulledUp(each, known) ?? each;
      const grouped = groupedQuery(flat, sourcesOf(flat, known), known);
      if (grouped === null) return each;
      const made = twoSteps(flat, grouped, { known, names });
      if (made === null) return each;
      grounds.push(...made.grounds);
      fixed = new Map([...fixed, ...fixedIn([made.query.targetList, made.query.havingClause, made.query.sortClause], known)]);
      return made.query;
    });
    return grounds.length === 0 ? null : { query: changed, grounds, fixed };
  },
};

function twoSteps(query: SelectStmt, { sources, groups, aggregates }: GroupedQuery, { known, names }: Omit<Site, 'isInner'>) {
  const added = addedKeys(aggregates, { sources, known, groups });
  if (added.length === 0) return null;
  const alias = names('grouped');
  const keys = [...groups, ...added.map(({ node }) => node)].map((node, place) => ({ node, name: names(`key_${place + 1}`) }));
  const keyFor = (node: Node): Node | null => {
    const found = keys.find((key) => plain(key.node) === plain(node) || isSameColumn(key.node, node, sources));
    return found === undefined ? null : column(alias, found.name);
  };
  const figures = figureColumns(alias, names);
  const isOnlyKey = (node: Node) => added.every((key) => isSameColumn(key.node, node, sources));
  const outer = outerOf(
    query,
    known,
    (node) => keyFor(node) ?? (isAggregate(node, known) ? recombined(node, { sources, known, keyFor, figure: figures.read, isOnlyKey }) : null),
  );
  // a key that nothing is computed of would only make more groups
  const isRead = ({ node }: { readonly node: Node }) =>
    nodesOf(outer, 'ColumnRef').some((reference) => plain({ ColumnRef: reference }) === plain(keyFor(node)));
  if (outer === null || !added.every(isRead)) return null;
  const inner = select({
    targetList: [...keys.map(({ node, name }) => target(node, name)), ...figures.targets()],
    ...(query.fromClause === undefined ? {} : { fromClause: query.fromClause }),
    ...(query.whereClause === undefined ? {} : { whereClause: query.whereClause }),
    groupClause: keys.map(({ node }) => node),
  });
  const { whereClause: _asked, groupClause: _groups, ...rest } = query;
  const groupClause = groups.map((node) => keyFor(node) as Node);
  return {
    query: { ...rest, ...outer, fromClause: [derived(inner, alias)], ...(groupClause.length === 0 ? {} : { groupClause }) },
    grounds: typesOf([groups, aggregates], sources),
  };
}

const isAggregate = (node: Node, { aggregates }: Known): boolean => aggregates.has(calledName(node) ?? '');

const isSameColumn = (a: Node, b: Node, sources: readonly Source[]): boolean => {
  const [x, y] = [findColumn(a, sources), findColumn(b, sources)];
  return x !== null && y !== null && x.source === y.source && x.column === y.column;
};

interface Asked {
  readonly sources: readonly Source[];
  readonly known: Known;
  readonly groups: readonly Node[];
}

/** Columns by which the smaller groups are told apart besides: of few values each, and not too many together; of a count of different values the one that is counted. */
function addedKeys(aggregates: readonly Node[], { sources, known, groups }: Asked): readonly { readonly node: Node }[] {
  const added = new Map<string, { readonly node: Node; readonly found: Found }>();
  const isGroup = (node: Node) => groups.some((group) => isSameColumn(group, node, sources));
  const add = (node: Node): void => {
    const found = findColumn(node, sources);
    if (found !== null && !isGroup(node)) added.set(JSON.stringify([found.source.alias, found.column.name]), { node, found });
  };
  const many = (node: Node): number => {
    const found = findColumn(node, sources);
    return found === null ? Number.POSITIVE_INFINITY : valuesOf(found, known);
  };
  const few = (node: Node): number => nodesOf(node, 'ColumnRef').reduce((all, reference) => all * many({ ColumnRef: reference }), 1);
  for (const node of aggregates) {
    const { args: [arg] = [], agg_filter, agg_distinct } = 'FuncCall' in node ? node.FuncCall : {};
    if (arg !== undefined && agg_distinct) add(arg);
    const factors = arg === undefined ? [] : factorsOf(arg).filter((factor) => nodesOf(factor, 'ColumnRef').length > 0);
    // of a product the one with most values is what is added up
    const bulk = factors.toSorted((a, b) => few(b) - few(a))[0];
    const computed = arg !== undefined && 'CaseExpr' in arg ? [arg] : factors.length < 2 ? [] : factors.filter((factor) => factor !== bulk);
    for (const part of [...computed, ...(agg_filter === undefined ? [] : [agg_filter])]) {
      if (few(part) <= MOST_GROUPS) for (const reference of nodesOf(part, 'ColumnRef')) add({ ColumnRef: reference });
    }
  }
  const keys = [...added.values()];
  if (keys.some(({ found }) => found.column.nature !== 'exact')) return [];
  const isCounted = (node: Node) =>
    aggregates.some((each) => 'FuncCall' in each && each.FuncCall.agg_distinct && plain(each.FuncCall.args?.[0]) === plain(node));
  const groupCount = keys.filter(({ node }) => !isCounted(node)).reduce((all, { node }) => all * many(node), 1);
  return groupCount <= MOST_GROUPS ? keys : [];
}

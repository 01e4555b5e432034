/**
 * `(SELECT agg(…) FROM u WHERE u.k = t.k AND …)`, which runs once for each row of t, as one grouped query that is joined:
 * `LEFT JOIN (SELECT u.k, agg(…) FROM u WHERE … GROUP BY u.k) ON k = t.k`.
 *
 * Source: W. Kim, "On Optimizing an SQL-like Nested Query", ACM TODS 7(3), 1982 (type JA), with the outer join that keeps COUNT right: R. A. Ganski and
 * H. K. T. Wong, SIGMOD 1987. Equal where
 * - the sub-query has exactly one row: an aggregate without GROUP BY, HAVING, LIMIT;
 * - it hangs on the outer row by equalities of columns of one and the same type of PostgreSQL's own only, for which = is what groups go by: groups are then as many as
 *   there are values to meet, and a null meets none;
 * - over no rows each aggregate is null, what the outer join makes of it, but COUNT, which is put right to 0 outside; what is computed of them stays outside;
 * - what the aggregates take, and what their rows are asked, cannot fail: groups that no outer row asks for are computed now too, and integers overflow;
 * - what is asked of the figure, here or around this query, cannot fail either, for the same reason (around-figures.ts);
 * - what comes out hangs on no order of rows: no sum of floating point numbers, and min and max, and sums of different values, only where equal values are written
 *   alike, or are only compared.
 * The outer join adds no row and takes none away, so it may hang on any table of FROM, wherever that is joined.
 */
import type { Node, SelectStmt } from 'libpg-query';
import type { RewriteGround } from '../../../../domain/optimizer/rewrite.ts';
import { noneFails } from '../cannot-fail.ts';
import type { Known } from '../known.ts';
import { and, coalesce, column, derived, integer, operation, select, star, target } from '../nodes.ts';
import { plain } from '../query-text.ts';
import { findColumn, type Source, sourcesOf, typeGround } from '../sources.ts';
import { conjunctsOf, mapExpression, mapQueries, nodesOf } from '../walk.ts';
import { type FigureKind, figureKind, kindOf, neverFails, plainKind } from './around-figures.ts';
import { freshNames } from './fresh-name.ts';
import { columnOf, groundsOf, inEqual } from './meeting.ts';
import { numberOf, operatorOf } from './number-of.ts';
import type { Rule } from './rule.ts';
import { calledName, isPlainQuery, ownSources, readsOnly, scalarQuery } from './sub-query.ts';

/** Of PostgreSQL's own: null over no rows, but for count. */
const AGGREGATES = ['min', 'max', 'sum', 'avg', 'count'];

export const aggregateJoined: Rule = {
  name: 'aggregate-joined',
  reason: (plan) => (plan.some(({ relationship }) => relationship === 'SubPlan') ? 'a sub-query is computed anew for each row' : null),
  rewrite(query, known) {
    const grounds: RewriteGround[] = [];
    const names = freshNames(query);
    if (AGGREGATES.some((name) => known.ownFunctions.has(name))) return null;
    const changed = mapQueries(query, (each, outer) => {
      const level = levelOf(each, known);
      if (level === null) return each;
      const joins: Joined[] = [];
      const compared = comparedIn(each.whereClause);
      const within = <T extends Node>(part: T, isAsked: boolean, change: (part: T, replace: Replace) => T): T => {
        const own: Joined[] = [];
        const made = change(part, (node) => {
          const joined = joinedOf(node, level.sources, { known, names, isCompared: compared.has(node) });
          own.push(...(joined === null ? [] : [joined]));
          return joined?.value ?? null;
        });
        if (isAsked && !isSafeAround(made, own, { sources: level.sources, known })) return part;
        joins.push(...own);
        return made;
      };
      // of what a query of FROM computes, the one around it may ask something
      const isAsked = outer.length > 0;
      const targetList = level.isGrouped ? level.targets : level.targets.map((one) => within(one, isAsked, targetWith));
      const whereClause = and(conjunctsOf(each.whereClause).map((one) => within(one, true, mapExpression)));
      if (joins.length === 0) return each;
      grounds.push(...joins.flatMap((joined) => joined.grounds));
      const fromClause = joins.reduce((from, joined) => from.map((item) => hungOn(item, joined)), each.fromClause ?? []);
      return { ...each, fromClause, targetList: [...targetList], ...(whereClause === undefined ? {} : { whereClause }) };
    });
    return grounds.length === 0 ? null : { query: changed, grounds };
  },
};

interface Level {
  readonly sources: readonly Source[];
  /** `*` spelled out by table: what is joined must not come out. */
  readonly targets: readonly Node[];
  readonly isGrouped: boolean;
}

function levelOf(query: SelectStmt, known: Known): Level | null {
  const { op, fromClause, valuesLists, groupClause, havingClause, targetList = [] } = query;
  if (op !== 'SETOP_NONE' || fromClause === undefined || valuesLists !== undefined) return null;
  const sources = sourcesOf(query, known);
  const joins = fromClause.flatMap((item) => joinsOf(item));
  const targets = targetList.flatMap((one) => (isWholeStar(one) ? sources.map(({ alias }) => target(star(alias))) : [one]));
  const isSpelled = targets !== targetList && targetList.some(isWholeStar);
  if (joins.some(({ isNatural }) => isNatural)) return null;
  if (isSpelled && (joins.some(({ usingClause }) => usingClause !== undefined) || sources.some(({ alias }) => alias === ''))) return null;
  const calls = nodesOf([targetList, havingClause], 'FuncCall').map((call) => calledName({ FuncCall: call }));
  const isGrouped =
    groupClause !== undefined || havingClause !== undefined || calls.some((name) => name !== null && known.aggregates.has(name) && isOuter(name, targetList));
  return { sources, targets, isGrouped };
}

type Join = Extract<Node, { JoinExpr: unknown }>['JoinExpr'];

const joinsOf = (item: Node): readonly Join[] =>
  'JoinExpr' in item ? [item.JoinExpr, ...[item.JoinExpr.larg, item.JoinExpr.rarg].flatMap((part) => (part === undefined ? [] : joinsOf(part)))] : [];

function isWholeStar(node: Node): boolean {
  const val = 'ResTarget' in node ? node.ResTarget.val : undefined;
  const [first, ...more] = val !== undefined && 'ColumnRef' in val ? (val.ColumnRef.fields ?? []) : [];
  return first !== undefined && more.length === 0 && 'A_Star' in first;
}

/** An aggregate of this level, not one inside a sub-query. */
function isOuter(name: string, targets: readonly Node[]): boolean {
  let found = false;
  mapExpression(targets, (node) => {
    if (calledName(node) === name) found = true;
    return null;
  });
  return found;
}

type Replace = (node: Node) => Node | null;

interface Joined {
  readonly value: Node;
  /** null: what is computed of the figures may fail. */
  readonly kind: FigureKind | null;
  readonly derived: Node;
  readonly on: Node;
  readonly alias: string;
  readonly grounds: readonly RewriteGround[];
}

/** Nothing that is computed of the figures, or asked of them. */
function isSafeAround(made: Node, own: readonly Joined[], { sources, known }: { readonly sources: readonly Source[]; readonly known: Known }): boolean {
  if (own.length === 0) return true;
  const value = 'ResTarget' in made ? made.ResTarget.val : made;
  const leaf = plainKind(sources, known);
  return (
    value !== undefined && own.every(({ kind }) => kind !== null) && neverFails(value, (node) => own.find((each) => each.value === node)?.kind ?? leaf(node))
  );
}

/** Operands of comparisons: of those it is only asked whether they are more. */
function comparedIn(condition: Node | undefined): ReadonlySet<Node> {
  return new Set(
    nodesOf(condition, 'A_Expr').flatMap(({ kind, name = [], lexpr, rexpr }) =>
      kind === 'AEXPR_OP' && COMPARISONS.includes(plain(name)) ? [lexpr, rexpr].flatMap((side) => side ?? []) : [],
    ),
  );
}

interface Site {
  readonly isCompared: boolean;
  readonly known: Known;
  readonly names: (wish: string) => string;
}

function joinedOf(node: Node, outer: readonly Source[], { known, names, isCompared }: Site): Joined | null {
  const scalar = scalarQuery(node);
  if (scalar === null || !isPlainQuery(scalar.query)) return null;
  const inner = ownSources(scalar.query, known);
  if (inner === null) return null;
  const conditions = conjunctsOf(scalar.query.whereClause).map((condition) => ({ condition, meets: inEqual(condition, inner, outer) }));
  const meets = conditions.flatMap((each) => each.meets ?? []);
  const rest = conditions.filter((each) => each.meets === null).map(({ condition }) => condition);
  const [first] = meets;
  if (first === undefined || meets.some(({ theirs }) => theirs.source !== first.theirs.source) || !readsOnly([rest, scalar.query.fromClause], inner))
    return null;
  if (!noneFails([...rest, ...nodesOf(scalar.query.fromClause, 'JoinExpr').map(({ quals }) => quals)])) return null;
  const aggregates = aggregatesOf(scalar.value, { inner, known, isOnlyCompared: isCompared && calledName(scalar.value) !== null });
  if (aggregates === null) return null;
  const alias = names('grouped');
  const keys = meets.map(({ ours }, place) => ({ ours, name: names(`key_${place + 1}`) }));
  const values = aggregates.map((call, place) => ({ call, name: names(`value_${place + 1}`) }));
  const value = mapExpression(scalar.value, (part) => {
    const found = values.find(({ call }) => plain(call) === plain(part));
    if (found === undefined) return null;
    const read = column(alias, found.name);
    return calledName(part) === 'count' ? coalesce(read, integer(0)) : read;
  });
  const whereClause = and(rest);
  const grouped = select({
    targetList: [...keys.map(({ ours, name }) => target(columnOf(ours), name)), ...values.map(({ call, name }) => target(call, name))],
    ...(scalar.query.fromClause === undefined ? {} : { fromClause: scalar.query.fromClause }),
    ...(whereClause === undefined ? {} : { whereClause }),
    groupClause: keys.map(({ ours }) => columnOf(ours)),
  });
  const on = and(meets.map(({ theirs }, place) => operation(column(alias, keys[place]?.name ?? ''), '=', columnOf(theirs)))) as Node;
  const taken = nodesOf(aggregates, 'ColumnRef').flatMap((reference) => findColumn({ ColumnRef: reference }, inner) ?? []);
  const grounds = [...meets.flatMap(groundsOf), ...taken.map(typeGround)];
  const kind = kindOf(scalar.value, figureKind(inner, known));
  return { value, kind, derived: derived(grouped, alias), on, alias: first.theirs.source.alias, grounds };
}

const COMPARISONS = ['=', '<>', '<', '>', '<=', '>='].map((sval) => plain([{ String: { sval } }]));

interface Asked {
  readonly inner: readonly Source[];
  readonly known: Known;
  /** The value goes into a comparison as it is. */
  readonly isOnlyCompared: boolean;
}

/** Every aggregate of the expression; null: it has none, or holds something else that reads a row or may fail. */
function aggregatesOf(value: Node, asked: Asked): readonly Node[] | null {
  const found = new Map<string, Node>();
  const rest = mapExpression(value, (node) => {
    const name = calledName(node);
    if (name === null || !AGGREGATES.includes(name)) return null;
    found.set(plain(node), node);
    return { ParamRef: { number: 0 } };
  });
  const isSafe = [...found.values()].every((node) => isHarmless(node, asked)) && isComputedSafely(rest);
  return found.size > 0 && isSafe && nodesOf(rest, 'ColumnRef').length === 0 ? [...found.values()] : null;
}

/** Sums and products of the figures, and what COALESCE makes of them. */
function isComputedSafely(node: Node): boolean {
  if ('ParamRef' in node || 'A_Const' in node) return true;
  if ('CoalesceExpr' in node) return (node.CoalesceExpr.args ?? []).every(isComputedSafely);
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP') return false;
  const { name, lexpr, rexpr } = node.A_Expr;
  return operatorOf(name) !== null && [lexpr, rexpr].every((side) => side === undefined || isComputedSafely(side));
}

/** Takes a column, or sums and products that cannot overflow; no order, no condition of its own. */
function isHarmless(node: Node, { inner, known, isOnlyCompared }: Asked): boolean {
  if (!('FuncCall' in node)) return false;
  const { args = [], agg_order, agg_filter, agg_distinct, over, func_variadic } = node.FuncCall;
  if (agg_order !== undefined || agg_filter !== undefined || over !== undefined || func_variadic) return false;
  const [arg, ...more] = args;
  const name = calledName(node);
  if (arg === undefined || more.length > 0) return name === 'count' && args.length === 0;
  const column = findColumn(arg, inner)?.column;
  if (name === 'count') return column !== undefined || 'A_Const' in arg;
  if (name === 'min' || name === 'max') {
    if (column !== undefined) return column.nature === 'exact' || (column.nature === 'plain' && isOnlyCompared);
    return isOnlyCompared && numberOf(arg, inner, known) === 'numeric';
  }
  // of 1.0 and 1.00 DISTINCT takes either, and the sum shows which
  if (agg_distinct && column?.nature !== 'exact') return false;
  return numberOf(arg, inner, known) !== null;
}

/** A column keeps the name that the sub-query gave it. */
function targetWith(node: Node, replace: Replace): Node {
  if (!('ResTarget' in node) || node.ResTarget.val === undefined) return node;
  const scalar = namingQuery(node.ResTarget.val);
  const val = mapExpression(node.ResTarget.val, replace);
  const isChanged = plain(val) !== plain(node.ResTarget.val);
  return target(val, node.ResTarget.name ?? (scalar === null || !isChanged ? undefined : (scalar.name ?? nameOf(scalar.value))));
}

/** A cast, a collation and the last value of CASE leave a column the name of the query that they are made of (`FigureColname` in PostgreSQL's parser). */
function namingQuery(node: Node | undefined): ReturnType<typeof scalarQuery> {
  if (node === undefined) return null;
  if ('TypeCast' in node) return namingQuery(node.TypeCast.arg);
  if ('CollateClause' in node) return namingQuery(node.CollateClause.arg);
  return 'CaseExpr' in node ? namingQuery(node.CaseExpr.defresult) : scalarQuery(node);
}

/** As PostgreSQL names a column that nobody names. */
const nameOf = (value: Node): string => calledName(value) ?? ('CoalesceExpr' in value ? 'coalesce' : '?column?');

/** The table of that alias with the grouped query joined to it, wherever it stands. */
function hungOn(item: Node, joined: Joined): Node {
  if ('JoinExpr' in item) {
    const { larg, rarg } = item.JoinExpr;
    return {
      JoinExpr: {
        ...item.JoinExpr,
        ...(larg === undefined ? {} : { larg: hungOn(larg, joined) }),
        ...(rarg === undefined ? {} : { rarg: hungOn(rarg, joined) }),
      },
    };
  }
  const alias = 'RangeVar' in item ? (item.RangeVar.alias?.aliasname ?? item.RangeVar.relname) : undefined;
  return alias === joined.alias ? { JoinExpr: { jointype: 'JOIN_LEFT', larg: item, rarg: joined.derived, quals: joined.on } } : item;
}

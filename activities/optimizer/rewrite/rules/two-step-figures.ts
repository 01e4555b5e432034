/**
 * Figures of groups, put together from figures of smaller groups: sums of sums, sums of counts, least of least. Equal where what comes out hangs on no order of rows.
 * A sum of products `x * f`, where f is one value in each smaller group, is the sum of `f * sum(x)`: numeric is exact (manual, 8.1.2), its scale is the same
 * either way, and f is finite, since (∞ · 2) + (∞ · -1) is no number and ∞ · (2 - 1) is one.
 *
 * Source: W. P. Yan, P.-Å. Larson, "Eager Aggregation and Lazy Aggregation", VLDB 1995 (decomposable aggregates, sums of duplicates by their count).
 */
import type { Node } from 'libpg-query';
import type { Known } from '../known.ts';
import { call, cast, coalesce, countAll, integer, operation } from '../nodes.ts';
import { findColumn, type Source } from '../sources.ts';
import { mapExpression, nodesOf } from '../walk.ts';
import { numberOf, operatorOf } from './number-of.ts';
import { calledName } from './sub-query.ts';

export interface Steps {
  readonly sources: readonly Source[];
  readonly known: Known;
  /** What reads this in the outer query, where it is one value in each of the smaller groups; null: it is none. */
  readonly keyFor: (node: Node) => Node | null;
  /** What reads this figure of a smaller group in the outer query. */
  readonly figure: (aggregate: Node) => Node;
  /** The keys of the smaller groups are those of the groups and this column. */
  readonly isOnlyKey?: (node: Node) => boolean;
}

type Call = Extract<Node, { FuncCall: unknown }>['FuncCall'];

/** The same figure from those of the smaller groups; null: it cannot be had so. */
export function recombined(node: Node, steps: Steps): Node | null {
  const name = calledName(node);
  if (name === null || !('FuncCall' in node) || steps.known.ownFunctions.has(name)) return null;
  const { args = [], agg_star, agg_order, agg_distinct, agg_filter, agg_within_group, over, func_variadic } = node.FuncCall;
  if (agg_order !== undefined || agg_within_group || over !== undefined || func_variadic || args.length > 1) return null;
  const filter = agg_filter === undefined ? undefined : overKeys(agg_filter, steps);
  if (filter === null) return null;
  const [arg] = args;
  if (agg_star) return name === 'count' ? counted(steps.figure(countAll), filter) : null;
  if (arg === undefined) return null;
  if (agg_distinct) return name === 'count' && filter === undefined ? distinctCount(arg, steps) : null;
  if (name === 'count') return count(arg, filter, steps);
  if (name === 'sum') return sum(arg, filter, steps);
  if (name === 'avg') return average(arg, filter, steps);
  return name === 'min' || name === 'max' ? extreme(name, arg, filter, steps) : null;
}

/** A condition or value of keys alone; null: it reads something else. */
export function overKeys(node: Node, { keyFor }: Pick<Steps, 'keyFor'>): Node | null {
  let isOpen = false;
  const changed = mapExpression(node, (part) => {
    const key = keyFor(part);
    if (key === null && ('ColumnRef' in part || 'SubLink' in part || 'SetToDefault' in part)) isOpen = true;
    return key;
  });
  return isOpen || nodesOf(node, 'ColumnRef').length === 0 ? null : changed;
}

const filtered = (node: Node, filter: Node | undefined): Node =>
  filter === undefined || !('FuncCall' in node) ? node : { FuncCall: { ...node.FuncCall, agg_filter: filter } };

/** Over no rows a count is 0, a sum is null. A sum of counts is numeric. */
const counted = (figure: Node, filter: Node | undefined): Node => toBigint(coalesce(filtered(call('sum', figure), filter), integer(0)));

const toBigint = (node: Node): Node => cast(node, 'pg_catalog', 'int8');

function distinctCount(arg: Node, steps: Steps): Node | null {
  const key = steps.keyFor(arg);
  if (key === null) return null;
  const counting = call('count', key) as { FuncCall: Call };
  return steps.isOnlyKey?.(arg) === true ? counting : { FuncCall: { ...counting.FuncCall, agg_distinct: true } };
}

function count(arg: Node, filter: Node | undefined, steps: Steps): Node | null {
  if (findColumn(arg, steps.sources) !== null) return counted(steps.figure(isNeverNull(arg, steps) ? countAll : call('count', arg)), filter);
  const value = overKeys(arg, steps);
  // a row of nulls is counted, and IS NOT NULL is not true of it (manual, 9.2)
  const mayBeRow = nodesOf(arg, 'RowExpr').length > 0 || nodesOf(arg, 'FuncCall').some((each) => isOwn({ FuncCall: each }, steps));
  if (value === null || filter !== undefined || mayBeRow) return null;
  return counted(steps.figure(countAll), { NullTest: { arg: value, nulltesttype: 'IS_NOT_NULL' } });
}

const isOwn = (node: Node, { known }: Steps): boolean => known.ownFunctions.has(calledName(node) ?? '') || calledName(node) === null;

function extreme(name: 'min' | 'max', arg: Node, filter: Node | undefined, steps: Steps): Node | null {
  return findColumn(arg, steps.sources)?.column.nature === 'exact' ? filtered(call(name, steps.figure(call(name, arg))), filter) : null;
}

function sum(arg: Node, filter: Node | undefined, steps: Steps): Node | null {
  const parts = splitProduct(arg, steps);
  if (parts === null) return null;
  const of = steps.figure(parts.each === null ? countAll : call('sum', parts.each));
  const total = filtered(call('sum', parts.by === null ? of : operation(parts.by, '*', of)), filter);
  // what adds up to bigint adds up to numeric once more
  return parts.gives === 'bigint' ? toBigint(total) : total;
}

function average(arg: Node, filter: Node | undefined, steps: Steps): Node | null {
  const { sources, known, figure } = steps;
  const kind = typeOf(arg, sources, known);
  if (kind === null || kind === 'integer-computed') return null;
  const number = figure(isNeverNull(arg, steps) ? countAll : call('count', arg));
  const key = steps.keyFor(arg);
  // of one value in each group
  const weighed = key === null || kind === 'integer' ? figure(call('sum', arg)) : operation(key, '*', number);
  return operation(filtered(call('sum', weighed), filter), '/', filtered(call('sum', number), filter));
}

function isNeverNull(arg: Node, { sources }: Pick<Steps, 'sources'>): boolean {
  const found = nodesOf(arg, 'ColumnRef').map((reference) => findColumn({ ColumnRef: reference }, sources));
  const isPlain = nodesOf(arg, 'CaseExpr').length === 0 && nodesOf(arg, 'FuncCall').length === 0 && nodesOf(arg, 'ParamRef').length === 0;
  return isPlain && found.every((each) => each?.column.notNull && !each.source.isNullable);
}

interface Split {
  /** One value in each smaller group; null: nothing is. */
  readonly by: Node | null;
  /** Added up in each smaller group; null: nothing differs there, its rows count. */
  readonly each: Node | null;
  /** Of the whole sum. */
  readonly gives: 'bigint' | 'numeric';
}

function splitProduct(arg: Node, steps: Steps): Split | null {
  const { sources, known } = steps;
  const kind = typeOf(arg, sources, known);
  if (kind === null) return null;
  const whole = isBounded(arg, steps) ? overKeys(arg, steps) : null;
  // a bigint times a count may overflow
  const isBig = bigintIn(arg, sources);
  if (whole !== null && !isBig) return { by: whole, each: null, gives: kind === 'numeric' ? 'numeric' : 'bigint' };
  if (kind === 'integer-computed') return null;
  if (kind === 'integer') return { by: null, each: arg, gives: isBig ? 'numeric' : 'bigint' };
  const factors = factorsOf(arg);
  const keyed = factors.map((factor) => (isBounded(factor, steps) ? overKeys(factor, steps) : null));
  const outer = keyed.flatMap((key) => key ?? []);
  const inner = factors.filter((_, place) => keyed[place] === null);
  // two integers beside each other would be multiplied as such, and may overflow
  const isSafe = factors.filter((factor) => numberOf(factor, sources, known) !== 'numeric').length <= 1;
  if (outer.length === 0 || inner.length === 0 || !isSafe || isBig) return { by: null, each: arg, gives: 'numeric' };
  return { by: product(outer), each: product(inner), gives: 'numeric' };
}

const product = (factors: readonly Node[]): Node => factors.reduce((left, right) => operation(left, '*', right));

/** Of a product, its parts. */
export function factorsOf(node: Node): readonly Node[] {
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP' || operatorOf(node.A_Expr.name) !== '*') return [node];
  return [node.A_Expr.lexpr, node.A_Expr.rexpr].flatMap((side) => (side === undefined ? [] : factorsOf(side)));
}

/** Its columns hold no infinity, which a numeric with a precision cannot; a parameter may be one, where it is not always the same number. */
const isBounded = (node: Node, { sources, known }: Pick<Steps, 'sources' | 'known'>): boolean =>
  nodesOf(node, 'ParamRef').every(({ number = 0 }) => isWhole(number, known) || /^-?\d+(\.\d+)?$/.test(known.constants.get(number) ?? '')) &&
  nodesOf(node, 'ColumnRef').every((reference) => findColumn({ ColumnRef: reference }, sources)?.column.nature === 'exact');

const isWhole = (parameter: number, { parameterTypes }: Known): boolean => ['smallint', 'integer'].includes(parameterTypes[parameter - 1] ?? '');

/** Parameters that are taken for the numbers that they always were. */
export const fixedIn = (value: unknown, known: Known): ReadonlyMap<number, string> =>
  new Map(
    nodesOf(value, 'ParamRef').flatMap(({ number = 0 }) => {
      const constant = isWhole(number, known) ? undefined : known.constants.get(number);
      return constant === undefined ? [] : [[number, constant] as const];
    }),
  );

const bigintIn = (node: Node, sources: readonly Source[]): boolean =>
  nodesOf(node, 'ColumnRef').some((reference) => findColumn({ ColumnRef: reference }, sources)?.column.type === 'bigint');

/** A plain integer, a number that is computed of numeric ones, or one of few that CASE gives. */
function typeOf(arg: Node, sources: readonly Source[], known: Known): 'integer' | 'integer-computed' | 'numeric' | null {
  if ('CaseExpr' in arg) {
    const { args = [], defresult } = arg.CaseExpr;
    const results = [...args.map((each) => ('CaseWhen' in each ? each.CaseWhen.result : undefined)), ...(defresult === undefined ? [] : [defresult])];
    const isWhole = results.every((each) => each !== undefined && 'A_Const' in each && (each.A_Const.ival !== undefined || each.A_Const.isnull));
    return isWhole && results.some((each) => each !== undefined && 'A_Const' in each && each.A_Const.ival !== undefined) ? 'integer-computed' : null;
  }
  if (nodesOf(arg, 'ColumnRef').length === 0) return null;
  return numberOf(arg, sources, known);
}

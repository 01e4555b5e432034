/**
 * Does a statement say which rows it wants? Where it leaves that open (any ten rows, any one of each group, numbers for rows that its order leaves equal, a list in
 * whatever order rows came), two texts may both be right and give different rows: nothing can be proven of them, and one that is computed twice may differ
 * from itself (manual, 7.6 "LIMIT and OFFSET", 7.3.3 "DISTINCT ON", 9.22 "Window Functions", 9.21 "Aggregate Functions").
 */
import type { Node, SelectStmt } from 'libpg-query';
import type { RewriteGround } from '../../../domain/optimizer/rewrite.ts';
import type { Known } from './known.ts';
import { plain } from './query-text.ts';
import { calledName } from './rules/sub-query.ts';
import { findColumn, sourcesOf } from './sources.ts';
import { isPlainDistinct, sortKeys, totalOrder } from './total-order.ts';
import { mapExpression, mapQueries, nodesOf } from './walk.ts';

export type Determined = { readonly grounds: readonly RewriteGround[] } | { readonly because: string };

/** Rows that are equal by ORDER BY have the same one. */
const RANKS = ['rank', 'dense_rank', 'percent_rank', 'cume_dist'];
/** Whatever order their rows come in. */
const ORDERLESS = ['count', 'min', 'max', 'bool_and', 'bool_or', 'every', 'bit_and', 'bit_or', 'percentile_cont', 'percentile_disc'];
/** Of floating point numbers a sum hangs on the order. */
const SUMS = ['sum', 'avg', 'stddev', 'stddev_pop', 'stddev_samp', 'variance', 'var_pop', 'var_samp'];

/** With what its answer rests on. */
export function determined(query: SelectStmt, known: Known): Determined {
  const grounds: RewriteGround[] = [];
  const open: string[] = [];
  const lists = new Set(nodesOf(query, 'SubLink').flatMap(({ subLinkType, subselect }) => (subLinkType === 'ARRAY_SUBLINK' ? [plain(subselect)] : [])));
  mapQueries(query, (each) => {
    const isList = lists.has(plain({ SelectStmt: each }));
    const reason =
      openTake(each, known, grounds) ?? openEqual(each, known) ?? openCall(each, known, grounds) ?? (isList ? openList(each, known, grounds) : null);
    if (reason !== null) open.push(reason);
    return each;
  });
  const [because] = open;
  return because === undefined ? { grounds } : { because };
}

function openTake(query: SelectStmt, known: Known, grounds: RewriteGround[]): string | null {
  const { limitCount, limitOffset, distinctClause, targetList = [] } = query;
  const isDistinctOn = distinctClause !== undefined && !isPlainDistinct(distinctClause);
  if (limitCount === undefined && limitOffset === undefined && !isDistinctOn) return null;
  // all rows are alike
  if (
    !isDistinctOn &&
    targetList.length > 0 &&
    targetList.every((one) => 'ResTarget' in one && one.ResTarget.val !== undefined && 'A_Const' in one.ResTarget.val)
  )
    return null;
  const total = totalOrder(query, sortKeys(query), known);
  if (total === null) return `${isDistinctOn ? 'DISTINCT ON' : 'LIMIT'} with an order that may leave rows equal takes any of them`;
  grounds.push(...total);
  return null;
}

/** Of texts that are equal and written in several ways (citext, a collation that knows no case), one of each comes out. */
function openEqual(query: SelectStmt, known: Known): string | null {
  const { groupClause = [], distinctClause, targetList = [] } = query;
  const sources = sourcesOf(query, known);
  const values = targetList.flatMap((one) => ('ResTarget' in one && one.ResTarget.val !== undefined ? [one.ResTarget.val] : []));
  const keyOf = (key: Node): Node | undefined => ('A_Const' in key ? values[(key.A_Const.ival?.ival ?? 0) - 1] : key);
  const isLoose = (node: Node | undefined) => {
    const column = findColumn(node, sources)?.column;
    return column?.nature === 'other' && TEXTS.test(column.type);
  };
  const keys = [...groupClause.map(keyOf), ...(distinctClause === undefined ? [] : values)];
  const figures: (Node | undefined)[] = [];
  mapExpression([targetList, query.havingClause], (node) => {
    if ('FuncCall' in node && ['min', 'max'].includes(calledName(node) ?? '')) figures.push(...(node.FuncCall.args ?? []));
    return null;
  });
  return [...keys, ...figures].some(isLoose) ? 'of values that are equal, but not written alike, it takes any' : null;
}

const TEXTS = /(^|\.)citext$|^(text|character( varying)?|name)$/;

/** ARRAY (SELECT …): its elements stand in the order in which rows come. */
function openList(query: SelectStmt, known: Known, grounds: RewriteGround[]): string | null {
  const keys = sortKeys(query);
  const [only] = query.targetList ?? [];
  // equal elements may change places
  const isByItself = only !== undefined && 'ResTarget' in only && keys.some((key) => plain(key) === plain(only.ResTarget.val));
  const total = isByItself ? [] : totalOrder(query, keys, known);
  if (total === null) return 'ARRAY (SELECT …) takes rows in whatever order they come';
  grounds.push(...total);
  return null;
}

function openCall(query: SelectStmt, known: Known, grounds: RewriteGround[]): string | null {
  const { targetList, sortClause, havingClause, distinctClause } = query;
  let reason: string | null = null;
  // sub-queries have their own turn
  mapExpression([targetList, sortClause, havingClause, distinctClause], (node) => {
    const name = calledName(node) ?? ('FuncCall' in node ? '' : null);
    if (name !== null && 'FuncCall' in node)
      reason ??= node.FuncCall.over === undefined ? openAggregate(node, name, known) : openWindow(node, query, known, grounds);
    return null;
  });
  return reason;
}

function openAggregate(node: Extract<Node, { FuncCall: unknown }>, name: string, known: Known): string | null {
  const { args = [], agg_order = [], agg_within_group } = node.FuncCall;
  if (!known.aggregates.has(name) || ORDERLESS.includes(name) || agg_within_group)
    return agg_within_group && name === 'mode' ? 'mode() takes any of several' : null;
  if (known.ownFunctions.has(name)) return `${name} is somebody's own aggregate`;
  if (SUMS.includes(name)) return addsFloats(args, known) ? `${name} adds up floating point numbers: what comes out hangs on their order` : null;
  const [first] = args;
  const isOrdered = agg_order.some((key) => 'SortBy' in key && plain(key.SortBy.node) === plain(first));
  return isOrdered && args.length < 3 ? null : `${name} takes rows in whatever order they come`;
}

/** A column of such a type, of whichever table; a parameter or a cast of one. */
function addsFloats(args: readonly Node[], { floats, parameterTypes }: Known): boolean {
  const names = nodesOf(args, 'ColumnRef').map(({ fields = [] }) => fields.at(-1));
  const isCast = nodesOf(args, 'TypeCast').some(({ typeName }) => /float/.test(JSON.stringify(typeName?.names)));
  const isParameter = nodesOf(args, 'ParamRef').some(({ number = 0 }) => FLOATS.includes(parameterTypes[number - 1] ?? ''));
  return isCast || isParameter || names.some((field) => field === undefined || !('String' in field) || floats.has(field.String.sval ?? ''));
}

const FLOATS: readonly string[] = ['real', 'double precision'];

interface Over {
  readonly partitionClause?: Node[];
  readonly orderClause?: Node[];
  readonly refname?: string;
  readonly name?: string;
}

function openWindow({ FuncCall: call }: Extract<Node, { FuncCall: unknown }>, query: SelectStmt, known: Known, grounds: RewriteGround[]): string | null {
  const name = calledName({ FuncCall: call }) ?? '';
  const over: Over = call.over ?? {};
  if (RANKS.includes(name) || ORDERLESS.includes(name)) return null;
  if (SUMS.includes(name)) return addsFloats(call.args ?? [], known) ? `${name} adds up floating point numbers: what comes out hangs on their order` : null;
  if (over.refname !== undefined || over.name !== undefined) return `${name} over a window of another place may number equal rows either way`;
  const order = (over.orderClause ?? []).flatMap((each) => ('SortBy' in each && each.SortBy.node !== undefined ? [each.SortBy.node] : []));
  const { groupClause: _groups, distinctClause: _distinct, targetList: _targets, ...rows } = query;
  // its keys are columns of the tables, never names that come out
  const total = query.groupClause === undefined ? totalOrder(rows, [...(over.partitionClause ?? []), ...order], known) : null;
  if (total === null) return `${name} over an order that may leave rows equal numbers them either way`;
  grounds.push(...total);
  return null;
}

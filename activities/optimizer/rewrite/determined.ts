/**
 * Does a statement say which rows it wants? Where it leaves that open (any ten rows, any one of each group, numbers for rows that its order leaves equal, a list in
 * whatever order rows came), two texts may both be right and give different rows: nothing can be proven of them, and one that is computed twice may differ
 * from itself (manual, 7.6 "LIMIT and OFFSET", 7.3.3 "DISTINCT ON", 9.22 "Window Functions", 9.21 "Aggregate Functions").
 */
import type { Node, SelectStmt } from 'libpg-query';
import type { RewriteGround } from '../../../domain/optimizer/rewrite.ts';
import type { Known } from './known.ts';
import { type Around, hasScale, isLooselyWritten, outputsOf } from './loosely-written.ts';
import { plain } from './query-text.ts';
import { calledName } from './rules/sub-query.ts';
import { findColumn, sourcesOf } from './sources.ts';
import { isPlainDistinct, sortKeys, totalOrder } from './total-order.ts';
import { mapExpression, nodesOf, queriesOf } from './walk.ts';

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
  const compared = new Set(comparedIn(query).map((each) => plain(each)));
  const around = { known, named: namedIn(query) };
  for (const each of queriesOf(query)) {
    const isCompared = compared.has(plain({ SelectStmt: each }));
    const isList = lists.has(plain({ SelectStmt: each }));
    const reason =
      openTake(each, known, grounds) ??
      openEqual(each, { ...around, isCompared }, grounds) ??
      openCall(each, known, grounds) ??
      (isList ? openList(each, known, grounds) : null);
    if (reason !== null) open.push(reason);
  }
  const [because] = open;
  return because === undefined ? { grounds } : { because };
}

/** Queries of which it is only asked whether a value is among what they give, or more than it. */
function comparedIn(query: SelectStmt): readonly (Node | undefined)[] {
  const listed = nodesOf(query, 'SubLink').flatMap(({ subLinkType, subselect }) =>
    ['EXISTS_SUBLINK', 'ANY_SUBLINK', 'ALL_SUBLINK'].includes(subLinkType ?? '') ? [subselect] : [],
  );
  const operands = nodesOf(query, 'A_Expr').flatMap(({ kind, name, lexpr, rexpr }) =>
    kind === 'AEXPR_OP' && COMPARISONS.includes(plain(name)) ? [lexpr, rexpr] : [],
  );
  return [...listed, ...operands.flatMap((each) => (each !== undefined && 'SubLink' in each ? [each.SubLink.subselect] : []))];
}

const COMPARISONS = ['=', '<>', '<', '>', '<=', '>='].map((sval) => plain([{ String: { sval } }]));

const namedIn = (query: SelectStmt): ReadonlyMap<string, SelectStmt> =>
  new Map(
    nodesOf(query, 'CommonTableExpr').flatMap(({ ctename = '', ctequery }) =>
      ctequery !== undefined && 'SelectStmt' in ctequery ? [[ctename, ctequery.SelectStmt]] : [],
    ),
  );

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

/** Of values that are equal and written in several ways one comes out; where they are only compared with others, nobody sees which. */
function openEqual(query: SelectStmt, around: Around, grounds: RewriteGround[]): string | null {
  const { op, all, groupClause = [], distinctClause, targetList = [] } = query;
  const values = valuesOf(query);
  const isOpen = (node: Node | undefined, keys: readonly Node[]) => isLooselyWritten(node, query, around) && !isTold(node, keys, query, around, grounds);
  const keys = groupClause
    .flatMap(keysOf)
    .flatMap((key) => ('A_Const' in key ? (values[(key.A_Const.ival?.ival ?? 0) - 1] ?? []) : namedBy(key, query, around)));
  const sides = op === 'SETOP_NONE' || (op === 'SETOP_UNION' && all) ? [] : outputsOf(query);
  const figures: Node[] = [];
  mapExpression([targetList, query.havingClause], (node) => {
    if ('FuncCall' in node) figures.push(...takenBy(node));
    return null;
  });
  const isAny =
    keys.some((key) => isOpen(key, keys)) ||
    (distinctClause !== undefined && values.some((value) => isOpen(value, values))) ||
    figures.some((each) => isOpen(each, [])) ||
    sides.some((side) => valuesOf(side).some((value) => isLooselyWritten(value, side, around) || hasScale(value, side, around)));
  return isAny ? 'of values that are equal, but not written alike, it takes any' : null;
}

const keysOf = (key: Node): readonly Node[] =>
  'GroupingSet' in key
    ? (key.GroupingSet.content ?? []).flatMap(keysOf)
    : 'RowExpr' in key
      ? (key.RowExpr.args ?? [])
      : 'List' in key
        ? (key.List.items ?? [])
        : [key];

const valuesOf = ({ targetList = [] }: SelectStmt): readonly Node[] =>
  targetList.flatMap((one) => ('ResTarget' in one && one.ResTarget.val !== undefined ? [one.ResTarget.val] : []));

/** A word that is no column of the tables is what comes out under that name. */
function namedBy(key: Node, query: SelectStmt, { known }: Around): Node {
  const [word, ...more] = 'ColumnRef' in key ? (key.ColumnRef.fields ?? []) : [];
  if (word === undefined || more.length > 0 || !('String' in word) || findColumn(key, sourcesOf(query, known)) !== null) return key;
  const one = (query.targetList ?? []).find((each) => 'ResTarget' in each && each.ResTarget.name === word.String.sval);
  return one !== undefined && 'ResTarget' in one ? (one.ResTarget.val ?? key) : key;
}

/** The least of equal ones; a sum of different ones has as many digits as the one of each that it met. */
function takenBy(node: Extract<Node, { FuncCall: unknown }>): readonly Node[] {
  const { args = [], agg_distinct, agg_order = [] } = node.FuncCall;
  const name = calledName(node) ?? '';
  if (name === 'percentile_disc') return agg_order.flatMap((each) => ('SortBy' in each ? (each.SortBy.node ?? []) : []));
  return ['min', 'max'].includes(name) || (agg_distinct && SUMS.includes(name)) ? args : [];
}

/** A key of its table is among the keys: all rows of a group have that row of it. */
function isTold(node: Node | undefined, keys: readonly Node[], query: SelectStmt, { known }: Around, grounds: RewriteGround[]): boolean {
  const sources = sourcesOf(query, known);
  const found = findColumn(node, sources);
  const names = keys
    .flatMap((key) => findColumn(key, sources) ?? [])
    .flatMap(({ source, column }) => (source === found?.source && column.notNull ? [column.name] : []));
  const key = found?.table.keys.find((columns) => columns.every((name) => names.includes(name)));
  if (found === null || key === undefined) return false;
  const { table } = found.table;
  grounds.push({ kind: 'unique', table, columns: key }, ...key.map((column) => ({ kind: 'not-null', table, column }) as const));
  return true;
}

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

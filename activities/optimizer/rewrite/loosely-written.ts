/**
 * May values of an expression be equal and written in several ways? 1.0 and 1.00 of a numeric without a scale, 0 and -0, a day and 24 hours, citext: of such DISTINCT, GROUP BY,
 * UNION, and the least of them take any, by whatever order rows come in (manual, 8.1.2 "Arbitrary Precision Numbers", SELECT "DISTINCT Clause").
 */
import type { Node, SelectStmt } from 'libpg-query';
import type { Known } from './known.ts';
import { nameOf } from './rules/outer-query.ts';
import { calledName } from './rules/sub-query.ts';
import { findColumn, sourcesOf } from './sources.ts';
import { nodesOf } from './walk.ts';

export interface Around {
  readonly known: Known;
  /** Queries of the statement's WITH, by name. */
  readonly named: ReadonlyMap<string, SelectStmt>;
  /** What comes out is only compared: of numbers nobody sees how they are written. A text may be compared as one of another type. */
  readonly isCompared?: boolean;
}

const NUMBERS = ['numeric', 'real', 'double precision', 'interval'];

/** Whatever they are given: whole numbers, truth values, moments, and texts of their own. */
const EXACT = ['count', 'length', 'extract', 'date_trunc', 'to_char', 'md5', 'row_number', 'rank', 'dense_rank', 'bool_and', 'bool_or', 'every'];
/** Quotients show as many digits as their parts ask for; an age has months and days. */
const LOOSE = ['avg', 'stddev', 'stddev_pop', 'stddev_samp', 'variance', 'var_pop', 'var_samp', 'age'];
const EXACT_TYPES = ['int2', 'int4', 'int8', 'bool', 'date', 'timestamp', 'timestamptz', 'uuid', 'oid'];
/** What they give is true or false, or a text. */
const ASKING = ['=', '<>', '<', '>', '<=', '>=', '~~', '!~~', '~~*', '!~~*', '~', '!~', '@>', '<@', '&&', '->>', '#>>'];

/** Of one SELECT. Of a column of which nothing is known nobody can tell, and the answer is no. */
export function isLooselyWritten(node: Node | undefined, query: SelectStmt, around: Around): boolean {
  const isLoose = (part: Node | undefined): boolean => {
    if (part === undefined || 'SubLink' in part || 'NullTest' in part || 'BooleanTest' in part || 'BoolExpr' in part) return false;
    if ('ColumnRef' in part) return isColumnLoose(part, query, around);
    if ('FuncCall' in part) return isCallLoose(part, isLoose, around);
    if ('TypeCast' in part) return isCastLoose(part.TypeCast, isLoose);
    if ('A_Expr' in part) return isOperationLoose(part.A_Expr, isLoose, (side) => around.isCompared === true || isWhole(side, query, around));
    const results = resultsOf(part);
    // 0 stands beside 0.00 there
    if (results !== null) return results.some(isLoose) || (results.length > 1 && !around.isCompared && results.some((each) => hasScale(each, query, around)));
    return 'RowExpr' in part ? (part.RowExpr.args ?? []).some(isLoose) : 'A_ArrayExpr' in part ? (part.A_ArrayExpr.elements ?? []).some(isLoose) : false;
  };
  return isLoose(node);
}

type Asked = (part: Node | undefined) => boolean;

/** Of a table's column, or of what a query of FROM gives under that name. */
function isColumnLoose(node: Extract<Node, { ColumnRef: unknown }>, query: SelectStmt, around: Around): boolean {
  const found = findColumn(node, sourcesOf(query, around.known));
  if (found !== null) return found.column.isLoose && !(around.isCompared && NUMBERS.includes(found.column.type));
  const words = (node.ColumnRef.fields ?? []).map((field) => ('String' in field ? (field.String.sval ?? '') : null));
  const name = words.at(-1);
  const alias = words.length === 2 ? words[0] : undefined;
  if (name === undefined || name === null || words.length > 2) return false;
  return innerOf(query, around)
    .filter((inner) => alias === undefined || inner.alias === alias)
    .some(({ select, names }) =>
      outputsOf(select).some((arm) => isOutputLoose(arm, { name, place: names.indexOf(name), isRenamed: names.length > 0 }, around)),
    );
}

interface Output {
  readonly name: string;
  readonly place: number;
  readonly isRenamed: boolean;
}

function isOutputLoose(arm: SelectStmt, { name, place, isRenamed }: Output, around: Around): boolean {
  const { targetList = [] } = arm;
  const one = isRenamed ? targetList[place] : targetList.find((each) => 'ResTarget' in each && nameOf(each.ResTarget) === name);
  if (one !== undefined && 'ResTarget' in one) return isLooselyWritten(one.ResTarget.val, arm, around);
  if (nodesOf(targetList, 'A_Star').length === 0) return false;
  if (isRenamed) return sourcesOf(arm, around.known).some(({ known }) => known?.columns.some(({ isLoose }) => isLoose));
  return isLooselyWritten({ ColumnRef: { fields: [{ String: { sval: name } }] } }, arm, around);
}

/** Each side of a UNION. */
export const outputsOf = (query: SelectStmt): readonly SelectStmt[] =>
  query.op === 'SETOP_NONE' ? [query] : [query.larg, query.rarg].flatMap((side) => (side === undefined ? [] : outputsOf(side)));

interface Inner {
  readonly alias: string | undefined;
  readonly select: SelectStmt;
  readonly names: readonly string[];
}

function innerOf({ fromClause = [] }: SelectStmt, { named }: Around): readonly Inner[] {
  const take = (item: Node): readonly Inner[] => {
    if ('JoinExpr' in item) return [item.JoinExpr.larg, item.JoinExpr.rarg].flatMap((side) => (side === undefined ? [] : take(side)));
    const read = 'RangeSubselect' in item ? item.RangeSubselect : 'RangeVar' in item && item.RangeVar.schemaname === undefined ? item.RangeVar : null;
    if (read === null) return [];
    const own = 'subquery' in read && read.subquery !== undefined && 'SelectStmt' in read.subquery ? read.subquery.SelectStmt : undefined;
    const relname = 'RangeVar' in item ? item.RangeVar.relname : undefined;
    const select = own ?? named.get(relname ?? '');
    const names = (read.alias?.colnames ?? []).map((each) => ('String' in each ? (each.String.sval ?? '') : ''));
    return select === undefined ? [] : [{ alias: read.alias?.aliasname ?? relname, select, names }];
  };
  return fromClause.flatMap(take);
}

function isCallLoose(node: Extract<Node, { FuncCall: unknown }>, isLoose: Asked, { isCompared }: Around): boolean {
  const name = calledName(node) ?? '';
  const { args = [], agg_order = [] } = node.FuncCall;
  const [, places] = args;
  const isRounded = (name === 'round' || name === 'trunc') && places !== undefined && ('A_Const' in places || 'ParamRef' in places);
  if (EXACT.includes(name) || isRounded) return false;
  return (LOOSE.includes(name) && !isCompared) || [...args, ...agg_order.flatMap((each) => ('SortBy' in each ? (each.SortBy.node ?? []) : []))].some(isLoose);
}

function isCastLoose({ arg, typeName }: Extract<Node, { TypeCast: unknown }>['TypeCast'], isLoose: Asked): boolean {
  const { names = [], typmods, arrayBounds } = typeName ?? {};
  const last = names.at(-1);
  const type = last !== undefined && 'String' in last && arrayBounds === undefined ? (last.String.sval ?? '') : '';
  const isExact = EXACT_TYPES.includes(type) || ((type === 'numeric' || type === 'bpchar') && typmods !== undefined);
  return !isExact && isLoose(arg);
}

function isOperationLoose({ kind, name = [], lexpr, rexpr }: Extract<Node, { A_Expr: unknown }>['A_Expr'], isLoose: Asked, isInteger: Asked): boolean {
  const only = name.at(-1);
  const operator = only !== undefined && 'String' in only ? (only.String.sval ?? '') : '';
  if (kind === 'AEXPR_NULLIF') return isLoose(lexpr);
  if (kind !== 'AEXPR_OP' || ASKING.includes(operator)) return false;
  return operator === '/' ? !isInteger(lexpr) || !isInteger(rexpr) : isLoose(lexpr) || isLoose(rexpr);
}

/** Of what gives one of several values. */
function resultsOf(node: Node): readonly Node[] | null {
  if ('CoalesceExpr' in node) return node.CoalesceExpr.args ?? [];
  if ('MinMaxExpr' in node) return node.MinMaxExpr.args ?? [];
  if (!('CaseExpr' in node)) return null;
  const { args = [], defresult } = node.CaseExpr;
  return [...args.map((each) => ('CaseWhen' in each ? each.CaseWhen.result : undefined)), defresult].flatMap((each) => each ?? []);
}

const INTEGERS = ['smallint', 'integer', 'bigint'];

function isWhole(node: Node | undefined, query: SelectStmt, { known }: Around): boolean {
  if (node === undefined || ('A_Const' in node && node.A_Const.ival !== undefined)) return true;
  const found = findColumn(node, sourcesOf(query, known));
  return (found !== null && INTEGERS.includes(found.column.type)) || calledName(node) === 'count';
}

/** Numbers with digits behind the point are in it. */
export const hasScale = (node: Node, query: SelectStmt, { known }: Around): boolean =>
  ('A_Const' in node && node.A_Const.fval !== undefined) ||
  (!('FuncCall' in node && calledName(node) === 'count') &&
    nodesOf(node, 'ColumnRef').some((reference) => findColumn({ ColumnRef: reference }, sourcesOf(query, known))?.column.type === 'numeric'));

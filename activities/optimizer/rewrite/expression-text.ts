/**
 * SQL of an expression's parse tree. What it does not know becomes a null byte, which no text can hold: `textOf` reads everything back, and refuses it then.
 * More parentheses than needed are no fault: they are not in a tree.
 */
import type { Node } from 'libpg-query';
import { literal } from '../../pg.ts';
import { namesText, nameText, UNKNOWN } from './name-text.ts';
import { typeText } from './type-text.ts';
import type { Of } from './walk.ts';

/** Of a whole SELECT, without parentheses. */
export type QueryText = (query: Node | undefined) => string;

export function expressionText(node: Node | undefined, query: QueryText): string {
  const text = (each: Node | undefined): string => expressionText(each, query);
  const operand = (each: Node | undefined): string => (each !== undefined && isSimple(each) ? text(each) : `(${text(each)})`);
  const list = (each: readonly Node[] | undefined): string => (each ?? []).map(text).join(', ');
  const write: Writing = { text, operand, list, query };
  if (node === undefined) return UNKNOWN;
  if ('ColumnRef' in node) return (node.ColumnRef.fields ?? []).map((field) => ('A_Star' in field ? '*' : nameText(field))).join('.');
  if ('A_Const' in node) return constantText(node.A_Const);
  if ('ParamRef' in node) return `$${node.ParamRef.number ?? 0}`;
  if ('A_Expr' in node) return operatorText(node.A_Expr, write);
  if ('BoolExpr' in node) return booleanText(node.BoolExpr, write);
  if ('FuncCall' in node) return callText(node.FuncCall, write);
  if ('TypeCast' in node) return `${operand(node.TypeCast.arg)}::${typeText(node.TypeCast.typeName)}`;
  if ('SubLink' in node) return sublinkText(node.SubLink, write);
  if ('NullTest' in node) return `${operand(node.NullTest.arg)} is ${node.NullTest.nulltesttype === 'IS_NULL' ? '' : 'not '}null`;
  if ('BooleanTest' in node) return `${operand(node.BooleanTest.arg)} ${booleanTests[node.BooleanTest.booltesttype ?? 'IS_TRUE'] ?? UNKNOWN}`;
  if ('CaseExpr' in node) return caseText(node.CaseExpr, write);
  if ('CoalesceExpr' in node) return `coalesce(${list(node.CoalesceExpr.args)})`;
  if ('MinMaxExpr' in node) return `${node.MinMaxExpr.op === 'IS_LEAST' ? 'least' : 'greatest'}(${list(node.MinMaxExpr.args)})`;
  if ('SQLValueFunction' in node) return (node.SQLValueFunction.typmod ?? -1) === -1 ? (valueFunctions[node.SQLValueFunction.op ?? ''] ?? UNKNOWN) : UNKNOWN;
  if ('A_ArrayExpr' in node) return `array[${list(node.A_ArrayExpr.elements)}]`;
  if ('RowExpr' in node) return `${node.RowExpr.row_format === 'COERCE_EXPLICIT_CALL' ? 'row' : ''}(${list(node.RowExpr.args)})`;
  if ('A_Indirection' in node)
    return `(${text(node.A_Indirection.arg)})${(node.A_Indirection.indirection ?? []).map((each) => indirectionText(each, write)).join('')}`;
  if ('CollateClause' in node) return `${operand(node.CollateClause.arg)} collate ${namesText(node.CollateClause.collname)}`;
  return UNKNOWN;
}

interface Writing {
  readonly text: (node: Node | undefined) => string;
  /** In parentheses, but where none can be needed. */
  readonly operand: (node: Node | undefined) => string;
  readonly list: (nodes: readonly Node[] | undefined) => string;
  readonly query: QueryText;
}

const SIMPLE = ['ColumnRef', 'ParamRef', 'FuncCall', 'CoalesceExpr', 'SubLink', 'CaseExpr', 'MinMaxExpr'];

function isSimple(node: Node): boolean {
  if ('SubLink' in node) return ['EXPR_SUBLINK', 'EXISTS_SUBLINK'].includes(node.SubLink.subLinkType ?? '');
  if ('FuncCall' in node) return node.FuncCall.funcformat !== 'COERCE_SQL_SYNTAX' && node.FuncCall.over === undefined;
  // a sign binds looser than a cast
  if ('A_Const' in node) return !constantText(node.A_Const).startsWith('-');
  if ('TypeCast' in node) return true;
  return SIMPLE.some((kind) => kind in node);
}

function constantText({ isnull, ival, fval, boolval, sval, bsval }: Of<'A_Const'>): string {
  if (isnull) return 'null';
  if (sval !== undefined) return literal(sval.sval ?? '').trim();
  if (fval !== undefined) return fval.fval ?? UNKNOWN;
  if (boolval !== undefined) return boolval.boolval ? 'true' : 'false';
  if (bsval !== undefined) return UNKNOWN;
  return ival === undefined ? UNKNOWN : String(ival.ival ?? 0);
}

/** A whole expression of such a kind stands between parentheses where it is an operand. */
function operatorText({ kind, name = [], lexpr, rexpr }: Of<'A_Expr'>, { operand, list }: Writing): string {
  const operator = operatorName(name);
  const items = rexpr !== undefined && 'List' in rexpr ? rexpr.List.items : undefined;
  const [from, to] = items ?? [];
  const word = words[kind ?? ''];
  switch (kind) {
    case 'AEXPR_OP':
      return lexpr === undefined ? `${operator} ${operand(rexpr)}` : `${operand(lexpr)} ${operator} ${operand(rexpr)}`;
    case 'AEXPR_IN':
      return items === undefined ? UNKNOWN : `${operand(lexpr)} ${operator === '=' ? '' : 'not '}in (${list(items)})`;
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL':
      return `${operand(lexpr)} ${operator} ${kind === 'AEXPR_OP_ANY' ? 'any' : 'all'} (${operand(rexpr)})`;
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
      return `${operand(lexpr)} is ${kind === 'AEXPR_DISTINCT' ? '' : 'not '}distinct from ${operand(rexpr)}`;
    case 'AEXPR_NULLIF':
      return `nullif(${list([lexpr, rexpr].flatMap((each) => each ?? []))})`;
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
      return `${operand(lexpr)} ${operator.startsWith('!') ? 'not ' : ''}${word} ${operand(rexpr)}`;
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM':
      return `${operand(lexpr)} ${word} ${operand(from)} and ${operand(to)}`;
    default:
      return UNKNOWN;
  }
}

const words: Readonly<Record<string, string>> = {
  AEXPR_LIKE: 'like',
  AEXPR_ILIKE: 'ilike',
  AEXPR_BETWEEN: 'between',
  AEXPR_NOT_BETWEEN: 'not between',
  AEXPR_BETWEEN_SYM: 'between symmetric',
  AEXPR_NOT_BETWEEN_SYM: 'not between symmetric',
};

/** With its schema where it has one. */
function operatorName(name: readonly Node[]): string {
  const parts = name.map((each) => ('String' in each ? (each.String.sval ?? '') : UNKNOWN));
  const operator = parts.at(-1) ?? UNKNOWN;
  return parts.length === 1 ? operator : `operator(${name.slice(0, -1).map(nameText).join('.')}.${operator})`;
}

function booleanText({ boolop, args = [] }: Of<'BoolExpr'>, { operand }: Writing): string {
  if (boolop === 'NOT_EXPR') return `not ${operand(args[0])}`;
  const isPlain = (node: Node) => !('BoolExpr' in node) || node.BoolExpr.boolop === 'NOT_EXPR';
  return args.map((each) => (isPlain(each) ? bare(each, operand) : operand(each))).join(boolop === 'AND_EXPR' ? ' and ' : ' or ');
}

/** Comparisons bind closer than AND and OR: there parentheses would only be in the way. */
function bare(node: Node, operand: Writing['operand']): string {
  const text = operand(node);
  const isComparison = 'A_Expr' in node || 'NullTest' in node || 'BoolExpr' in node || 'SubLink' in node;
  return isComparison && !isSimple(node) ? text.slice(1, -1) : text;
}

function callText(call: Of<'FuncCall'>, { text, list, query }: Writing): string {
  const { funcname, args = [], agg_star, agg_distinct, agg_order, agg_filter, agg_within_group, func_variadic, over, funcformat } = call;
  if (funcformat === 'COERCE_SQL_SYNTAX') return syntaxText(call, text);
  const given = args.map((each, place) => `${func_variadic && place === args.length - 1 ? 'variadic ' : ''}${argumentText(each, text)}`);
  const order = agg_order === undefined ? '' : `order by ${agg_order.map((each) => sortText(each, query)).join(', ')}`;
  const inside = agg_star ? '*' : `${agg_distinct ? 'distinct ' : ''}${given.join(', ')}`;
  const called = agg_within_group
    ? `${namesText(funcname)}(${inside}) within group (${order})`
    : `${namesText(funcname)}(${[inside, order].filter((part) => part !== '').join(' ')})`;
  const filter = agg_filter === undefined ? '' : ` filter (where ${text(agg_filter)})`;
  return `${called}${filter}${over === undefined ? '' : ` over ${over.name === undefined ? `(${windowText(over, { list, query })})` : UNKNOWN}`}`;
}

const argumentText = (node: Node, text: Writing['text']): string =>
  'NamedArgExpr' in node ? `${nameText({ String: { sval: node.NamedArgExpr.name ?? '' } })} => ${text(node.NamedArgExpr.arg)}` : text(node);

/** Forms with words of their own between the arguments. */
function syntaxText({ funcname = [], args = [] }: Of<'FuncCall'>, text: Writing['text']): string {
  const name = funcname.at(-1);
  const [first, second, third, ...more] = args;
  if (name === undefined || !('String' in name) || more.length > 0) return UNKNOWN;
  const field = first !== undefined && 'A_Const' in first ? first.A_Const.sval?.sval : undefined;
  switch (name.String.sval) {
    case 'extract':
      return field === undefined ? UNKNOWN : `extract(${nameText({ String: { sval: field } })} from ${text(second)})`;
    case 'timezone':
      return second === undefined ? UNKNOWN : `(${text(second)}) at time zone (${text(first)})`;
    case 'substring':
      return `substring(${text(first)} from ${text(second)}${third === undefined ? '' : ` for ${text(third)}`})`;
    case 'position':
      return `position((${text(second)}) in (${text(first)}))`;
    case 'btrim':
    case 'ltrim':
    case 'rtrim':
      return `trim(${{ btrim: 'both', ltrim: 'leading', rtrim: 'trailing' }[name.String.sval]} ${second === undefined ? '' : `${text(second)} `}from ${text(first)})`;
    default:
      return UNKNOWN;
  }
}

/** The default frame, and what a WINDOW clause says of it; another frame is not known. */
const DEFAULT_FRAME = 1058;

export function windowText(
  { refname, partitionClause, orderClause, frameOptions }: NonNullable<Of<'FuncCall'>['over']>,
  { list, query }: Pick<Writing, 'list' | 'query'>,
): string {
  if (frameOptions !== DEFAULT_FRAME) return UNKNOWN;
  return [
    ...(refname === undefined ? [] : [nameText({ String: { sval: refname } })]),
    ...(partitionClause === undefined ? [] : [`partition by ${list(partitionClause)}`]),
    ...(orderClause === undefined ? [] : [`order by ${orderClause.map((each) => sortText(each, query)).join(', ')}`]),
  ].join(' ');
}

/** A key of ORDER BY. */
export function sortText(node: Node, query: QueryText): string {
  if (!('SortBy' in node)) return UNKNOWN;
  const { node: key, sortby_dir, sortby_nulls, useOp } = node.SortBy;
  if (useOp !== undefined || sortby_dir === 'SORTBY_USING') return UNKNOWN;
  const direction = sortby_dir === 'SORTBY_DESC' ? ' desc' : sortby_dir === 'SORTBY_ASC' ? ' asc' : '';
  const nulls = sortby_nulls === 'SORTBY_NULLS_FIRST' ? ' nulls first' : sortby_nulls === 'SORTBY_NULLS_LAST' ? ' nulls last' : '';
  return `${expressionText(key, query)}${direction}${nulls}`;
}

function sublinkText({ subLinkType, testexpr, operName, subselect }: Of<'SubLink'>, { operand, query }: Writing): string {
  const inside = `(${query(subselect)})`;
  switch (subLinkType) {
    case 'EXISTS_SUBLINK':
      return `exists ${inside}`;
    case 'EXPR_SUBLINK':
      return inside;
    case 'ARRAY_SUBLINK':
      return `array${inside}`;
    case 'ANY_SUBLINK':
      return operName === undefined ? `${operand(testexpr)} in ${inside}` : `${operand(testexpr)} ${operatorName(operName)} any ${inside}`;
    case 'ALL_SUBLINK':
      return `${operand(testexpr)} ${operatorName(operName ?? [])} all ${inside}`;
    default:
      return UNKNOWN;
  }
}

function caseText({ arg, args = [], defresult }: Of<'CaseExpr'>, { text }: Writing): string {
  const whens = args.map((each) => ('CaseWhen' in each ? `when ${text(each.CaseWhen.expr)} then ${text(each.CaseWhen.result)}` : UNKNOWN));
  return ['case', ...(arg === undefined ? [] : [text(arg)]), ...whens, ...(defresult === undefined ? [] : [`else ${text(defresult)}`]), 'end'].join(' ');
}

function indirectionText(node: Node, { text }: Writing): string {
  if ('String' in node) return `.${nameText(node)}`;
  if (!('A_Indices' in node)) return UNKNOWN;
  const { is_slice, lidx, uidx } = node.A_Indices;
  const at = (index: Node | undefined) => (index === undefined ? '' : text(index));
  return is_slice ? `[${at(lidx)}:${at(uidx)}]` : `[${at(uidx)}]`;
}

const booleanTests: Readonly<Record<string, string>> = {
  IS_TRUE: 'is true',
  IS_NOT_TRUE: 'is not true',
  IS_FALSE: 'is false',
  IS_NOT_FALSE: 'is not false',
  IS_UNKNOWN: 'is unknown',
  IS_NOT_UNKNOWN: 'is not unknown',
};

const valueFunctions: Readonly<Record<string, string>> = {
  SVFOP_CURRENT_DATE: 'current_date',
  SVFOP_CURRENT_TIME: 'current_time',
  SVFOP_CURRENT_TIMESTAMP: 'current_timestamp',
  SVFOP_LOCALTIME: 'localtime',
  SVFOP_LOCALTIMESTAMP: 'localtimestamp',
  SVFOP_CURRENT_ROLE: 'current_role',
  SVFOP_CURRENT_USER: 'current_user',
  SVFOP_USER: 'user',
  SVFOP_SESSION_USER: 'session_user',
  SVFOP_CURRENT_CATALOG: 'current_catalog',
  SVFOP_CURRENT_SCHEMA: 'current_schema',
};

/**
 * Can an expression end in an error for some row? A text that computes it for other rows than the one before, or earlier, may then fail where that one did not:
 * "it is dangerous to rely on side effects or evaluation order" (manual, 4.2.14 "Expression Evaluation Rules"), and a MATERIALIZED query, a sub-query that runs for
 * each row or the left side of an OR are what people put around a cast that fails for other rows.
 */
import type { Node, SelectStmt } from 'libpg-query';
import { calledName } from './rules/sub-query.ts';
import { nodesOf, queriesOf } from './walk.ts';

/** Of comparisons of two values. What compares may be called `!~~`, too: LIKE. A regular expression may be none. */
const COMPARING = ['=', '<>', '<', '>', '<=', '>=', '~~', '!~~', '~~*', '!~~*', '@>', '<@', '&&'];
const KINDS = ['AEXPR_OP', 'AEXPR_IN', 'AEXPR_OP_ANY', 'AEXPR_OP_ALL', 'AEXPR_LIKE', 'AEXPR_ILIKE', 'AEXPR_DISTINCT', 'AEXPR_NOT_DISTINCT'];
const BETWEEN = ['AEXPR_BETWEEN', 'AEXPR_NOT_BETWEEN', 'AEXPR_BETWEEN_SYM', 'AEXPR_NOT_BETWEEN_SYM'];
const AGGREGATES = ['count', 'min', 'max', 'sum', 'avg', 'bool_and', 'bool_or'];
/** Of one argument: length(bytea, encoding) reads bytes that may be none of it. */
const CALLS = ['lower', 'upper', 'length', ...AGGREGATES];

/** False where nobody can tell. What reads no row gives the same for each, and is not looked into. */
export function cannotFail(node: Node | undefined): boolean {
  if (node === undefined || 'ColumnRef' in node || isOfNoRow(node)) return true;
  if ('A_Expr' in node) return isSafeOperation(node.A_Expr);
  if ('BoolExpr' in node) return (node.BoolExpr.args ?? []).every(cannotFail);
  if ('NullTest' in node) return cannotFail(node.NullTest.arg);
  if ('BooleanTest' in node) return cannotFail(node.BooleanTest.arg);
  if ('CoalesceExpr' in node) return (node.CoalesceExpr.args ?? []).every(cannotFail);
  if ('MinMaxExpr' in node) return (node.MinMaxExpr.args ?? []).every(cannotFail);
  if ('CaseExpr' in node) return noneFails([node.CaseExpr.arg, ...(node.CaseExpr.args ?? []), node.CaseExpr.defresult]);
  if ('CaseWhen' in node) return noneFails([node.CaseWhen.expr, node.CaseWhen.result]);
  if ('List' in node) return (node.List.items ?? []).every(cannotFail);
  if ('FuncCall' in node)
    return CALLS.includes(calledName(node) ?? '') && (node.FuncCall.args ?? []).length < 2 && (node.FuncCall.args ?? []).every(cannotFail);
  return 'SubLink' in node && isSafeQuery(node.SubLink);
}

/** Of several that are joined by AND, or stand beside each other. */
export const noneFails = (nodes: readonly (Node | undefined)[]): boolean => nodes.every(cannotFail);

/** Neither what a SELECT asks of its rows, nor any in it. What it computes of them is not looked at. */
export const asksNothingThatFails = (query: SelectStmt): boolean =>
  queriesOf(query).every(({ whereClause, havingClause, fromClause }) =>
    noneFails([whereClause, havingClause, ...nodesOf(fromClause, 'JoinExpr').map(({ quals }) => quals)]),
  );

/** Nothing that comes out of a SELECT, nor of any that it reads from. Groups are made before anything is asked of what was computed of them. */
export function computesNothingThatFails({ op, groupClause, targetList = [], fromClause, larg, rarg }: SelectStmt): boolean {
  if (op !== 'SETOP_NONE') return [larg, rarg].every((side) => side === undefined || computesNothingThatFails(side));
  const values = targetList.map((one) => ('ResTarget' in one ? one.ResTarget.val : undefined));
  const asked = values.filter((value) => groupClause === undefined || value === undefined || nodesOf(value, 'FuncCall').length === 0);
  return noneFails(asked) && noneFails(groupClause ?? []) && readsNothingThatFails(fromClause);
}

/** A column may be what a query of FROM computes. */
export const readsNothingThatFails = (fromClause: readonly Node[] | undefined): boolean =>
  nodesOf(fromClause, 'RangeSubselect').every(
    ({ subquery }) => subquery !== undefined && 'SelectStmt' in subquery && computesNothingThatFails(subquery.SelectStmt),
  );

const isOfNoRow = (node: Node | undefined): boolean => nodesOf(node, 'ColumnRef').length === 0 && nodesOf(node, 'SubLink').length === 0;

function isSafeOperation({ kind = 'AEXPR_OP', name = [], lexpr, rexpr }: Extract<Node, { A_Expr: unknown }>['A_Expr']): boolean {
  const [only, ...schema] = name;
  const operator = only !== undefined && schema.length === 0 && 'String' in only ? (only.String.sval ?? '') : '';
  const isKnown = BETWEEN.includes(kind) || (KINDS.includes(kind) && COMPARING.includes(operator));
  // a pattern may end in the middle of an escape
  const isPattern = operator.includes('~~');
  return isKnown && cannotFail(lexpr) && (isPattern ? isOfNoRow(rexpr) && !endsInEscape(rexpr) : cannotFail(rexpr));
}

/** A text fails that is as long as the rest of such a pattern, no other; of a parameter nobody knows. */
function endsInEscape(pattern: Node | undefined): boolean {
  const text = pattern !== undefined && 'A_Const' in pattern ? (pattern.A_Const.sval?.sval ?? '') : '';
  return (/\\*$/.exec(text)?.[0].length ?? 0) % 2 === 1;
}

/** EXISTS, IN, and an aggregate of all rows; another one that gives a single value fails where it finds two. */
function isSafeQuery({ subLinkType, testexpr, subselect }: Extract<Node, { SubLink: unknown }>['SubLink']): boolean {
  const query = subselect !== undefined && 'SelectStmt' in subselect ? subselect.SelectStmt : undefined;
  if (query === undefined || query.op !== 'SETOP_NONE') return false;
  const [only] = query.targetList ?? [];
  const isSingle =
    query.groupClause === undefined &&
    only !== undefined &&
    'ResTarget' in only &&
    only.ResTarget.val !== undefined &&
    AGGREGATES.includes(calledName(only.ResTarget.val) ?? '');
  if (subLinkType !== 'EXISTS_SUBLINK' && subLinkType !== 'ANY_SUBLINK' && !(subLinkType === 'EXPR_SUBLINK' && isSingle)) return false;
  const joins = nodesOf(query.fromClause, 'JoinExpr').map(({ quals }) => quals);
  const targets = (query.targetList ?? []).map((one) => ('ResTarget' in one ? one.ResTarget.val : undefined));
  const inner = nodesOf(query.fromClause, 'RangeSubselect').flatMap(({ subquery }) =>
    subquery !== undefined && 'SelectStmt' in subquery ? [subquery.SelectStmt] : [],
  );
  const isSafe = query.withClause === undefined && readsNothingThatFails(query.fromClause) && inner.every(asksNothingThatFails);
  return isSafe && noneFails([testexpr, query.whereClause, ...joins, ...targets]) && query.havingClause === undefined;
}

/** SQL of small expressions over one relation's columns, for index keys and predicates. What it does not know is null, and gives no candidate. */
import type { Node } from 'libpg-query';
import { ident, literal } from '../../pg.ts';

/** `column`: writes a column reference, or null where it is not of the relation in question. */
export function expressionSql(node: Node | undefined, column: (fields: readonly Node[]) => string | null): string | null {
  if (node === undefined) return null;
  if ('ColumnRef' in node) {
    const name = column(node.ColumnRef.fields ?? []);
    return name === null ? null : ident(name);
  }
  if ('A_Const' in node) return constantSql(node);
  const inner = (part: Node | undefined) => expressionSql(part, column);
  if ('TypeCast' in node) {
    const type = typeSql(node.TypeCast.typeName);
    const argument = inner(node.TypeCast.arg);
    return argument === null || type === null ? null : `${parenthesised(node.TypeCast.arg, argument)}::${type}`;
  }
  if ('FuncCall' in node) return callSql(node.FuncCall, inner);
  if ('CoalesceExpr' in node) {
    const parts = (node.CoalesceExpr.args ?? []).map(inner);
    return parts.includes(null) ? null : `COALESCE(${parts.join(', ')})`;
  }
  if ('NullTest' in node) {
    const argument = inner(node.NullTest.arg);
    return argument === null ? null : `${argument} IS ${node.NullTest.nulltesttype === 'IS_NULL' ? '' : 'NOT '}NULL`;
  }
  if ('BoolExpr' in node && node.BoolExpr.boolop === 'NOT_EXPR') {
    const argument = inner(node.BoolExpr.args?.[0]);
    return argument === null ? null : `NOT (${argument})`;
  }
  return 'A_Expr' in node ? operatorSql(node.A_Expr, inner) : null;
}

type Inner = (part: Node | undefined) => string | null;

function operatorSql(expression: Extract<Node, { A_Expr: unknown }>['A_Expr'], inner: Inner): string | null {
  const { kind, name = [], lexpr, rexpr } = expression;
  const operator = operatorName(name);
  if (kind === 'AEXPR_IN' && rexpr !== undefined && 'List' in rexpr) {
    const left = inner(lexpr);
    const items = (rexpr.List.items ?? []).map(inner);
    return left === null || items.includes(null) ? null : `${left} ${operator === '=' ? 'IN' : 'NOT IN'} (${items.join(', ')})`;
  }
  if (kind !== 'AEXPR_OP' || name.length !== 1 || lexpr === undefined) return null;
  const [left, right] = [inner(lexpr), inner(rexpr)];
  return left === null || right === null ? null : `${parenthesised(lexpr, left)} ${operator} ${parenthesised(rexpr, right)}`;
}

function callSql(call: Extract<Node, { FuncCall: unknown }>['FuncCall'], inner: Inner): string | null {
  if (call.agg_star || call.agg_distinct || call.agg_order || call.agg_filter || call.over || call.func_variadic) return null;
  const parts = (call.args ?? []).map(inner);
  const names = (call.funcname ?? []).map(stringOf);
  return parts.length === 0 || parts.includes(null) || names.includes(null)
    ? null
    : `${names.map((name) => ident(name as string)).join('.')}(${parts.join(', ')})`;
}

function constantSql(node: Extract<Node, { A_Const: unknown }>): string | null {
  const { isnull, ival, fval, boolval, sval } = node.A_Const;
  if (isnull) return 'NULL';
  if (sval !== undefined) return literal(sval.sval ?? '');
  if (fval !== undefined) return fval.fval ?? null;
  if (boolval !== undefined) return boolval.boolval ? 'true' : 'false';
  return ival === undefined ? null : String(ival.ival ?? 0);
}

/** Names only: a length or precision, an array or a set gives no candidate. */
function typeSql(type: Extract<Node, { TypeCast: unknown }>['TypeCast']['typeName']): string | null {
  if (type === undefined || type.arrayBounds !== undefined || type.setof || (type.typmods?.length ?? 0) > 0) return null;
  const names = (type.names ?? []).map(stringOf);
  return names.includes(null) ? null : names.map((name) => ident(name as string)).join('.');
}

const parenthesised = (node: Node | undefined, sql: string): string => (node !== undefined && ('A_Expr' in node || 'NullTest' in node) ? `(${sql})` : sql);

/** The text of a String node, otherwise null. */
export const stringOf = (node: Node): string | null => ('String' in node ? (node.String.sval ?? '') : null);

/** The last part of an operator's name: its schema says nothing. */
export const operatorName = (name: readonly Node[] | undefined): string => stringOf(name?.at(-1) ?? { String: {} }) ?? '';

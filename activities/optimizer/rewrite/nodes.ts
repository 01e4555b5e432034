/** Nodes of a parse tree as the parser would make them. */
import type { Node, SelectStmt } from 'libpg-query';

export const string = (sval: string): Node => ({ String: { sval } });

export const column = (...names: readonly string[]): Node => ({ ColumnRef: { fields: names.map(string) } });

/** `alias.*`. */
export const star = (alias: string): Node => ({ ColumnRef: { fields: [string(alias), { A_Star: {} }] } });

export const integer = (value: number): Node => ({ A_Const: { ival: value === 0 ? {} : { ival: value } } });

export const text = (sval: string): Node => ({ A_Const: { sval: { sval } } });

/** A type that the grammar has a word of its own for lies in pg_catalog, others are found by their name. */
export const cast = (arg: Node, ...names: readonly string[]): Node => ({ TypeCast: { arg, typeName: { names: names.map(string), typemod: -1 } } });

export const operation = (lexpr: Node, operator: string, rexpr: Node): Node => ({ A_Expr: { kind: 'AEXPR_OP', name: [string(operator)], lexpr, rexpr } });

export const call = (name: string, ...args: readonly Node[]): Node => ({
  FuncCall: { funcname: [string(name)], args: [...args], funcformat: 'COERCE_EXPLICIT_CALL' },
});

/** `count(*)`. */
export const countAll: Node = { FuncCall: { funcname: [string('count')], agg_star: true, funcformat: 'COERCE_EXPLICIT_CALL' } };

export const coalesce = (...args: readonly Node[]): Node => ({ CoalesceExpr: { args: [...args] } });

export const not = (arg: Node): Node => ({ BoolExpr: { boolop: 'NOT_EXPR', args: [arg] } });

/** undefined: no condition at all. */
export function and(conditions: readonly Node[]): Node | undefined {
  return conditions.length < 2 ? conditions[0] : { BoolExpr: { boolop: 'AND_EXPR', args: [...conditions] } };
}

export const target = (val: Node, name?: string): Node => ({ ResTarget: name === undefined ? { val } : { name, val } });

/** A SELECT of these parts. */
export const select = (parts: SelectStmt): SelectStmt => ({ ...parts, limitOption: parts.limitOption ?? 'LIMIT_OPTION_DEFAULT', op: parts.op ?? 'SETOP_NONE' });

export const exists = (query: SelectStmt): Node => ({ SubLink: { subLinkType: 'EXISTS_SUBLINK', subselect: { SelectStmt: query } } });

/** `(query) as alias (columns)`. */
export const derived = (query: SelectStmt, aliasname: string, columns: readonly string[] = []): Node => ({
  RangeSubselect: { subquery: { SelectStmt: query }, alias: columns.length === 0 ? { aliasname } : { aliasname, colnames: columns.map(string) } },
});

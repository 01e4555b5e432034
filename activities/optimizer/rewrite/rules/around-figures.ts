/**
 * Can what is computed of figures end in an error? Where a condition is strict, PostgreSQL makes the outer join an inner one and asks the condition of every group, those
 * included that no row meets (manual, 7.2.1.1; `reduce_outer_joins`, `qual_is_pushdown_safe` in its planner): `100 / sum(x) > 5` then fails for a group that nobody asked for.
 */
import type { Node } from 'libpg-query';
import { cannotFail } from '../cannot-fail.ts';
import type { Known } from '../known.ts';
import { column } from '../nodes.ts';
import { findColumn, type Source } from '../sources.ts';
import { mapExpression } from '../walk.ts';
import { numberOf, operatorOf } from './number-of.ts';
import { calledName } from './sub-query.ts';

/** `other`: no number, and nothing is computed of it. */
export type FigureKind = 'integer' | 'numeric' | 'other';

/** Of what stands for itself: a figure, a column, a constant; null: it is computed. */
type Leaf = (node: Node) => FigureKind | null;

/** Neither the expression nor any part of it. */
export const neverFails = (node: Node, leaf: Leaf): boolean =>
  cannotFail(mapExpression(node, (part) => (kindOf(part, leaf) === null ? null : column('figure'))));

/** Sums, differences and products of numeric ones fail for none, of integers they overflow; null: it may fail, or nobody knows. */
export function kindOf(node: Node, leaf: Leaf): FigureKind | null {
  const known = leaf(node);
  if (known !== null) return known;
  if ('CoalesceExpr' in node) {
    const kinds = (node.CoalesceExpr.args ?? []).map((each) => kindOf(each, leaf));
    return kinds.includes(null) ? null : kinds.includes('other') ? 'other' : kinds.includes('numeric') ? 'numeric' : 'integer';
  }
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP' || operatorOf(node.A_Expr.name) === null) return null;
  const sides = [node.A_Expr.lexpr, node.A_Expr.rexpr].flatMap((side) => (side === undefined ? [] : [kindOf(side, leaf)]));
  return sides.every((side) => side === 'integer' || side === 'numeric') && sides.includes('numeric') ? 'numeric' : null;
}

/** Columns of these sources, parameters and constants. */
export const plainKind =
  (sources: readonly Source[], known: Known): Leaf =>
  (node) => {
    if ('ColumnRef' in node || 'ParamRef' in node) return numberOf(node, sources, known) ?? 'other';
    return 'A_Const' in node ? numberOf(node, sources, known) : null;
  };

/** Figures of columns of these sources, too. A sum of integers is a bigint, one of bigints is numeric (manual, table 9.62). */
export const figureKind =
  (sources: readonly Source[], known: Known): Leaf =>
  (node) => {
    const name = calledName(node);
    if (name === null || !('FuncCall' in node) || !known.aggregates.has(name) || known.ownFunctions.has(name)) return plainKind(sources, known)(node);
    const [arg] = node.FuncCall.args ?? [];
    if (name === 'count') return 'integer';
    const kind = arg === undefined ? null : numberOf(arg, sources, known);
    if (name === 'sum') return kind === 'integer' && findColumn(arg, sources)?.column.type === 'bigint' ? 'numeric' : (kind ?? 'other');
    return name === 'avg' ? (kind === null ? 'other' : 'numeric') : (kind ?? 'other');
  };

/** An equality by which rows of some tables meet those of others. */
import type { Node } from 'libpg-query';
import type { RewriteGround } from '../../../../domain/optimizer/rewrite.ts';
import type { KnownColumn } from '../known.ts';
import { column } from '../nodes.ts';
import { plain } from '../query-text.ts';
import { type Found, findColumn, type Source, typeGround } from '../sources.ts';

/** Both of one and the same type of PostgreSQL's own. */
export interface Meeting {
  readonly ours: Found;
  readonly theirs: Found;
}

/** `ours = theirs`, either way round; null: another condition. */
export function inEqual(condition: Node, inner: readonly Source[], outer: readonly Source[]): Meeting | null {
  if (!('A_Expr' in condition) || condition.A_Expr.kind !== 'AEXPR_OP' || plain(condition.A_Expr.name) !== EQUAL) return null;
  const { lexpr, rexpr } = condition.A_Expr;
  for (const [a, b] of [[lexpr, rexpr] as const, [rexpr, lexpr] as const]) {
    const ours = findColumn(a, inner);
    // a name that means a column of the sub-query means that one
    const theirs = ours === null || findColumn(b, inner) !== null || isOf(b, inner) ? null : findColumn(b, outer);
    if (ours !== null && theirs !== null && isMet(ours.column, theirs.column)) return { ours, theirs };
  }
  return null;
}

const isMet = (ours: KnownColumn, theirs: KnownColumn): boolean => ours.type === theirs.type && ours.nature !== 'other' && theirs.nature !== 'other';

const EQUAL = plain([{ String: { sval: '=' } }]);

/** Named by an alias that the sub-query has as well. */
function isOf(node: Node | undefined, inner: readonly Source[]): boolean {
  const fields = node !== undefined && 'ColumnRef' in node ? (node.ColumnRef.fields ?? []) : [];
  const [first] = fields;
  return fields.length > 1 && first !== undefined && 'String' in first && inner.some(({ alias }) => alias === first.String.sval);
}

/** With its table's alias. */
export const columnOf = ({ source, column: { name } }: Found): Node => column(source.alias, name);

/** Both columns stay what they are. */
export const groundsOf = ({ ours, theirs }: Meeting): readonly RewriteGround[] => [ours, theirs].map(typeGround);

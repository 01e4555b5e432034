/** Sub-queries that compute one figure, read apart: what several rules ask of them. */
import type { Node, SelectStmt } from 'libpg-query';
import type { Known } from '../known.ts';
import { findColumn, type Source, sourcesOf } from '../sources.ts';
import { nodesOf } from '../walk.ts';

/** Reads rows, and does nothing with them but filter and compute: no groups, no limit, no sets, no WITH. */
export function isPlainQuery(query: SelectStmt): boolean {
  const { op, withClause, groupClause, havingClause, distinctClause, limitCount, limitOffset, windowClause, valuesLists, fromClause } = query;
  const parts = [withClause, groupClause, havingClause, distinctClause, limitCount, limitOffset, windowClause, valuesLists];
  return op === 'SETOP_NONE' && fromClause !== undefined && parts.every((part) => part === undefined);
}

/** `(SELECT one thing …)` as an expression. */
export function scalarQuery(node: Node | undefined): { readonly query: SelectStmt; readonly value: Node; readonly name: string | undefined } | null {
  if (node === undefined || !('SubLink' in node) || node.SubLink.subLinkType !== 'EXPR_SUBLINK') return null;
  const { subselect } = node.SubLink;
  if (subselect === undefined || !('SelectStmt' in subselect)) return null;
  const [only, ...more] = subselect.SelectStmt.targetList ?? [];
  if (only === undefined || more.length > 0 || !('ResTarget' in only) || only.ResTarget.val === undefined) return null;
  return { query: subselect.SelectStmt, value: only.ResTarget.val, name: only.ResTarget.name };
}

/** Its sources, where it reads nothing but tables whose columns are known, at one level. */
export function ownSources(query: SelectStmt, known: Known): readonly Source[] | null {
  const sources = sourcesOf(query, known);
  const isFlat = nodesOf(query, 'SubLink').length === 0 && nodesOf(query, 'RangeSubselect').length === 0;
  return isFlat && sources.length > 0 && sources.every(({ known: table }) => table !== null) ? sources : null;
}

/** Every column below means one of these sources. */
export const readsOnly = (value: unknown, sources: readonly Source[]): boolean =>
  nodesOf(value, 'ColumnRef').every((reference) => findColumn({ ColumnRef: reference }, sources) !== null);

/** The name of a call without a schema, or in pg_catalog; null: no call, or of somebody's own function. */
export function calledName(node: Node): string | null {
  if (!('FuncCall' in node)) return null;
  const names = (node.FuncCall.funcname ?? []).map((each) => ('String' in each ? (each.String.sval ?? '') : ''));
  return names.length === 1 || (names.length === 2 && names[0] === 'pg_catalog') ? (names.at(-1) ?? null) : null;
}

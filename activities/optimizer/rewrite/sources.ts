/** Which table's column a name means at one SELECT of a statement. Where it cannot be told for certain, it is told of none. */
import type { Node, SelectStmt } from 'libpg-query';
import type { RewriteGround } from '../../../domain/optimizer/rewrite.ts';
import type { Known, KnownColumn, KnownTable } from './known.ts';

export interface Source {
  readonly alias: string;
  /** null: a query, a function, or a table whose columns are renamed. */
  readonly known: KnownTable | null;
  /** An outer join may give it null in every column. */
  readonly isNullable: boolean;
}

export interface Found {
  readonly source: Source;
  readonly table: KnownTable;
  readonly column: KnownColumn;
}

/** The items of a FROM in their order. */
export function sourcesOf({ fromClause }: SelectStmt, known: Known): readonly Source[] {
  return (fromClause ?? []).flatMap((item) => itemSources(item, known, false));
}

function itemSources(item: Node, known: Known, isNullable: boolean): readonly Source[] {
  if ('RangeVar' in item) {
    const { schemaname, relname = '', alias } = item.RangeVar;
    return [{ alias: alias?.aliasname ?? relname, known: alias?.colnames === undefined ? known.table(schemaname, relname) : null, isNullable }];
  }
  if ('JoinExpr' in item) {
    const { jointype, larg, rarg } = item.JoinExpr;
    const side = (part: Node | undefined, kinds: readonly string[]) =>
      part === undefined ? [] : itemSources(part, known, isNullable || kinds.includes(jointype ?? ''));
    return [...side(larg, ['JOIN_RIGHT', 'JOIN_FULL']), ...side(rarg, ['JOIN_LEFT', 'JOIN_FULL'])];
  }
  if ('RangeSubselect' in item) return [{ alias: item.RangeSubselect.alias?.aliasname ?? '', known: null, isNullable }];
  return [{ alias: 'RangeFunction' in item ? (item.RangeFunction.alias?.aliasname ?? '') : '', known: null, isNullable }];
}

/** null: of none of these, or of one of which nothing is known. */
export function findColumn(node: Node | undefined, sources: readonly Source[]): Found | null {
  if (node === undefined || !('ColumnRef' in node)) return null;
  const names = (node.ColumnRef.fields ?? []).map((field) => ('String' in field ? (field.String.sval ?? '') : null));
  const [alias, name] = names.length === 1 ? [null, names[0]] : names.length === 2 ? [names[0], names[1]] : [null, null];
  if (name === null || name === undefined) return null;
  const columnOf = ({ known }: Source) => known?.columns.find((column) => column.name === name);
  const own =
    alias === null ? sources.filter((source) => source.known === null || columnOf(source) !== undefined) : sources.filter((source) => source.alias === alias);
  const [source] = own;
  const column = source === undefined ? undefined : columnOf(source);
  // a source that nothing is known of may have that column too
  return own.length === 1 && source?.known != null && column !== undefined ? { source, table: source.known, column } : null;
}

/** Of a query that reads nothing but another query, as a view written out is, what a column of that is in the end. null: it is computed, or nobody can tell. */
export function findThrough(node: Node | undefined, query: SelectStmt, known: Known): Found | null {
  const [only, ...more] = query.fromClause ?? [];
  if (only === undefined || more.length > 0 || !('RangeSubselect' in only)) return findColumn(node, sourcesOf(query, known));
  const { subquery, alias } = only.RangeSubselect;
  const inner = subquery !== undefined && 'SelectStmt' in subquery ? subquery.SelectStmt : undefined;
  const fields = node !== undefined && 'ColumnRef' in node ? (node.ColumnRef.fields ?? []) : [];
  const [qualifier, field] = fields.length === 2 ? fields : [undefined, fields[0]];
  const isItsOwn = qualifier === undefined || ('String' in qualifier && qualifier.String.sval === alias?.aliasname);
  if (inner === undefined || inner.op !== 'SETOP_NONE' || alias?.colnames !== undefined || field === undefined || !('String' in field) || !isItsOwn)
    return null;
  if (inner.groupClause?.some((key) => 'GroupingSet' in key)) return null;
  const named = (inner.targetList ?? []).filter((one) => 'ResTarget' in one && outputName(one.ResTarget) === field.String.sval);
  const [target] = named;
  return named.length === 1 && target !== undefined && 'ResTarget' in target ? findThrough(target.ResTarget.val, inner, known) : null;
}

/** Its own, or that of the column that it is. */
function outputName({ name, val }: Extract<Node, { ResTarget: unknown }>['ResTarget']): string | undefined {
  const last = val !== undefined && 'ColumnRef' in val ? val.ColumnRef.fields?.at(-1) : undefined;
  return name ?? (last !== undefined && 'String' in last ? last.String.sval : undefined);
}

/** It stays of its type, and of its scale where that keeps equal values alike. */
export const typeGround = ({ table: { table }, column: { name, type, nature, declared } }: Found): RewriteGround => ({
  kind: 'type',
  table,
  column: name,
  type: nature === 'exact' ? declared : type,
});

/** Names that FROM gives, to keep new ones apart from. */
export const aliasesOf = (sources: readonly Source[]): readonly string[] => sources.map(({ alias }) => alias);

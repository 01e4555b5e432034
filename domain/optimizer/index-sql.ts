/** The SQL of an index: what makes it, and the one text by which two definitions are equal. */
import { digest, firstBytes } from './index-name.ts';
import type { IndexDefinition, IndexKey, RelationName } from './model.ts';

/** Quotes a name as `pg.escapeIdentifier` does (property-tested against it): domain code knows no driver. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** `"schema"."table"`. */
export const quoteRelation = ({ schema, relation }: RelationName): string => `${quoteName(schema)}.${quoteName(relation)}`;

/** CREATE INDEX; `concurrently` outside a transaction only. The name is the index's own, without schema. */
export function createIndexSql(index: IndexDefinition, name: string, { concurrently }: { readonly concurrently: boolean }): string {
  const kind = `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX${concurrently ? ' CONCURRENTLY' : ''}`;
  return `${kind} ${quoteName(name)} ON ${indexBody(index)}`;
}

/** The statement HypoPG takes: no name, no CONCURRENTLY. */
export const hypotheticalSql = (index: IndexDefinition): string => `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX ON ${indexBody(index)}`;

/** Equal for equal definitions, whatever their name; a default that is spelled out is no difference, nor is the order of INCLUDE. */
export function indexText(index: IndexDefinition): string {
  return `${index.unique ? 'UNIQUE ' : ''}${indexBody({ ...index, include: index.include.toSorted() })}`;
}

/** One of each definition. */
export const distinctIndexes = (indexes: readonly IndexDefinition[]): readonly IndexDefinition[] => [
  ...new Map(indexes.map((index) => [indexText(index), index])).values(),
];

/** Equal for sets of equal definitions, in whatever order. */
export const setText = (indexes: readonly IndexDefinition[]): string => JSON.stringify(indexes.map(indexText).toSorted());

/** One key column as it stands in CREATE INDEX; defaults of direction and nulls are left out. */
export function keyText(key: IndexKey): string {
  const what = key.column === null ? `(${key.expression ?? ''})` : quoteName(key.column);
  const operators = key.operatorClass === null ? '' : ` ${key.operatorClass}`;
  const nulls = key.nullsFirst === null || key.nullsFirst === key.descending ? '' : ` NULLS ${key.nullsFirst ? 'FIRST' : 'LAST'}`;
  return `${what}${operators}${key.descending ? ' DESC' : ''}${nulls}`;
}

/** A name of at most 63 bytes that says table and columns, and never meets another definition's: its last part is a digest of the definition. */
export function indexName(index: IndexDefinition): string {
  const words = index.keys.map(({ column }) => column ?? 'expr');
  const readable = [index.table.relation, ...words].join('_').replaceAll(/[^\p{L}\p{N}_]/gu, '_');
  const suffix = `_${digest(indexText(index))}_idx`;
  return `${firstBytes(readable, 63 - suffix.length)}${suffix}`;
}

/** A plain ascending key on a column. */
export const columnKey = (column: string): IndexKey => ({ column, expression: null, descending: false, nullsFirst: null, operatorClass: null });

/** A b-tree on these columns: the usual candidate. */
export function btree(table: RelationName, columns: readonly string[], include: readonly string[] = []): IndexDefinition {
  return { table, method: 'btree', keys: columns.map(columnKey), include, predicate: null, unique: false };
}

function indexBody(index: IndexDefinition): string {
  const include = index.include.length === 0 ? '' : ` INCLUDE (${index.include.map(quoteName).join(', ')})`;
  const where = index.predicate === null ? '' : ` WHERE (${index.predicate})`;
  return `${quoteRelation(index.table)} USING ${index.method} (${index.keys.map(keyText).join(', ')})${include}${where}`;
}

/** A name may hold one: the SQL is then no line of a file any more. */
export const hasLineBreak = (sql: string): boolean => /[\n\r]/.test(sql);

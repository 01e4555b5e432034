/** Findings on the lab: the same index there, and what building it anew really gives back. */
import type pg from 'pg';
import type { HygieneFinding } from '../../../domain/optimizer/hygiene.ts';
import { quoteName } from '../../../domain/optimizer/index-sql.ts';
import type { KeptIndex } from '../../../domain/optimizer/removals.ts';
import { qualified } from '../../pg.ts';
import { isServerError, scrubbedReason } from '../../pg-errors.ts';
import { type BuiltIndex, dropSql, labName, relationsOf, sizeOf } from '../lab/sets.ts';

/** An index that is there on the lab too, with its size there. */
export interface OnLabIndex extends BuiltIndex {
  readonly finding: HygieneFinding;
}

/** Those that the lab has under the same definition; an index younger than the backup is not among them. */
export async function presentOnLab(client: pg.Client, findings: readonly HygieneFinding[]): Promise<readonly OnLabIndex[]> {
  const { rows } = await client.query<{ schema: string; name: string; definition: string }>(presentSql, [
    findings.map(({ table }) => table.schema),
    findings.map(({ index }) => index.name),
  ]);
  const definitions = new Map(rows.map(({ schema, name, definition }) => [qualified(schema, name), definition]));
  const present = findings.filter(({ table, index }) => definitions.get(qualified(table.schema, index.name)) === index.definition);
  const found: OnLabIndex[] = [];
  for (const finding of present) {
    const { table, index } = finding;
    const relations = await relationsOf(client, table.schema, table.relation);
    const sizeBytes = await sizeOf(client, table.schema, index.name);
    found.push({ finding, index: index.index, schema: table.schema, name: index.name, relations, sizeBytes, buildMs: 0 });
  }
  return found;
}

export type Rebuilt = { readonly sizeBytes: number; readonly buildMs: number } | { readonly refused: string };

/** The same index once more, for a moment: its size is what REINDEX leaves. The one that is there stays as it is. */
export async function builtAnew(client: pg.Client, { index, table }: Pick<HygieneFinding, 'index' | 'table'>): Promise<Rebuilt> {
  const name = labName(1);
  const sql = underName(index, name);
  if (sql === null) return { refused: 'its definition is not understood' };
  const began = performance.now();
  try {
    await client.query(sql);
  } catch (error) {
    if (!isServerError(error)) throw error;
    return { refused: scrubbedReason(error) };
  }
  const buildMs = Math.round(performance.now() - began);
  const sizeBytes = await sizeOf(client, table.schema, name);
  await client.query(dropSql([{ schema: table.schema, name }]));
  return { sizeBytes, buildMs };
}

/** pg_get_indexdef under another name. null: it does not begin as it should. */
function underName({ definition, name, index }: KeptIndex, other: string): string | null {
  const create = `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX `;
  const own = [name, quoteName(name)].map((word) => `${create}${word} ON `).find((head) => definition.startsWith(head));
  return own === undefined ? null : `${create}${quoteName(other)} ON ${definition.slice(own.length)}`;
}

const presentSql = `/* assay optimizer */ select n.nspname as schema, c.relname as name, pg_catalog.pg_get_indexdef(c.oid) as definition
  from unnest($1::text[], $2::text[]) as asked(schema, name)
    join pg_catalog.pg_namespace n on n.nspname = asked.schema
    join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = asked.name and c.relkind in ('i', 'I')`;

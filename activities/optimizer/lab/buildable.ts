/** Which of some indexes PostgreSQL would build at all: tried on an empty table like theirs, so that no set fails for one of them. */
import type pg from 'pg';
import { TRIGRAMS } from '../../../domain/optimizer/candidates-lab-only.ts';
import { createIndexSql } from '../../../domain/optimizer/index-sql.ts';
import type { IndexDefinition } from '../../../domain/optimizer/model.ts';
import { ident, qualified } from '../../pg.ts';
import { isServerError } from '../../pg-errors.ts';

/** Operator classes get the schema of their extension where it is not `public`: nobody knows the search path under which the SQL will run. */
export async function buildable(client: pg.Client, indexes: readonly IndexDefinition[]): Promise<readonly IndexDefinition[]> {
  if (indexes.length === 0) return [];
  const { rows } = await client.query<{ schema: string }>(
    `/* assay optimizer */ select n.nspname as schema from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm'`,
  );
  const trigrams = rows[0]?.schema ?? null;
  const found: IndexDefinition[] = [];
  for (const index of indexes.map((each) => inSchema(each, trigrams))) if (await isTaken(client, index)) found.push(index);
  return found;
}

const inSchema = (index: IndexDefinition, schema: string | null): IndexDefinition =>
  schema === null || schema === 'public'
    ? index
    : { ...index, keys: index.keys.map((key) => (key.operatorClass === TRIGRAMS ? { ...key, operatorClass: `${ident(schema)}.${TRIGRAMS}` } : key)) };

/** Nothing of it stays. */
async function isTaken(client: pg.Client, index: IndexDefinition): Promise<boolean> {
  const { schema, relation } = index.table;
  const empty = { schema: 'pg_temp', relation: 'assay_lab_empty' };
  await client.query('begin');
  try {
    await client.query(`create temporary table ${ident(empty.relation)} (like ${qualified(schema, relation)})`);
    await client.query(createIndexSql({ ...index, table: empty }, 'assay_lab_tried', { concurrently: false }));
    return true;
  } catch (error) {
    if (!isServerError(error)) throw error;
    return false;
  } finally {
    await client.query('rollback');
  }
}

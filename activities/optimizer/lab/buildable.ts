/**
 * Which of some indexes PostgreSQL would build at all: tried on an empty table like theirs, so that no set fails for one of them. And which are there, however
 * they were written: PostgreSQL writes `status = 'open'::text` where somebody wrote `status = 'open'`.
 */
import type pg from 'pg';
import { TRIGRAMS } from '../../../domain/optimizer/candidates-lab-only.ts';
import { createIndexSql } from '../../../domain/optimizer/index-sql.ts';
import type { IndexDefinition } from '../../../domain/optimizer/model.ts';
import { ident, qualified } from '../../pg.ts';
import { isServerError } from '../../pg-errors.ts';
import { LAB_NAMES } from './sets.ts';

/** Neither those that it would not build nor those that are there. Operator classes get the schema of their extension where it is not `public`: nobody knows the search path under which the SQL will run. */
export async function buildable(client: pg.Client, indexes: readonly IndexDefinition[]): Promise<readonly IndexDefinition[]> {
  if (indexes.length === 0) return [];
  const { rows } = await client.query<{ schema: string }>(
    `/* assay optimizer */ select n.nspname as schema from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm'`,
  );
  const trigrams = rows[0]?.schema ?? null;
  const found: IndexDefinition[] = [];
  for (const index of indexes.map((each) => inSchema(each, trigrams))) if (await canBeHad(client, index)) found.push(index);
  return found;
}

const inSchema = (index: IndexDefinition, schema: string | null): IndexDefinition =>
  schema === null || schema === 'public'
    ? index
    : { ...index, keys: index.keys.map((key) => (key.operatorClass === TRIGRAMS ? { ...key, operatorClass: `${ident(schema)}.${TRIGRAMS}` } : key)) };

/** Nothing of it stays. */
async function canBeHad(client: pg.Client, index: IndexDefinition): Promise<boolean> {
  const { schema, relation } = index.table;
  const empty = { schema: 'pg_temp', relation: 'assay_lab_empty' };
  await client.query('begin');
  try {
    await client.query(`create temporary table ${ident(empty.relation)} (like ${qualified(schema, relation)})`);
    await client.query(createIndexSql({ ...index, table: empty }, 'assay_lab_tried', { concurrently: false }));
    const { rows } = await client.query<{ there: boolean }>(IS_THERE, [qualified(schema, relation), LAB_NAMES]);
    return rows[0]?.there !== true;
  } catch (error) {
    if (!isServerError(error)) throw error;
    return false;
  } finally {
    await client.query('rollback');
  }
}

/** Is the one that was tried there on the table ($1)? Not as an index of the lab's own, which have names that begin with $2. */
const IS_THERE = `/* assay optimizer */ with form as (
    select i.indexrelid, i.indrelid, row(c.relam, i.indisunique, i.indnkeyatts, i.indoption::text, i.indclass::text,
      (select pg_catalog.array_agg(pg_catalog.pg_get_indexdef(i.indexrelid, place, false) order by place) from pg_catalog.generate_series(1, i.indnatts) as place),
      pg_catalog.pg_get_expr(i.indpred, i.indrelid))::text as written
    from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
    where i.indexrelid = 'pg_temp.assay_lab_tried'::pg_catalog.regclass
      or i.indrelid = $1::pg_catalog.regclass and i.indisvalid and not pg_catalog.starts_with(c.relname, $2))
  select exists (select from form own join form other using (written) where own.indexrelid <> other.indexrelid) as there`;

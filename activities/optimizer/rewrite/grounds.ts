/** Does the source still promise what two equal texts rest on? */
import type pg from 'pg';
import { type RewriteAdvice, type RewriteGround, sayGround } from '../../../domain/optimizer/rewrite.ts';
import { uniqueIndexSql, validatedSql } from './known.ts';

/** A sentence for each promise that does not hold any more; catalogues are read, nothing else. */
export async function brokenGrounds(client: pg.Client, { grounds }: Pick<RewriteAdvice, 'grounds'>): Promise<readonly string[]> {
  const broken: string[] = [];
  for (const ground of grounds) if (!(await holds(client, ground))) broken.push(`the texts are equal only while ${sayGround(ground)}`);
  return broken;
}

async function holds(client: pg.Client, ground: RewriteGround): Promise<boolean> {
  const { schema, relation } = ground.table;
  const of = [schema, relation];
  if (ground.kind === 'view') return isSameView(client, ground);
  const asked =
    ground.kind === 'unique'
      ? client.query(uniqueSql, [...of, ground.columns])
      : client.query(columnSql, [...of, ground.column, ground.kind === 'type' ? ground.type : null]);
  return ((await asked).rowCount ?? 0) > 0;
}

/** Its text hangs on the session's path: for a moment it is none. */
async function isSameView(client: pg.Client, { table, digest }: Extract<RewriteGround, { kind: 'view' }>): Promise<boolean> {
  const { rows } = await client.query<{ path: string }>(`/* assay optimizer */ select pg_catalog.current_setting('search_path') as path`);
  const setPath = (path: string) => client.query(`/* assay optimizer */ select pg_catalog.set_config('search_path', $1, false)`, [path]);
  await setPath('');
  try {
    return ((await client.query(viewSql, [table.schema, table.relation, digest])).rowCount ?? 0) > 0;
  } finally {
    await setPath(rows[0]?.path ?? '');
  }
}

const viewSql = `/* assay optimizer */ select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relname = $2 and c.relkind = 'v' and pg_catalog.md5(pg_catalog.pg_get_viewdef(c.oid)) = $3`;

const tableSql = `/* assay optimizer */ select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace`;
const named = `where n.nspname = $1 and c.relname = $2 and not (c.relkind = 'r' and c.relhassubclass and $4::text is null)`;

const columnSql = `${tableSql} join pg_catalog.pg_attribute a on a.attrelid = c.oid
  ${named} and a.attname = $3 and not a.attisdropped and case when $4::text is null then a.attnotnull and ${validatedSql} else $4 in (format_type(a.atttypid, null), format_type(a.atttypid, a.atttypmod)) end`;

const uniqueSql = `${tableSql} join pg_catalog.pg_index i on i.indrelid = c.oid
  where n.nspname = $1 and c.relname = $2 and not (c.relkind = 'r' and c.relhassubclass)
    and ${uniqueIndexSql}
    and (select array_agg(a.attname::text order by a.attname) from generate_series(1, i.indnkeyatts) as k(place)
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[k.place - 1]) = (select array_agg(one order by one) from unnest($3::text[]) as one)`;

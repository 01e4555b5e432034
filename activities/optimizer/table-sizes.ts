/** How big tables are, the parts of a partitioned one together: on the lab when something was measured, on the source when it is to be done. */
import type pg from 'pg';
import type { RelationName, TableSize } from '../../domain/optimizer/model.ts';

/** Without their indexes; tables that are not there are left out. */
export async function tableSizes(client: pg.Client, tables: readonly RelationName[]): Promise<readonly TableSize[]> {
  const { rows } = await client.query<RelationName & { bytes: number }>(sizesSql, [tables.map(({ schema }) => schema), tables.map(({ relation }) => relation)]);
  return rows.map(({ schema, relation, bytes }) => ({ table: { schema, relation }, bytes }));
}

const sizesSql = `/* assay optimizer */ select asked.schema, asked.relation,
    coalesce((select sum(pg_table_size(part.relid)) from pg_partition_tree(c.oid) part where part.isleaf), pg_table_size(c.oid))::float8 as bytes
  from (select distinct * from unnest($1::text[], $2::text[]) as one(schema, relation)) asked
    join pg_namespace n on n.nspname = asked.schema join pg_class c on c.relnamespace = n.oid and c.relname = asked.relation
  where c.relkind in ('r', 'p', 'm')`;

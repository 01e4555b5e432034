/** How a table is divided, as its lab has it. */
import type pg from 'pg';
import type { RelationName } from '../../../domain/optimizer/model.ts';
import type { Partitions } from '../../../domain/optimizer/recommendation.ts';
import { qualified } from '../../pg.ts';

/** null for a table that is not partitioned. */
export async function partitionsOf(client: pg.Client, { schema, relation }: RelationName): Promise<Partitions> {
  const { rows } = await client.query<RelationName & { kind: string; level: number }>(
    `/* assay optimizer */ select n.nspname as schema, c.relname as relation, c.relkind as kind, t.level
      from pg_catalog.pg_partition_tree($1::regclass) t
        join pg_catalog.pg_class c on c.oid = t.relid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      order by t.level, n.nspname, c.relname`,
    [qualified(schema, relation)],
  );
  if (rows.find(({ level }) => level === 0)?.kind !== 'p') return null;
  const children = rows.filter(({ level }) => level > 0);
  const isFlat = children.every(({ kind, level }) => kind === 'r' && level === 1);
  return { parts: isFlat ? children.map((child) => ({ schema: child.schema, relation: child.relation })) : [] };
}

/** What stands on the source under a name that a change is about. Reads only. */
import type pg from 'pg';
import { indexName, indexText, quoteRelation } from '../../../domain/optimizer/index-sql.ts';
import type { IndexDefinition, RelationName } from '../../../domain/optimizer/model.ts';
import { readTableFacts } from '../catalogue.ts';

export interface FoundIndex {
  readonly table: RelationName;
  readonly isValid: boolean;
  /** Of a partitioned table: valid once every part was attached. */
  readonly isWhole: boolean;
  /** A part of another index. */
  readonly isAttached: boolean;
  /** Behind a constraint or a replica identity. */
  readonly isConstraint: boolean;
  /** pg_get_indexdef. */
  readonly definition: string;
  /** Real bytes; of a whole those of its parts. */
  readonly sizeBytes: number;
}

/** null: no relation of that name, or one that is no index (see isTaken). */
export async function findIndex(client: pg.Client, { schema, relation }: RelationName): Promise<FoundIndex | null> {
  const { rows } = await client.query<Omit<FoundIndex, 'table' | 'sizeBytes'> & RelationName & { readonly size: string }>(
    `/* assay optimizer */ select tn.nspname as schema, t.relname as relation, i.indisvalid as "isValid", c.relkind = 'I' as "isWhole",
        c.relispartition as "isAttached", pg_get_indexdef(c.oid) as definition,
        i.indisprimary or i.indisexclusion or i.indisreplident or exists (select from pg_constraint k where k.conindid = c.oid) as "isConstraint",
        case when c.relkind = 'I' then (select coalesce(sum(pg_relation_size(l.relid)), 0) from pg_partition_tree(c.oid) l where l.isleaf)
          else pg_relation_size(c.oid) end::int8::text as size
      from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_index i on i.indexrelid = c.oid
        join pg_class t on t.oid = i.indrelid join pg_namespace tn on tn.oid = t.relnamespace
      where n.nspname = $1 and c.relname = $2`,
    [schema, relation],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { schema: tableSchema, relation: tableName, size, ...facts } = row;
  return { ...facts, table: { schema: tableSchema, relation: tableName }, sizeBytes: Number(size) };
}

/** Does any relation have this name? */
export async function isTaken(client: pg.Client, { schema, relation }: RelationName): Promise<boolean> {
  const { rows } = await client.query(
    '/* assay optimizer */ select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2',
    [schema, relation],
  );
  return rows.length > 0;
}

/** The name of a valid index that does the same already; null: there is none. */
export async function equalIndex(client: pg.Client, index: IndexDefinition): Promise<string | null> {
  const tables = await readTableFacts(client, [index.table.schema]);
  const there = tables.find(({ table }) => table.relation === index.table.relation)?.indexes.filter(({ isValid }) => isValid) ?? [];
  // PostgreSQL prints an expression in words of its own: then the name tells, which holds a digest of the definition
  const isPlain = index.predicate === null && index.keys.every(({ expression }) => expression === null);
  return there.find((known) => indexText(known) === indexText(index) || (!isPlain && known.name === indexName(index)))?.name ?? null;
}

export interface FoundStatistics {
  /** pg_get_statisticsobjdef. */
  readonly definition: string;
}

export async function findStatistics(client: pg.Client, { schema, relation }: RelationName): Promise<FoundStatistics | null> {
  const { rows } = await client.query<FoundStatistics>(
    `/* assay optimizer */ select pg_get_statisticsobjdef(s.oid) as definition
      from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace where n.nspname = $1 and s.stxname = $2`,
    [schema, relation],
  );
  return rows[0] ?? null;
}

/** INVALID indexes that a REINDEX CONCURRENTLY of this one may have left beside it. */
export async function invalidBeside(client: pg.Client, { schema, relation }: RelationName): Promise<readonly RelationName[]> {
  const { rows } = await client.query<RelationName>(
    `/* assay optimizer */ select n.nspname as schema, other.relname as relation
      from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_index i on i.indexrelid = c.oid
        join pg_index j on j.indrelid = i.indrelid and not j.indisvalid and j.indexrelid <> i.indexrelid
        join pg_class other on other.oid = j.indexrelid
      where n.nspname = $1 and c.relname = $2 and j.indkey::text = i.indkey::text and other.relname ~ '_cc(new|old)[0-9]*$'
        and starts_with($2, regexp_replace(other.relname, '_cc(new|old)[0-9]*$', ''))
      order by other.relname`,
    [schema, relation],
  );
  return rows.map((row) => ({ schema: row.schema, relation: row.relation }));
}

/** `"schema"."name"` of the index that this one is attached to; null: to none. */
export async function parentOf(client: pg.Client, object: string): Promise<string | null> {
  const { rows } = await client.query<RelationName>(
    `/* assay optimizer */ select n.nspname as schema, p.relname as relation
      from pg_inherits i join pg_class p on p.oid = i.inhparent join pg_namespace n on n.oid = p.relnamespace where i.inhrelid = to_regclass($1)`,
    [object],
  );
  return rows[0] === undefined ? null : quoteRelation(rows[0]);
}

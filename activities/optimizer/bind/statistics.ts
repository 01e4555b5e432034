/** Relations of the lab and what its statistics say of their columns, each read once in a run. */
import type pg from 'pg';
import type { ColumnSample } from '../../../domain/optimizer/synthetic.ts';
import { relationsOf } from '../workload/classify.ts';
import type { ColumnOrigin, KnownRelation } from './scope.ts';
import { isFault, parseOne } from './tree.ts';

export interface LabRelation extends KnownRelation {
  /** pg_class.relkind. */
  readonly kind: string;
  /** Row level security is on. */
  readonly isGuarded: boolean;
  /** Whose rights a view reads with; null: those of who asks. */
  readonly readsAs: string | null;
  /** Relations that a view reads. */
  readonly below: readonly RelationKey[];
}

export interface RelationKey {
  /** null: found by the session's search_path. */
  readonly schema: string | null;
  readonly name: string;
}

/** Reads on demand and remembers; of one session, whose search_path is that of plain names. */
export interface LabCatalogue {
  /** Reads those that are not known yet, and what views among them read; gives all that are there. */
  load(names: readonly RelationKey[]): Promise<readonly LabRelation[]>;
  /** Of what was loaded. */
  find(schema: string | null, name: string): LabRelation | null;
  /** null: never analysed, or nothing to show (an array, a view). */
  sample(origin: ColumnOrigin): Promise<ColumnSample | null>;
  /** Labels of an enum type; for a domain, the type below it. */
  type(name: string): Promise<{ readonly base: string; readonly labels: readonly string[] }>;
}

export function labCatalogue(client: pg.Client): LabCatalogue {
  const relations = new Map<string, LabRelation | null>();
  const samples = new Map<string, Promise<ColumnSample | null>>();
  const types = new Map<string, Promise<{ base: string; labels: readonly string[] }>>();
  const key = (schema: string | null, name: string) => JSON.stringify([schema, name]);
  return {
    async load(names) {
      const found: LabRelation[] = [];
      for (const { schema, name } of names) {
        const at = key(schema, name);
        if (!relations.has(at)) relations.set(at, await readRelation(client, schema, name));
        const relation = relations.get(at) ?? null;
        if (relation !== null) found.push(relation, ...(await this.load(relation.below)));
      }
      return found;
    },
    find: (schema, name) => relations.get(key(schema, name)) ?? null,
    sample: (origin) => once(samples, JSON.stringify([origin.relation.schema, origin.relation.name, origin.column]), () => readSample(client, origin)),
    type: (name) => once(types, name, () => readType(client, name)),
  };
}

function once<T>(known: Map<string, Promise<T>>, key: string, read: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? read();
  known.set(key, found);
  return found;
}

async function readRelation(client: pg.Client, schema: string | null, name: string): Promise<LabRelation | null> {
  const { rows } = await client.query<Omit<LabRelation, 'query' | 'below'> & { definition: string | null }>(relationSql, [schema, name]);
  const [row] = rows;
  if (row === undefined) return null;
  const { definition, ...relation } = row;
  const parsed = definition === null ? null : parseOne(definition);
  if (parsed === null || isFault(parsed)) return { ...relation, query: null, below: [] };
  const below = relationsOf(parsed).map((one): RelationKey => ({ schema: one.schema, name: one.name }));
  return { ...relation, query: parsed.root, below };
}

async function readSample(client: pg.Client, { relation, column }: ColumnOrigin): Promise<ColumnSample | null> {
  const { rows } = await client.query<ColumnSample>(sampleSql, [relation.schema, relation.name, column]);
  return rows[0] ?? null;
}

async function readType(client: pg.Client, name: string): Promise<{ base: string; labels: readonly string[] }> {
  const { rows } = await client.query<{ base: string; labels: readonly string[] }>(typeSql, [name]);
  return rows[0] ?? { base: name, labels: [] };
}

const relationSql = `/* assay optimizer */ select namespace.nspname as schema, relation.relname as name, relation.relkind::text as kind,
    relation.relrowsecurity as "isGuarded", case when relation.relkind = 'v' and not coalesce((select option_value::boolean
      from pg_options_to_table(relation.reloptions) where option_name = 'security_invoker'), false) then pg_get_userbyid(relation.relowner) end as "readsAs", case when relation.relkind = 'v' then pg_get_viewdef(relation.oid) end as definition,
    array(select attname::text from pg_attribute where attrelid = relation.oid and attnum > 0 and not attisdropped order by attnum) as columns
  from pg_class as relation join pg_namespace as namespace on namespace.oid = relation.relnamespace
  where relation.oid = to_regclass(case when $1::text is null then '' else quote_ident($1) || '.' end || quote_ident($2::text))`;

/** A partitioned table's own row counts its partitions too. Values of array types have no text[] of their own. */
const sampleSql = `/* assay optimizer */ select coalesce(stats.most_common_vals::text::text[], '{}') as common,
    coalesce(stats.histogram_bounds::text::text[], '{}') as bounds,
    exists (select from pg_index where indrelid = attribute.attrelid and indisunique and indnkeyatts = 1 and indkey[0] = attribute.attnum) as "isUnique",
    exists (select from pg_constraint where conrelid = attribute.attrelid and contype = 'f' and attribute.attnum = any (conkey)) as "isReference"
  from pg_class as relation join pg_namespace as namespace on namespace.oid = relation.relnamespace
  join pg_attribute as attribute on attribute.attrelid = relation.oid and attribute.attname = $3
  join pg_type as type on type.oid = attribute.atttypid and type.typcategory <> 'A'
  join pg_stats as stats on stats.schemaname = namespace.nspname and stats.tablename = relation.relname and stats.attname = attribute.attname
  where namespace.nspname = $1 and relation.relname = $2 order by stats.inherited desc limit 1`;

const typeSql = `/* assay optimizer */ select case when type.typtype = 'd' then format_type(type.typbasetype, null) else $1 end as base,
    array(select enumlabel::text from pg_enum where enumtypid = type.oid order by enumsortorder) as labels
  from pg_type as type where type.oid = to_regtype($1)`;

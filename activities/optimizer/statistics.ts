/** What a server knows about its tables' statistics. Read where the tables are in use: a restored copy keeps pg_statistic, but has lost its counters. */
import type pg from 'pg';
import type { StatisticsFacts } from '../../domain/optimizer/finding.ts';
import type { RelationName } from '../../domain/optimizer/model.ts';
import { isFault, parseOne, visit } from './bind/tree.ts';

/** Of every table that one of the statements may mean by the name it uses, whatever its search_path; those named first come first. The parser must be ready. */
export async function readNamedStatistics(client: pg.Client, texts: readonly string[]): Promise<readonly StatisticsFacts[]> {
  const named = texts.flatMap(tableNames);
  const { rows } = await client.query<RelationName>(
    `/* assay optimizer */ select n.nspname as schema, c.relname as relation
       from unnest($1::text[], $2::text[]) with ordinality as named (schema, relation, place)
       join pg_catalog.pg_class c on c.relname = named.relation and c.relkind in ('r', 'm') and c.relpersistence <> 't'
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname !~ '^(pg_|information_schema$)' and n.nspname = coalesce(named.schema, n.nspname)
      group by 1, 2 order by min(place), 1, 2`,
    [named.map(({ schema }) => schema), named.map(({ relation }) => relation)],
  );
  const facts = await readStatistics(client, rows);
  const placeOf = ({ table }: StatisticsFacts) => rows.findIndex(({ schema, relation }) => schema === table.schema && relation === table.relation);
  return facts.toSorted((a, b) => placeOf(a) - placeOf(b));
}

/** Without those of its own WITH. */
function tableNames(text: string): readonly { readonly schema: string | null; readonly relation: string }[] {
  const parsed = parseOne(text);
  if (isFault(parsed)) return [];
  const [named, ctes] = [new Map<string, { schema: string | null; relation: string }>(), new Set<string>()];
  visit({ kind: parsed.kind, node: parsed.root }, ({ kind, node }) => {
    if (kind === 'CommonTableExpr') ctes.add(String(node.ctename));
    if (kind !== 'RangeVar') return;
    const name = { schema: typeof node.schemaname === 'string' ? node.schemaname : null, relation: String(node.relname) };
    named.set(JSON.stringify(name), name);
  });
  return [...named.values()].filter(({ schema, relation }) => schema !== null || !ctes.has(relation));
}

/**
 * Facts for those of the relations that are tables or materialised views; others are left out. Reads catalogues only. For whoever may not read pg_statistic
 * a table has statistics once it was vacuumed or analysed.
 */
export async function readStatistics(client: pg.Client, relations: readonly RelationName[]): Promise<readonly StatisticsFacts[]> {
  const { rows: rights } = await client.query<{ may: boolean }>(`/* assay optimizer */ select has_table_privilege('pg_catalog.pg_statistic', 'select') as may`);
  const known = rights[0]?.may === true ? 'exists (select from pg_catalog.pg_statistic t where t.starelid = c.oid)' : 'c.reltuples >= 0';
  const { rows } = await client.query(
    `/* assay optimizer */ select n.nspname as schema, c.relname as relation, c.reltuples::float8 as rows, s.n_mod_since_analyze::float8 as changed,
            greatest(s.last_analyze, s.last_autoanalyze) as analyzed, s.relid is not null as counted,
            ${known} as known
       from unnest($1::text[], $2::text[]) as asked (schema, relation)
       join pg_catalog.pg_namespace n on n.nspname = asked.schema
       join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = asked.relation and c.relkind in ('r', 'm')
       left join pg_catalog.pg_stat_all_tables s on s.relid = c.oid`,
    [relations.map(({ schema }) => schema), relations.map(({ relation }) => relation)],
  );
  return rows.map((row) => ({
    table: { schema: row.schema, relation: row.relation },
    rows: row.rows,
    changedSinceAnalyze: row.counted ? row.changed : null,
    analyzedAt: row.analyzed === null ? null : row.analyzed.toISOString(),
    hasStatistics: row.known,
  }));
}

/** What a server knows about its tables' statistics. Read where the tables are in use: a restored copy keeps pg_statistic, but has lost its counters. */
import type pg from 'pg';
import type { StatisticsFacts } from '../../domain/optimizer/finding.ts';
import type { RelationName } from '../../domain/optimizer/model.ts';
import { isFault, parseOne, visit } from './bind/tree.ts';

/** Of every table that one of the statements may mean by the name it uses, whatever its search_path. The parser must be ready. */
export async function readNamedStatistics(client: pg.Client, texts: readonly string[]): Promise<readonly StatisticsFacts[]> {
  const names = new Set<string>();
  for (const text of texts) {
    const parsed = parseOne(text);
    if (isFault(parsed)) continue;
    visit({ kind: parsed.kind, node: parsed.root }, ({ kind, node }) => {
      if (kind === 'RangeVar') names.add(String(node.relname));
    });
  }
  const { rows } = await client.query<RelationName>(
    `/* assay optimizer */ select n.nspname as schema, c.relname as relation from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relname = any($1) and c.relkind in ('r', 'm') and c.relpersistence <> 't' and n.nspname !~ '^(pg_|information_schema$)' order by 1, 2`,
    [[...names]],
  );
  return readStatistics(client, rows);
}

/** Facts for those of the relations that are tables or materialised views; others are left out. Reads catalogues only. */
export async function readStatistics(client: pg.Client, relations: readonly RelationName[]): Promise<readonly StatisticsFacts[]> {
  const { rows } = await client.query(
    `/* assay optimizer */ select n.nspname as schema, c.relname as relation, c.reltuples::float8 as rows, s.n_mod_since_analyze::float8 as changed,
            greatest(s.last_analyze, s.last_autoanalyze) as analyzed, s.relid is not null as counted,
            exists (select from pg_catalog.pg_statistic t where t.starelid = c.oid) as known
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

/** What makes the source's planner choose as it does: read there, set in every session on the lab, whose own configuration knows nothing of it. */
import type pg from 'pg';

/** Of settings that change a plan; none of them names a file, a host or a program. */
const NAMES = [
  ...['search_path', 'random_page_cost', 'seq_page_cost', 'cpu_tuple_cost', 'cpu_index_tuple_cost', 'cpu_operator_cost', 'effective_cache_size'],
  ...['work_mem', 'hash_mem_multiplier', 'effective_io_concurrency', 'default_statistics_target', 'cursor_tuple_fraction', 'constraint_exclusion'],
  ...['from_collapse_limit', 'join_collapse_limit', 'geqo', 'geqo_threshold', 'jit', 'jit_above_cost', 'jit_inline_above_cost', 'jit_optimize_above_cost'],
  ...['parallel_setup_cost', 'parallel_tuple_cost', 'max_parallel_workers_per_gather', 'min_parallel_table_scan_size', 'min_parallel_index_scan_size'],
  ...['enable_bitmapscan', 'enable_hashagg', 'enable_hashjoin', 'enable_incremental_sort', 'enable_indexonlyscan', 'enable_indexscan', 'enable_material'],
  ...['enable_memoize', 'enable_mergejoin', 'enable_nestloop', 'enable_parallel_append', 'enable_parallel_hash', 'enable_partition_pruning'],
  ...['enable_partitionwise_aggregate', 'enable_partitionwise_join', 'enable_seqscan', 'enable_sort', 'enable_tidscan'],
] as const;

/** May a role's own value of it be taken over? Settings of no module are an application's own: policies read them. */
export const isRolesOwn = (name: string): boolean => (NAMES as readonly string[]).includes(name) || name.includes('.');

/** Effective in this session: of the server, the database and the role together. */
export async function plannerSettings(client: pg.Client): Promise<Readonly<Record<string, string>>> {
  const { rows } = await client.query<{ name: string; value: string }>(
    `/* assay optimizer */ select name, pg_catalog.current_setting(name) as value from pg_catalog.pg_settings where name = any ($1::text[]) order by name`,
    [NAMES],
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

/** By it a log of the source is read; kept beside the planner's settings, and no setting of a lab. */
export const LINE_PREFIX = 'log_line_prefix';

export async function linePrefix(client: pg.Client): Promise<Readonly<Record<string, string>>> {
  const { rows } = await client.query<{ value: string }>('/* assay optimizer */ select pg_catalog.current_setting($1) as value', [LINE_PREFIX]);
  return { [LINE_PREFIX]: rows[0]?.value ?? '' };
}

/** For a session that measures: values are planned with, as an application that sends them plainly has them planned. */
export const labSettings = ({ [LINE_PREFIX]: _, ...ofSource }: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  ...ofSource,
  plan_cache_mode: 'force_custom_plan',
  // one statement may not take the whole disk
  temp_file_limit: '10GB',
  // whatever the database or the role says on production: values stay out of the lab's log, and its cost out of the times
  ...{ log_statement: 'none', log_duration: 'off', log_min_duration_statement: '-1', log_min_error_statement: 'panic' },
});

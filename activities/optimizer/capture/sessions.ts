/** What sessions ran last, as pg_stat_activity shows it: a client of the simple protocol sends its values inside the text. */
import type pg from 'pg';
import type { SentStatement } from '../workload/sent.ts';

/** One look. Texts that were cut, or that the role may not see, are left out. */
export async function readSessions(client: pg.Client, database: string): Promise<readonly SentStatement[]> {
  const { rows: columns } = await client.query(
    `/* assay optimizer */ select from pg_attribute where attrelid = 'pg_stat_activity'::regclass and attname = 'query_id'`,
  );
  const queryId = columns.length === 0 ? 'null' : 'query_id::text';
  const { rows } = await client.query<{ text: string; queryId: string | null }>(
    `/* assay optimizer */ select query as text, ${queryId} as "queryId" from pg_stat_activity
      where datname = $1 and pid <> pg_backend_pid() and backend_type = 'client backend' and query <> '' and query <> '<insufficient privilege>'
        and octet_length(query) < pg_size_bytes(current_setting('track_activity_query_size')) - 1`,
    [database],
  );
  return rows.map(({ text, queryId: id }) => ({ text, ms: 0, values: null, database, queryId: id }));
}

/** What sessions run, as pg_stat_activity shows it: a client of the simple protocol sends its values inside the text. */
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import type { SentStatement } from '../workload/sent.ts';

export interface Looks {
  readonly number: number;
  readonly everyMs: number;
}

/** What each session runs, or ran last, at several moments. Texts that were cut, or that the role may not see, are left out. */
export async function readSessions(client: pg.Client, database: string, { number, everyMs }: Looks): Promise<readonly SentStatement[]> {
  const { rows: columns } = await client.query(
    `/* assay optimizer */ select from pg_attribute where attrelid = 'pg_stat_activity'::regclass and attname = 'query_id'`,
  );
  const sql = lookSql(columns.length === 0 ? 'null' : 'query_id::text');
  const found: SentStatement[] = [];
  for (let look = 0; look < number; look += 1) {
    if (look > 0) await pause(everyMs);
    // a transaction sees the sessions as they were when it first looked
    await client.query('/* assay optimizer */ select pg_stat_clear_snapshot()');
    const { rows } = await client.query<{ text: string; queryId: string | null }>(sql, [database]);
    found.push(...rows.map(({ text, queryId }) => ({ text, ms: 0, values: null, database, queryId })));
  }
  return found;
}

const lookSql = (queryId: string) => `/* assay optimizer */ select query as text, ${queryId} as "queryId" from pg_stat_activity
  where datname = $1 and pid <> pg_backend_pid() and backend_type = 'client backend' and query <> '' and query <> '<insufficient privilege>'
    and octet_length(query) < pg_size_bytes(current_setting('track_activity_query_size')) - 1`;

/** Who waits for a lock at this moment, and for whom: one look; a caller looks several times and adds up. */
import type pg from 'pg';
import type { LockWaits } from '../../domain/optimizer/finding.ts';

/**
 * Statements that wait right now, by queryid. Empty where the server computes none (`compute_query_id` or pg_stat_statements does), and for
 * sessions whose queries the role may not see (pg_read_all_stats may).
 */
export async function lookAtLocks(client: pg.Client): Promise<readonly LockWaits[]> {
  const { rows } = await client.query(
    `/* assay optimizer */ select a.query_id::text as statement, count(*)::int as waits,
            max(extract(epoch from clock_timestamp() - l.waitstart) * 1000)::float8 as longest,
            array_remove(array_agg(distinct b.query_id::text), null) as blockers
       from pg_catalog.pg_stat_activity a
       join pg_catalog.pg_locks l on l.pid = a.pid and not l.granted
       left join lateral unnest(pg_catalog.pg_blocking_pids(a.pid)) as blocking (pid) on true
       left join pg_catalog.pg_stat_activity b on b.pid = blocking.pid
      where a.wait_event_type = 'Lock' and a.query_id is not null
      group by a.query_id`,
  );
  return rows.map((row) => ({ statement: row.statement, samples: 1, waits: 1, longestMs: row.longest ?? 0, blockers: row.blockers }));
}

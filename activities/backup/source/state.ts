/** Where the cluster stands, in one statement. */
import type pg from 'pg';
import type { SourceState } from '../ports.ts';

/**
 * Works for any role. On a standby the insert position is what it has received.
 * The timeline is that of the insert position, not of the last checkpoint: right after a failover the two differ.
 */
export const sourceStateSql = `/* assay backup */
with here as (
  select pg_is_in_recovery() as recovering,
    case when pg_is_in_recovery() then coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) else pg_current_wal_insert_lsn() end as lsn
)
select
  (select system_identifier::text from pg_control_system()) as "systemIdentifier",
  case when recovering then (select timeline_id from pg_control_checkpoint())
    else ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int end as timeline,
  current_setting('server_version_num')::int as "serverVersionNumber",
  recovering as "inRecovery",
  current_setting('wal_level') as "walLevel",
  current_setting('archive_mode') as "archiveMode",
  (select setting::int from pg_settings where name = 'wal_segment_size') as "segmentBytes",
  lsn::text as "insertLsn",
  to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as now,
  (select json_build_object('lastArchived', last_archived_wal, 'failed', failed_count,
      'lastArchivedAt', to_char(last_archived_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) from pg_stat_archiver) as archiver
from here`;

export async function readSourceState(client: pg.ClientBase): Promise<SourceState> {
  const { rows } = await client.query<SourceState>(sourceStateSql);
  return rows[0] as SourceState;
}

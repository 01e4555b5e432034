/** What a cluster says of itself, asked once, read only. */
import type pg from 'pg';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { withConnection } from '../pg.ts';
import type { ReadSecret } from './ports.ts';

export interface DatabaseFacts {
  readonly name: string;
  readonly bytes: number;
  /** `en_US.UTF-8`, `C`; the rules that text is sorted by. */
  readonly collate: string;
  /** Version of the C library's (or ICU's) rules when the database was made, and now on the server; null for C and POSIX, or where unknown. */
  readonly collationRecorded: string | null;
  readonly collationActual: string | null;
  readonly provider: 'libc' | 'icu' | 'builtin';
  readonly extensions: readonly { readonly name: string; readonly version: string }[];
  /** Why its extensions could not be read; null where they were. */
  readonly unreadable: string | null;
}

export interface SlotFacts {
  readonly name: string;
  readonly active: boolean;
  readonly temporary: boolean;
  readonly retainedBytes: number;
  /** `reserved`, `extended`, `unreserved`, `lost`. */
  readonly state: string | null;
}

export interface ClusterFacts {
  readonly versionNumber: number;
  readonly versionText: string;
  readonly inRecovery: boolean;
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly insertLsn: string;
  readonly segmentBytes: number;
  /** Server settings by name; a value the role may not see is absent. */
  readonly settings: Readonly<Record<string, string>>;
  readonly pendingRestart: readonly string[];
  readonly databases: readonly DatabaseFacts[];
  readonly tablespaces: readonly { readonly name: string; readonly location: string }[];
  readonly slots: readonly SlotFacts[];
  readonly archiver: { readonly lastArchived: string | null; readonly lastFailed: string | null; readonly failed: number; readonly failing: boolean };
  /** Role names that only a managed service has. */
  readonly serviceRoles: readonly string[];
  readonly isSuperuser: boolean;
  /** Sees what other roles' statements are. */
  readonly readsStatistics: boolean;
  /** The process that answers is not the one that was connected to: something stands between. */
  readonly isPooled: boolean;
  /** Server's clock minus this host's, at the middle of the question. */
  readonly clockAheadMs: number;
}

const wantedSettings =
  'wal_level archive_mode archive_command archive_library archive_timeout data_checksums data_directory full_page_writes fsync max_replication_slots max_wal_senders shared_preload_libraries track_commit_timestamp rds.extensions pg_stat_statements.max'.split(
    ' ',
  );

const factsSql = `/* assay doctor */ select
  current_setting('server_version_num')::int as "versionNumber", version() as "versionText", pg_is_in_recovery() as "inRecovery",
  (select system_identifier::text from pg_control_system()) as "systemIdentifier",
  case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
    else ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int end as timeline,
  (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end)::text as "insertLsn",
  (select setting::int from pg_settings where name = 'wal_segment_size') as "segmentBytes",
  (select json_object_agg(name, setting) from pg_settings where name = any($1)) as settings,
  (select coalesce(json_agg(name), '[]') from pg_settings where pending_restart) as "pendingRestart",
  (select coalesce(json_agg(json_build_object('name', spcname, 'location', pg_tablespace_location(oid)) order by spcname), '[]')
    from pg_tablespace where spcname not in ('pg_default', 'pg_global')) as tablespaces,
  (select coalesce(json_agg(json_build_object('name', slot_name, 'active', active, 'temporary', temporary, 'state', wal_status,
      'retainedBytes', coalesce(case when pg_is_in_recovery() then 0 else pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn) end, 0)) order by slot_name), '[]')
    from pg_replication_slots) as slots,
  (select json_build_object('lastArchived', last_archived_wal, 'lastFailed', last_failed_wal, 'failed', failed_count,
      'failing', last_failed_time is not null and (last_archived_time is null or last_failed_time > last_archived_time)) from pg_stat_archiver) as archiver,
  (select coalesce(json_agg(rolname), '[]') from pg_roles
    where rolname in ('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin', 'alloydbsuperuser', 'supabase_admin', 'neon_superuser')) as "serviceRoles",
  (select rolsuper from pg_roles where rolname = current_user) as "isSuperuser",
  pg_has_role('pg_read_all_stats', 'usage') as "readsStatistics",
  pg_backend_pid() as pid, extract(epoch from clock_timestamp()) * 1000 as "clockMs"`;

// PostgreSQL 15 keeps the version of each database's own collation
const databasesSql = (major: number) => `/* assay doctor */ select datname as name, datallowconn as open,
    case when has_database_privilege(oid, 'connect') or pg_has_role('pg_read_all_stats', 'usage') then pg_database_size(oid) else 0 end::float8 as bytes,
    datcollate as collate, ${major >= 15 ? 'datcollversion' : 'null'} as "collationRecorded",
    ${major >= 15 ? 'pg_database_collation_actual_version(oid)' : 'null'} as "collationActual",
    ${major >= 15 ? "case datlocprovider when 'i' then 'icu' when 'b' then 'builtin' else 'libc' end" : "'libc'"} as provider
  from pg_database where not datistemplate or datname = current_database() order by datname`;

type Answer = Omit<ClusterFacts, 'databases' | 'isPooled' | 'clockAheadMs'> & { readonly pid: number; readonly clockMs: string };
type DatabaseAnswer = Omit<DatabaseFacts, 'extensions' | 'unreadable'> & { readonly open: boolean };

/** Reads it all; errors are PostgreSQL's own. */
export async function readCluster(policy: ClusterPolicy, readSecret: ReadSecret, now: () => Date): Promise<ClusterFacts> {
  return withConnection(policy.connection, readSecret, { agent: 'doctor', statementTimeoutMs: 20_000 }, async (client) => {
    const before = now().getTime();
    const { rows } = await client.query<Answer>(factsSql, [wantedSettings]);
    const middle = (before + now().getTime()) / 2;
    const { pid, clockMs, ...facts } = rows[0] as Answer; // a select without from gives one row
    const answers = (await client.query<DatabaseAnswer>(databasesSql(Math.floor(facts.versionNumber / 10_000)))).rows;
    const databases = await Promise.all(answers.filter(({ open }) => open).map((answer) => readDatabase(policy, readSecret, answer)));
    // the key that a server hands out at the start of a session holds its process id; a pooler hands out one of its own
    const isPooled = (client as pg.Client & { processID: number | null }).processID !== pid;
    return { ...facts, databases, isPooled, clockAheadMs: Math.round(Number(clockMs) - middle) };
  });
}

async function readDatabase(policy: ClusterPolicy, readSecret: ReadSecret, { open: _, ...answer }: DatabaseAnswer): Promise<DatabaseFacts> {
  try {
    return await withConnection(policy.connection, readSecret, { agent: 'doctor', database: answer.name, statementTimeoutMs: 20_000 }, async (client) => {
      const { rows } = await client.query<{ name: string; version: string }>(
        '/* assay doctor */ select extname as name, extversion as version from pg_extension order by extname',
      );
      return { ...answer, extensions: rows, unreadable: null };
    });
  } catch (error) {
    return { ...answer, extensions: [], unreadable: String((error as Error).message).split('\n')[0] ?? '' };
  }
}

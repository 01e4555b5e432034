/**
 * The whole configuration of a clone's server. Nothing of the source's own configuration is read: not postgresql.conf (it may lie
 * outside the data directory), not ALTER SYSTEM's file (emptied after the engine's recovery settings were taken out of it).
 */
import type { RecoveryTarget } from '../../../domain/backup/model.ts';
import type { ClonePolicy } from '../../../domain/policy.ts';
import type { ControlData } from './control-data.ts';
import { CLONE_PORT, type CloneFolders } from './layout.ts';
import { guardedRestoreCommand } from './tablespace-guard.ts';
import { targetSettings } from './target.ts';

export interface ServerPlan {
  readonly folders: CloneFolders;
  readonly policy: ClonePolicy;
  readonly control: ControlData;
  /** What the engine wrote into postgresql.auto.conf: restore_command, perhaps recovery_target_timeline. */
  readonly recovery: Readonly<Record<string, string>>;
  /** null: no recovery (an already promoted clone). */
  readonly target: RecoveryTarget | null;
  /** Of the programs it runs on, `15.18`. */
  readonly version: string;
}

type Settings = Readonly<Record<string, string | number | boolean>>;

/** postgresql.conf, hba and ident file of the clone. Pure. */
export function configuration(plan: ServerPlan): { readonly postgresql: string; readonly hba: string; readonly ident: string } {
  const settings: Settings = { ...isolation(plan), ...capacity(plan), ...logging(), ...recovery(plan) };
  return {
    postgresql: `${Object.entries(settings)
      .map(([name, value]) => `${name} = ${quoted(value)}`)
      .join('\n')}\n`,
    // the folder of the socket is 0700: whoever gets there is the clone's own user or root
    hba: 'local all all trust\n',
    ident: '',
  };
}

/** Nothing comes in but through the private socket; nothing goes out: no archiving, no replication, no library of the source's choice. */
function isolation({ folders, version, target }: ServerPlan): Settings {
  const { major } = numbersOf(version);
  return {
    listen_addresses: '',
    port: CLONE_PORT,
    unix_socket_directories: `"${folders.socket}"`,
    unix_socket_permissions: '0700',
    hba_file: `${folders.conf}/pg_hba.conf`,
    ident_file: `${folders.conf}/pg_ident.conf`,
    external_pid_file: `${folders.conf}/external.pid`,
    ssl: false,
    archive_mode: 'off',
    archive_command: '',
    ...(major >= 15 ? { archive_library: '' } : {}),
    archive_cleanup_command: '',
    recovery_end_command: '',
    primary_conninfo: '',
    primary_slot_name: '',
    synchronous_standby_names: '',
    shared_preload_libraries: '',
    session_preload_libraries: '',
    local_preload_libraries: '',
    max_logical_replication_workers: 0,
    ...(target !== null && knowsRelationKinds(version) ? { restrict_nonsystem_relation_kind: 'foreign-table' } : {}),
    ...(major >= 17 ? { event_triggers: false, sync_replication_slots: false, summarize_wal: false } : {}),
    wal_level: 'replica',
    // a clone that stays is an ordinary cluster; one that is checked must not change by itself
    autovacuum: target === null,
    restart_after_crash: false,
  };
}

function capacity({ policy, control }: ServerPlan): Settings {
  const segmentMb = control.walSegmentBytes / 1024 ** 2;
  const share = (part: number, leastMb: number) => `${Math.max(leastMb, Math.floor(policy.memoryMb * part))}MB`;
  return {
    ...control.minimum,
    max_worker_processes: Math.max(control.minimum.max_worker_processes, 8),
    track_commit_timestamp: control.trackCommitTimestamp,
    shared_buffers: share(0.5, 16),
    maintenance_work_mem: share(0.125, 16),
    work_mem: share(0.03, 4),
    huge_pages: 'off',
    jit: false,
    // files below the data directory, so that a killed clone leaves nothing in /dev/shm
    dynamic_shared_memory_type: 'mmap',
    fsync: policy.honest,
    full_page_writes: policy.honest,
    synchronous_commit: false,
    // bounds what replay keeps in pg_wal; with less than two segments a server refuses to start
    max_wal_size: `${Math.max(1024, 4 * segmentMb)}MB`,
    min_wal_size: `${Math.max(80, 2 * segmentMb)}MB`,
  };
}

/** Terse, no statements: the log is read for what went wrong and may be quoted, so it must not hold rows. */
function logging(): Settings {
  return {
    logging_collector: false,
    log_destination: 'stderr',
    log_min_messages: 'warning',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    log_statement: 'none',
    log_checkpoints: false,
    log_line_prefix: '%m [%p] ',
    log_timezone: 'UTC',
    lc_messages: 'C',
    timezone: 'UTC',
  };
}

function recovery({ recovery: fromEngine, target, folders, version }: ServerPlan): Settings {
  const { major } = numbersOf(version);
  if (target === null) return {};
  const command = fromEngine.restore_command;
  return {
    hot_standby: true,
    // read ahead, the segment after the last one would be looked through as well, and only an exclusive LSN says what there counts
    ...(major >= 15 ? { recovery_prefetch: target.kind === 'lsn' && target.exclusive ? 'try' : 'off' } : {}),
    hot_standby_feedback: false,
    max_standby_archive_delay: 0,
    recovery_target_action: 'pause',
    ...fromEngine,
    ...(command === undefined ? {} : { restore_command: guardedRestoreCommand(command, folders) }),
    ...targetSettings(target),
  };
}

/** `restrict_nonsystem_relation_kind` came with the minor releases of August 2024: no session of a clone reaches a foreign server. */
function knowsRelationKinds(version: string): boolean {
  const { major, minor } = numbersOf(version);
  const since: Readonly<Record<number, number>> = { 14: 13, 15: 8, 16: 4 };
  return major >= 17 || minor >= (since[major] ?? Number.POSITIVE_INFINITY);
}

const numbersOf = (version: string) => {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10) || 0);
  return { major, minor };
};

function quoted(value: string | number | boolean): string {
  if (typeof value !== 'string') return String(value === true ? 'on' : value === false ? 'off' : value);
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

const ENGINE_SETTINGS = new Set(['restore_command', 'recovery_target_timeline']);
const LINE = /^\s*([a-z_]+)\s*=?\s*(?:'((?:[^'\\]|''|\\.)*)'|([^\s#']+))/i;

/** The engine's recovery settings out of postgresql.auto.conf; the last one wins, as in PostgreSQL. Pure. */
export function recoverySettings(autoConf: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of autoConf.split('\n')) {
    const [, name, inQuotes, bare] = LINE.exec(line) ?? [];
    if (name === undefined || !ENGINE_SETTINGS.has(name.toLowerCase())) continue;
    found[name.toLowerCase()] = inQuotes === undefined ? (bare ?? '') : inQuotes.replaceAll("''", "'").replaceAll(/\\(.)/g, '$1');
  }
  return found;
}

/** What the source's ALTER SYSTEM had set: postgresql.auto.conf without anything that concerns recovery. Pure. */
export function sourceSettings(autoConf: string): string {
  return autoConf
    .split('\n')
    .filter((line) => !/^\s*(restore_command|recovery_|archive_cleanup_command|primary_)/i.test(line))
    .join('\n');
}

/** The engine's own commands for a restore: what one types where nothing of Assay is left. */
import { createBackupSteps } from '../../activities/backup/steps.ts';
import { clonePort, goLive } from '../../domain/backup/go-live.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { shellWord } from '../../domain/shell-word.ts';
import type { ColdRestoreRequest, GlobalOptions, RestoreCommands } from '../../ops/cli/handlers.ts';
import { openColdFleet, repositoryOf } from './cold-fleet.ts';
import { restoreQuestion } from './restore-question.ts';

/** Nothing is restored. Throws cluster-unknown, target-unreachable, backup-unknown, repository-unreachable, usage. */
export async function printRestore(request: ColdRestoreRequest, options: GlobalOptions): Promise<RestoreCommands> {
  const fleet = await openColdFleet(request.cluster, options, { signal: new AbortController().signal });
  const { policy, deps } = fleet;
  const { into, target } = request;
  const repository = await repositoryOf(fleet, request.repository);
  // the same plan that a restore makes: what it refuses is refused here too
  const { backup } = await createBackupSteps(deps).planProof(restoreQuestion({ request, policy, repository, level: 'structure' }));
  const folders = {
    dataDirectory: `${into}/data`,
    tablespaceDirectory: `${into}/ts`,
    lockDirectory: `${into}/lock`,
    spoolDirectory: `${into}/spool`,
    logDirectory: `${into}/log`,
  };
  const restore = deps.engineFor(policy).restoreCommand({ label: backup.label, repository, target, action: 'promote', ...folders });
  const commands = [
    ['mkdir', '-m', '700', into, ...Object.values(folders), `${into}/socket`],
    restore,
    ['sh', '-c', configureScript(folders.dataDirectory)],
    ['pg_ctl', '-D', folders.dataDirectory, '-l', `${into}/log/server.log`, '-o', serverOptions(into), '-w', '-t', '86400', 'start'],
    ['sh', '-c', waitScript(into)],
  ];
  return { commands, text: commands.map((argv) => argv.map(shellWord).join(' ')).join('\n'), notes: notesFor(policy, into, backup.label) };
}

/** Debian keeps the configuration outside of the data directory: without any, the server would not start. */
const configureScript = (data: string): string =>
  [
    `test -e ${shellWord(`${data}/postgresql.conf`)} || touch ${shellWord(`${data}/postgresql.conf`)}`,
    `test -e ${shellWord(`${data}/pg_hba.conf`)} || echo 'local all all trust' > ${shellWord(`${data}/pg_hba.conf`)}`,
    `test -e ${shellWord(`${data}/pg_ident.conf`)} || touch ${shellWord(`${data}/pg_ident.conf`)}`,
  ].join('; ');

/** pg_ctl is content with a server that still recovers; one that does not get to its target ends. Then the new timeline waits for its archiver (clone/timeline.ts). */
function waitScript(into: string): string {
  const data = shellWord(`${into}/data`);
  const wait = `until pg_isready -q -h ${shellWord(`${into}/socket`)} -p ${clonePort}; do pg_ctl -D ${data} status > /dev/null || exit 1; sleep 1; done`;
  return `${wait}; cd ${data}/pg_wal && touch archive_status/$(ls | grep -E '^[0-9A-F]{8}[.]history$' | sort | tail -n 1).ready`;
}

/**
 * What keeps it apart from its source, whose port, sockets, logs and certificates its own configuration names, and what that would do to others:
 * an enabled subscription takes its publisher's changes away from the living subscriber, archive_cleanup_command deletes from an archive that is
 * not this cluster's, a preloaded scheduler runs its jobs. pg_ctl hands this to a shell.
 */
function serverOptions(into: string): string {
  const settings = {
    unix_socket_directories: `"${into}/socket"`,
    port: String(clonePort),
    listen_addresses: '',
    archive_mode: 'off',
    // open means promoted; and a recovery that nobody reads from needs no more connections than the configuration allows
    hot_standby: 'off',
    ssl: 'off',
    logging_collector: 'off',
    external_pid_file: '',
    archive_cleanup_command: '',
    recovery_end_command: '',
    recovery_min_apply_delay: '0',
    // nobody confirms what is written here
    synchronous_standby_names: '',
    max_logical_replication_workers: '0',
    shared_preload_libraries: '',
    session_preload_libraries: '',
    local_preload_libraries: '',
  };
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value === '' ? "''" : shellWord(value)}`)
    .join(' ');
}

function notesFor(policy: ClusterPolicy, into: string, label: string): readonly string[] {
  const { engine, clone, cluster } = policy;
  return [
    `it begins from backup ${label}`,
    `run them as the OS user of the server (${clone.osUser ?? 'postgres'}), never as root: it must be able to read ${engine.config} and to write beside ${into}`,
    `${engine.binary} and the binaries of the same PostgreSQL major must be on PATH; on Debian: PATH=/usr/lib/postgresql/MAJOR/bin:$PATH`,
    `the last one returns once the target is reached and the cluster is open for writing, with an error where it is not reached: see ${into}/log/server.log`,
    `nothing is proven by these commands: \`assay backup restore ${cluster} --cold\` proves what it restores`,
    ...goLive(into, policy).goLive,
  ];
}

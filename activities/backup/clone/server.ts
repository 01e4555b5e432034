/** The server process of a clone. It outlives the activity that started it, and a retry or the sweeper finds it again. */
import { spawn } from 'node:child_process';
import { appendFileSync, chownSync, closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { RecoveryTarget } from '../../../domain/backup/model.ts';
import type { OsUser } from '../../os-user.ts';
import { isAlive } from '../../process-alive.ts';
import type { CloneFolders } from './layout.ts';

/** One start of the server, kept in `conf/server.json`. */
export interface ServerState {
  /** 0: the machine could not start the program. */
  readonly pid: number;
  /** Starts of this clone are counted: each has its own log. */
  readonly number: number;
  /** null: an ordinary start, no recovery. */
  readonly target: RecoveryTarget | null;
  /** Milliseconds since 1970; of the first try where a start had to be repeated with other settings. */
  readonly startedAtMs: number;
}

const FAST_STOP_MS = 60_000;
const POLL_MS = 20;
/** A machine that stands still for a second at a time hears of it late; and nobody notes the end of a server that another worker started. */
const LAST_WORDS_MS = 3_000;

export const serverLog = (folders: CloneFolders, number: number): string => join(folders.log, `server-${number}.log`);

export function readServerState(folders: CloneFolders): ServerState | null {
  try {
    return JSON.parse(readFileSync(join(folders.conf, 'server.json'), 'utf8')) as ServerState;
  } catch {
    return null;
  }
}

/** Starts `postgres` in a session of its own, its output in a private file, its environment without the worker's secrets. */
export function spawnServer(
  binaries: string,
  folders: CloneFolders,
  start: { readonly as: OsUser; readonly number: number; readonly target: RecoveryTarget | null; readonly startedAtMs: number },
): ServerState {
  const log = openSync(serverLog(folders, start.number), 'w', 0o600);
  if (start.as.switched) chownSync(serverLog(folders, start.number), start.as.uid, start.as.gid);
  try {
    const overrides = ['archive_mode=off', 'listen_addresses=', 'shared_preload_libraries=', 'primary_conninfo='].flatMap((setting) => ['-c', setting]);
    const child = spawn(join(binaries, 'postgres'), ['-D', folders.data, '-c', `config_file=${folders.conf}/postgresql.conf`, ...overrides], {
      cwd: folders.data,
      env: serverEnvironment(),
      stdio: ['ignore', log, log],
      detached: true,
      ...(start.as.switched ? { uid: start.as.uid, gid: start.as.gid } : {}),
    });
    // a server that was killed, or never ran, says nothing itself
    child.on('error', (error) => note(folders, start.number, `${SERVER_NOTE} could not be started: ${error.message}`));
    child.on('exit', (status, signal) => note(folders, start.number, `${SERVER_NOTE} ended ${signal === null ? `with status ${status}` : `by ${signal}`}`));
    child.unref();
    const state = { pid: child.pid ?? 0, number: start.number, target: start.target, startedAtMs: start.startedAtMs };
    const path = join(folders.conf, 'server.json');
    writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
    renameSync(`${path}.new`, path);
    return state;
  } finally {
    closeSync(log);
  }
}

/** Begins what we ourselves write into a server's log. */
const SERVER_NOTE = 'assay: the server process';

/** Log of a server that is gone. How it ended is noted a moment later, and by the worker that started it: so not always. */
export async function lastWords(folders: CloneFolders, { number }: ServerState): Promise<string> {
  for (const end = Date.now() + LAST_WORDS_MS; ; await pause(POLL_MS)) {
    const log = readFileSync(serverLog(folders, number), 'utf8');
    if (log.includes(SERVER_NOTE) || Date.now() > end) return log;
  }
}

function note(folders: CloneFolders, number: number, text: string): void {
  try {
    appendFileSync(serverLog(folders, number), `${text}\n`);
  } catch {
    // wiped meanwhile: nobody asks any more
  }
}

/** Pid of the server that runs on this data directory now; null where none does. */
export function runningServer(folders: CloneFolders): number | null {
  const candidates = [postmasterPid(folders), readServerState(folders)?.pid ?? 0];
  return candidates.find((pid) => pid > 0 && isServerOf(pid, folders.data)) ?? null;
}

/** Still running, and not another process that was given the same number. */
export function isServerOf(pid: number, dataDirectory: string): boolean {
  if (!isAlive(pid)) return false;
  if (!existsSync('/proc/self/cwd')) return true;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === dataDirectory;
  } catch {
    return false;
  }
}

/** Fast shutdown, immediate after a minute; returns once the process is gone. Idempotent. */
export async function stopServer(folders: CloneFolders, how: 'fast' | 'immediate' = 'fast'): Promise<void> {
  const pid = runningServer(folders);
  if (pid === null) return;
  const gone = async (withinMs: number) => {
    for (const end = Date.now() + withinMs; Date.now() < end; await pause(POLL_MS)) if (!isServerOf(pid, folders.data)) return true;
    return false;
  };
  signal(pid, how === 'fast' ? 'SIGINT' : 'SIGQUIT');
  if (await gone(how === 'fast' ? FAST_STOP_MS : 5_000)) return;
  signal(pid, 'SIGQUIT');
  if (await gone(5_000)) return;
  await killAllIn(folders.data);
}

/** Kills every process that works inside this folder: server, backends, restore commands. */
export async function killAllIn(directory: string): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end; await pause(POLL_MS)) {
    const pids = processesIn(directory);
    if (pids.length === 0) return;
    for (const pid of pids) signal(pid, 'SIGKILL');
  }
}

/** Linux: by working directory, which PostgreSQL sets to its data directory and children inherit. Elsewhere only the server itself is known. */
export function processesIn(directory: string): number[] {
  if (!existsSync('/proc/self/cwd')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const cwd = readlinkSync(`/proc/${pid}/cwd`);
        return cwd === directory || cwd.startsWith(`${directory}/`);
      } catch {
        return false;
      }
    });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // already gone, which is what was wanted
  }
}

function postmasterPid(folders: CloneFolders): number {
  try {
    return Number.parseInt(readFileSync(join(folders.data, 'postmaster.pid'), 'utf8'), 10) || 0;
  } catch {
    return 0;
  }
}

/**
 * restore_command may be configured through PGBACKREST_*; a PostgreSQL outside the usual places needs its library path. Whatever the user's
 * configuration says of the engine's log, its errors must come to the server's: a repository that does not answer would look like one without the segment.
 */
function serverEnvironment(): Record<string, string> {
  const passed = Object.entries(process.env).filter(([name]) => name === 'PATH' || name === 'LD_LIBRARY_PATH' || name.startsWith('PGBACKREST_'));
  return { ...(Object.fromEntries(passed) as Record<string, string>), PGBACKREST_LOG_LEVEL_STDERR: 'warn', LC_ALL: 'C', TZ: 'UTC' };
}

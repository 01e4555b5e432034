/** One private PostgreSQL server: made by initdb, steered by pg_ctl, reached by its own socket folder only. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OsUser, privateFolder } from '../../activities/os-user.ts';
import { lastLines, run } from '../../activities/process.ts';
import { AssayError } from '../../domain/errors.ts';

/** A server's place on this host. */
export interface Server {
  readonly binaries: string;
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly logFile: string;
  readonly owner: OsUser;
}

export type StopMode = 'fast' | 'immediate';

const INITDB_MS = 120_000;
const START_MS = 60_000;

/**
 * Makes the data directory with superuser `postgres` and these settings; a directory that was made before stays as it is.
 * Local connections are trusted: the socket folder is 0700 and belongs to the server's user.
 */
export async function initServer(server: Server, settings: Readonly<Record<string, string>>): Promise<void> {
  privateFolder(server.socketDirectory, server.owner);
  if (existsSync(join(server.dataDirectory, 'PG_VERSION'))) return;
  const options = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--no-locale', '--data-checksums', '--no-instructions'];
  await run({
    argv: [join(server.binaries, 'initdb'), `--pgdata=${server.dataDirectory}`, ...options],
    as: server.owner,
    deadlineMs: INITDB_MS,
  });
  const lines = Object.entries({ ...settings, unix_socket_directories: server.socketDirectory }).map(([name, value]) => `${name} = ${literal(value)}`);
  appendFileSync(join(server.dataDirectory, 'postgresql.conf'), `\n${lines.join('\n')}\n`);
}

/** Starts and waits until it answers; nothing to do where it runs. Throws child-failed with the last lines of the server's log. */
export async function startServer(server: Server): Promise<void> {
  if (await isRunning(server)) return;
  const argv: [string, ...string[]] = [...pgCtl(server), 'start', '--wait', '--silent', `--timeout=${START_MS / 1000}`, `--log=${server.logFile}`];
  try {
    await run({ argv, as: server.owner, deadlineMs: 2 * START_MS });
  } catch (cause) {
    const log = existsSync(server.logFile) ? lastLines(readFileSync(server.logFile, 'utf8')) : 'no log';
    throw new AssayError('child-failed', { command: 'pg_ctl start', status: 'failed', lines: log, log: server.logFile }, { cause });
  }
}

/** Stops and waits; nothing to do where it does not run. */
export async function stopServer(server: Server, mode: StopMode): Promise<void> {
  if (!(await isRunning(server))) return;
  await run({ argv: [...pgCtl(server), 'stop', '--wait', '--silent', `--mode=${mode}`], as: server.owner, deadlineMs: 2 * START_MS });
}

/** pg_ctl's own answer; 3: no server, 4: no data directory. */
export async function isRunning(server: Server): Promise<boolean> {
  const { status } = await run({ argv: [...pgCtl(server), 'status'], as: server.owner, deadlineMs: START_MS, accept: [0, 3, 4] });
  return status === 0;
}

const pgCtl = (server: Server): [string, ...string[]] => [join(server.binaries, 'pg_ctl'), `--pgdata=${server.dataDirectory}`];

const literal = (value: string) => `'${value.replaceAll("'", "''")}'`;

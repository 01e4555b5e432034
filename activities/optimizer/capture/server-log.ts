/** The server's own log, where it is a file on this host that the worker may read. */
import { open, readdir, readFile, readlink, stat } from 'node:fs/promises';
import { dirname, extname, isAbsolute, join } from 'node:path';
import type pg from 'pg';
import { type LogFormat, loggedStatements } from '../workload/log-lines.ts';
import type { SentStatement } from '../workload/sent.ts';

export interface LogReading {
  readonly statements: readonly SentStatement[];
  /** Why nothing could be read, for people; null: it was. Holds no text of the log. */
  readonly unread: string | null;
}

/** Of the newest files together. */
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_FILES = 3;

interface LogSettings {
  readonly directory: string;
  readonly current: string | null;
  readonly prefix: string;
  readonly startedAt: number;
  readonly port: number;
}

/**
 * Statements in the newest end of the log. Needs pg_monitor (pg_current_logfile, data_directory): where that is missing the session's transaction is lost.
 * Never throws for a log that cannot be read.
 */
export async function readServerLog(client: pg.Client): Promise<LogReading> {
  const settings = await logSettings(client).catch(() => null);
  if (settings === null) return unread('the role may not ask where it is: GRANT pg_monitor');
  const pid = await postmasterHere(settings);
  if (pid === null) return unread('it is not on this host, or this worker may not look into the data directory');
  const file = settings.current === null ? await standardError(pid) : under(settings.directory, settings.current);
  if (file === null) return unread('the server writes it to no file');
  try {
    const texts = await newest(file, settings.current === null ? 1 : MOST_FILES);
    return { statements: texts.flatMap((text) => loggedStatements(text, formatOf(file), settings.prefix)), unread: null };
  } catch (error) {
    return unread(`${file} cannot be read: ${(error as { code?: string }).code ?? 'unknown'}`);
  }
}

const unread = (reason: string): LogReading => ({ statements: [], unread: reason });

async function logSettings(client: pg.Client): Promise<LogSettings | null> {
  const { rows: version } = await client.query<{ number: number }>(`/* assay optimizer */ select current_setting('server_version_num')::int as number`);
  // PostgreSQL before 15 knows no jsonlog
  const formats = [...((version[0]?.number ?? 0) >= 150_000 ? ['jsonlog'] : []), 'csvlog', 'stderr'];
  const { rows } = await client.query<LogSettings>(`/* assay optimizer */ select current_setting('data_directory') as directory,
      coalesce(${formats.map((format) => `pg_current_logfile('${format}')`).join(', ')}) as current,
      current_setting('log_line_prefix') as prefix, extract(epoch from pg_postmaster_start_time())::float8 as "startedAt",
      current_setting('port')::int as port`);
  return rows[0] ?? null;
}

/** A folder of the same name on this host may be another server's: its postmaster must have this one's start and port. */
async function postmasterHere({ directory, startedAt, port }: LogSettings): Promise<number | null> {
  const text = await readFile(join(directory, 'postmaster.pid'), 'utf8').catch(() => '');
  const [pid, , began, own] = text.split('\n').map(Number);
  // the file has whole seconds of a moment shortly before
  const isSame = pid !== undefined && began !== undefined && Math.abs(began - startedAt) <= 10 && own === port;
  return isSame ? pid : null;
}

/** Where its standard error goes, as pg_ctl and pg_ctlcluster lead it to a file. */
async function standardError(pid: number): Promise<string | null> {
  const file = await readlink(`/proc/${pid}/fd/2`).catch(() => '');
  const isFile =
    isAbsolute(file) &&
    (await stat(file).then(
      (found) => found.isFile(),
      () => false,
    ));
  return isFile ? file : null;
}

const under = (directory: string, file: string) => (isAbsolute(file) ? file : join(directory, file));

const formats: Readonly<Record<string, LogFormat>> = { '.csv': 'csvlog', '.json': 'jsonlog' };
const formatOf = (file: string): LogFormat => formats[extname(file)] ?? 'stderr';

/** The ends of the current file and of those before it, oldest first. Each begins with a whole line. */
async function newest(file: string, most: number): Promise<readonly string[]> {
  const files = most === 1 ? [file] : await siblings(file, most);
  const texts: string[] = [];
  let left = MOST_BYTES;
  for (const each of files) {
    const { text, bytes } = await endOf(each, left);
    texts.unshift(text);
    left -= bytes;
    if (left <= 0) break;
  }
  return texts;
}

/** Newest first. */
async function siblings(file: string, most: number): Promise<readonly string[]> {
  const folder = dirname(file);
  const names = (await readdir(folder)).filter((name) => extname(name) === extname(file)).map((name) => join(folder, name));
  const dated = await Promise.all(names.map(async (name) => ({ name, at: (await stat(name).catch(() => null))?.mtimeMs ?? 0 })));
  return dated
    .toSorted((a, b) => b.at - a.at)
    .slice(0, most)
    .map(({ name }) => name);
}

async function endOf(file: string, most: number): Promise<{ readonly text: string; readonly bytes: number }> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const bytes = Math.min(size, most);
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(bytes), position: size - bytes });
    const text = buffer.subarray(0, bytesRead).toString();
    return { text: bytes < size ? text.slice(text.indexOf('\n') + 1) : text, bytes };
  } finally {
    await handle.close();
  }
}

/** Where a server's own log is, as a file on this host that this process may read. */
import { open, readFile, readlink, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type pg from 'pg';
import { ident } from './pg.ts';
import { faultOf, scrubbedReason } from './pg-errors.ts';

export interface ServerLogFile {
  readonly file: string;
  /** By the logging collector, which begins new files: older ones lie beside it. */
  readonly isCollected: boolean;
  /** log_line_prefix. */
  readonly prefix: string;
}

/** For people. Holds no text of the log. */
export interface UnreadLog {
  readonly unread: string;
  readonly wayOut: string;
}

interface ServerPlace {
  readonly directory: string;
  readonly prefix: string;
  readonly startedAt: number;
  readonly port: number;
}

/**
 * The log, or for people why it cannot be read. Needs pg_monitor (data_directory), and a process that may look into the data directory: where the
 * right is missing the session's transaction is lost. Throws nothing.
 */
export async function findServerLog(client: pg.Client): Promise<ServerLogFile | UnreadLog> {
  const place = await placeOf(client);
  if ('unread' in place) return place;
  const pid = await postmasterHere(place);
  if (pid === null) return { unread: 'it is not on this host, or this process may not look into the data directory', wayOut: AS_OWNER };
  const collected = await collectedFile(place.directory);
  const file = collected ?? (await standardError(pid));
  if (file === null) return { unread: 'the server writes it to no file', wayOut: 'set logging_collector = on' };
  const shut = await closedTo(file);
  if (shut !== null) return { unread: `${file} cannot be read: ${shut}`, wayOut: AS_OWNER };
  return { file, isCollected: collected !== null, prefix: place.prefix };
}

const AS_OWNER = "run the worker on the cluster's host, as root or as the owner of the data directory";

async function placeOf(client: pg.Client): Promise<ServerPlace | UnreadLog> {
  try {
    const { rows } = await client.query<ServerPlace>(`/* assay optimizer */ select current_setting('data_directory') as directory,
      current_setting('log_line_prefix') as prefix, extract(epoch from pg_postmaster_start_time())::float8 as "startedAt",
      current_setting('port')::int as port`);
    return rows[0] as ServerPlace; // no FROM: one row
  } catch (error) {
    const wayOut = `GRANT pg_monitor TO ${ident(client.user ?? '')}, which \`assay plan --sql\` prints`;
    if (faultOf(error) === 'privilege-missing') return { unread: 'the role may not ask where it is', wayOut };
    return { unread: `where it is could not be asked: ${scrubbedReason(error)}`, wayOut: 'mend what the reason says' };
  }
}

/** A folder of the same name on this host may be another server's: its postmaster must have this one's start and port. */
async function postmasterHere({ directory, startedAt, port }: ServerPlace): Promise<number | null> {
  const text = await readFile(join(directory, 'postmaster.pid'), 'utf8').catch(() => '');
  const [pid, , began, own] = text.split('\n').map(Number);
  // the file has whole seconds of a moment shortly before
  const isSame = pid !== undefined && began !== undefined && Math.abs(began - startedAt) <= 10 && own === port;
  return isSame ? pid : null;
}

/** Those that tell statement and values apart best come first. */
const DESTINATIONS = ['jsonlog', 'csvlog', 'stderr'];

/**
 * What pg_current_logfile would say, from the file that it reads itself: before PostgreSQL 17 not even pg_monitor may call it, and whoever reads
 * postmaster.pid may read this, too. The server takes the file away when it starts.
 */
async function collectedFile(directory: string): Promise<string | null> {
  const text = await readFile(join(directory, 'current_logfiles'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const [file] = DESTINATIONS.flatMap((each) => lines.flatMap((line) => (line.startsWith(`${each} `) ? [line.slice(each.length + 1)] : [])));
  if (file === undefined) return null;
  return isAbsolute(file) ? file : join(directory, file);
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

/** null: it can be read. */
async function closedTo(file: string): Promise<string | null> {
  try {
    await (await open(file, 'r')).close();
    return null;
  } catch (error) {
    return (error as { code?: string }).code ?? 'unknown';
  }
}

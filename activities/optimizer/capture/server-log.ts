/** What the server's own log shows of statements, where it is a file on this host that the worker may read. */
import { open, readdir, stat } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import type pg from 'pg';
import { findServerLog } from '../../server-log-file.ts';
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

/**
 * Statements in the newest end of the log. Needs what `findServerLog` needs: where pg_monitor is missing the session's transaction is lost.
 * Never throws for a log that cannot be read.
 */
export async function readServerLog(client: pg.Client): Promise<LogReading> {
  const log = await findServerLog(client);
  if ('unread' in log) return { statements: [], unread: `${log.unread}; ${log.wayOut}` };
  const { file, isCollected, prefix } = log;
  try {
    const texts = await newest(file, isCollected ? MOST_FILES : 1);
    return { statements: texts.flatMap((text) => loggedStatements(text, formatOf(file), prefix)), unread: null };
  } catch (error) {
    return { statements: [], unread: `${file} cannot be read: ${(error as { code?: string }).code ?? 'unknown'}` };
  }
}

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

/** Where the parts of a clone lie, and the file by which a retry or the sweeper recognises it. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { CloneRef } from '../../../domain/backup/model.ts';
import { AssayError } from '../../../domain/errors.ts';

/** Port in the name of the socket file; nothing listens on TCP. */
export const CLONE_PORT = 5432;

/** sun_path holds 107 bytes; PostgreSQL appends `.lock` to the same name. */
const MAX_SOCKET_PATH_BYTES = 100;
const SHORT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,23}$/;
const PARTS = { data: 'data', tablespaces: 'ts', socket: 'socket', lock: 'lock', spool: 'spool', log: 'log', conf: 'conf', lookedAt: 'wal' } as const;

export interface CloneFolders {
  readonly data: string;
  readonly tablespaces: string;
  readonly socket: string;
  readonly lock: string;
  readonly spool: string;
  readonly log: string;
  readonly conf: string;
  /** Segments by their names, while they are looked through. */
  readonly lookedAt: string;
}

/** What `clone.json` says. `wipe` removes it last, so that a wipe cut short is still found by the sweeper. */
export interface CloneFile {
  readonly id: string;
  readonly cluster: string;
  readonly owner: string;
  readonly host: string;
  readonly neededBytes: number;
  readonly createdAt: string;
  /** It was handed over to stay: the sweeper leaves it alone. */
  readonly kept?: boolean;
  /** A restore into a folder that its user had made: empty, and with these rights, it is given back where the restore does not stay. */
  readonly found?: FoundFolder | null;
}

export interface FoundFolder {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Folder name of a clone: its id where that is short and plain, since it is part of a socket's path; else a digest of it. */
export const shortId = (id: string): string => (SHORT_NAME.test(id) ? id : `c${createHash('sha256').update(id).digest('hex').slice(0, 12)}`);

/** Folders below `parent` that are clones, or look like one whose clone.json was lost. */
export function cloneFoldersIn(parent: string): { readonly directory: string; readonly file: CloneFile | null }[] {
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ directory: join(parent, name), file: readCloneFile(join(parent, name)) }))
    .filter(({ directory, file }) => file !== null || isOrphan(directory));
}

function isOrphan(directory: string): boolean {
  const names = namesIn(directory);
  return names.length === 0 || [PARTS.conf, PARTS.socket, PARTS.spool].every((part) => names.includes(part));
}

/** Other people's folders beside ours may be closed to us: they are no clones. */
function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return ['not ours'];
    throw error;
  }
}

/** Whole paths. Throws usage where the socket's path would be too long for the operating system. */
export function foldersOf(directory: string): CloneFolders {
  const at = (name: string) => join(directory, name);
  const socket = at(PARTS.socket);
  const socketBytes = Buffer.byteLength(join(socket, `.s.PGSQL.${CLONE_PORT}`));
  if (socketBytes >= MAX_SOCKET_PATH_BYTES)
    throw new AssayError('usage', {
      reason: `the socket of a clone in ${directory} would have a path of ${socketBytes} bytes, ${MAX_SOCKET_PATH_BYTES} is too many`,
      hint: 'name a shorter clone.directory, or --into',
    });
  const { data, tablespaces, lock, spool, log, conf, lookedAt } = PARTS;
  return { data: at(data), tablespaces: at(tablespaces), socket, lock: at(lock), spool: at(spool), log: at(log), conf: at(conf), lookedAt: at(lookedAt) };
}

/** null where there is none, or where a crash left half of one. */
export function readCloneFile(directory: string): CloneFile | null {
  try {
    return JSON.parse(readFileSync(join(directory, 'clone.json'), 'utf8')) as CloneFile;
  } catch {
    return null;
  }
}

export function writeCloneFile(directory: string, file: CloneFile): void {
  const path = join(directory, 'clone.json');
  writeFileSync(`${path}.new`, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Refuses a reference that this host may not touch, or that does not name one of our folders. Throws clone-foreign, internal. */
export function assertOurs(clone: CloneRef, host: string): void {
  if (clone.host !== host) throw new AssayError('clone-foreign', { clone: clone.id, host: clone.host });
  const file = existsSync(clone.directory) ? readCloneFile(clone.directory) : null;
  if (file !== null && file.host !== host) throw new AssayError('clone-foreign', { clone: clone.id, host: file.host });
  // a restore lies in a folder of its user's choice: what is in it says whose it is
  const isOurs = basename(clone.directory) === shortId(clone.id) || file?.id === clone.id || isGone(clone.directory);
  if (!isOurs) throw new AssayError('internal', { reason: `${clone.directory} is not the folder of clone ${clone.id}` });
}

const isGone = (directory: string) => !existsSync(directory) || readdirSync(directory).length === 0;

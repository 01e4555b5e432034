/** Where this host keeps PostgreSQL and the other programs an embedded fleet starts. */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssayError } from '../../domain/errors.ts';

/** Folder of this checkout. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url));

/** The newest major that the installed pgBackRest (2.45 on Debian 12) still backs up. */
const NEWEST_MAJOR = 18;

/** Folder with initdb, pg_ctl and postgres: $PGBIN, then the newest installed major, then PATH. Throws binaries-missing. */
export function findPostgres(major?: number): string {
  const looked = [process.env.PGBIN ?? '', ...versioned('/usr/lib/postgresql', major), ...versioned('/opt/homebrew/opt', major), ...searchPath()];
  const found = looked.find((folder) => folder !== '' && existsSync(join(folder, 'initdb')));
  if (found === undefined) throw new AssayError('binaries-missing', { major: major ?? '14-18', looked: looked.filter(Boolean).join(', ') });
  return found;
}

/** A program by name: PATH, then this checkout's .tools, then ~/go/bin; undefined where it is nowhere. */
export function findProgram(name: string): string | undefined {
  const folders = [...searchPath(), join(root, '.tools'), join(root, '.tools/bin'), join(homedir(), 'go/bin')];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

function versioned(parent: string, major: number | undefined): string[] {
  if (!existsSync(parent)) return [];
  return readdirSync(parent)
    .map((name) => ({ name, major: Number(/^(?:postgresql@)?(\d+)$/.exec(name)?.[1] ?? 0) }))
    .filter((found) => found.major > 0 && found.major <= NEWEST_MAJOR && (major === undefined || found.major === major))
    .sort((a, b) => b.major - a.major)
    .map((found) => join(parent, found.name, 'bin'));
}

const searchPath = () => (process.env.PATH ?? '').split(delimiter).filter(Boolean);

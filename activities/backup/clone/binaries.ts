/** PostgreSQL programs of one major on this host: a clone needs those of its source's major. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { type OsUser, osUser } from '../../os-user.ts';
import { run } from '../../process.ts';

/** All that is run on a clone; a folder that lacks one of them is no use. */
const PROGRAMS = ['postgres', 'pg_controldata', 'pg_checksums', 'pg_amcheck', 'pg_waldump'] as const;
const VERSION = /PostgreSQL\) ((\d+)[.\w]*)/;
const found = new Map<string, string>();

/** Major of a data directory, from its PG_VERSION; throws clone-start-failed where there is none (nothing was restored). */
export function majorOf(dataDirectory: string, clone: string): string {
  try {
    return readFileSync(join(dataDirectory, 'PG_VERSION'), 'utf8').trim();
  } catch (cause) {
    throw new AssayError('clone-start-failed', { clone, lines: 'its data directory has no PG_VERSION', hint: 'restore into it first' }, { cause });
  }
}

/** Folder with this major's programs: `configured`, else the usual places and PATH. Throws binaries-missing. */
export async function findBinaries(major: string, configured: string | null, as: OsUser): Promise<string> {
  const key = `${major}:${configured ?? ''}`;
  const known = found.get(key);
  if (known !== undefined && existsSync(join(known, 'postgres'))) return known;
  const looked = configured === null ? usualPlaces(major) : [configured];
  for (const folder of looked) {
    if (!PROGRAMS.every((program) => existsSync(join(folder, program)))) continue;
    const { stdout } = await run({ argv: [join(folder, 'postgres'), '--version'], as, deadlineMs: 10_000 });
    if (VERSION.exec(stdout)?.[2] === major) {
      found.set(key, folder);
      return folder;
    }
  }
  throw new AssayError('binaries-missing', { major, looked: looked.join(', ') });
}

/** Version of the programs that clones of this policy run on, `15.18`: those last used, else the configured ones. Throws binaries-missing. */
export async function cloneVersion(policy: ClusterPolicy): Promise<string> {
  const { binaries, osUser: name } = policy.clone;
  const lastUsed = [...found].findLast(([key]) => key.endsWith(`:${binaries ?? ''}`))?.[1];
  const folder = lastUsed ?? binaries ?? usualPlaces('*').find((place) => existsSync(join(place, 'postgres')));
  if (folder === undefined) throw new AssayError('binaries-missing', { major: 'any', looked: usualPlaces('*').join(', ') });
  const { stdout } = await run({ argv: [join(folder, 'postgres'), '--version'], as: osUser(name), deadlineMs: 10_000 });
  return VERSION.exec(stdout)?.[1] ?? stdout.trim();
}

function usualPlaces(major: string): string[] {
  return [
    `/usr/lib/postgresql/${major}/bin`,
    `/usr/pgsql-${major}/bin`,
    `/usr/local/pgsql/bin`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
    ...(process.env.PATH ?? '').split(':').filter((folder) => folder !== ''),
  ];
}

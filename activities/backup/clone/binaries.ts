/** PostgreSQL programs of one major on this host: a clone needs those of its source's major. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { type OsUser, osUser } from '../../os-user.ts';
import { run } from '../../process.ts';

/** All that is run on a clone; a folder that lacks one of them is no use. */
const PROGRAMS = ['postgres', 'pg_controldata', 'pg_checksums', 'pg_amcheck', 'pg_waldump'] as const;
const VERSION = /PostgreSQL\) (\d+[.\w]*)/;
/** Looked for once a process; only ever a shortcut to what looking again would find. */
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
    if (!isComplete(folder) || (await versionOf(folder, as)).split(/[^0-9]/)[0] !== major) continue;
    found.set(key, folder);
    return folder;
  }
  throw new AssayError('binaries-missing', { major, looked: looked.join(', ') });
}

/** `15.18` of the programs in this folder. */
export async function versionOf(folder: string, as: OsUser): Promise<string> {
  const { stdout } = await run({ argv: [join(folder, 'postgres'), '--version'], as, deadlineMs: 10_000 });
  return VERSION.exec(stdout)?.[1] ?? stdout.trim();
}

/** Version of the programs that clones of this policy run on: those last used, else the configured or the newest ones. Throws binaries-missing. */
export async function cloneVersion(policy: ClusterPolicy): Promise<string> {
  const { binaries, osUser: name } = policy.clone;
  const lastUsed = [...found].findLast(([key]) => key.endsWith(`:${binaries ?? ''}`))?.[1];
  const folder = lastUsed ?? binaries ?? installedMajors().flatMap(usualPlaces).find(isComplete);
  if (folder === undefined) throw new AssayError('binaries-missing', { major: 'any', looked: usualPlaces('*').join(', ') });
  return versionOf(folder, osUser(name));
}

const isComplete = (folder: string): boolean => PROGRAMS.every((program) => existsSync(join(folder, program)));

const installedMajors = (): string[] => ['18', '17', '16', '15', '14'].filter((major) => usualPlaces(major).some(isComplete));

function usualPlaces(major: string): string[] {
  return [
    `/usr/lib/postgresql/${major}/bin`,
    `/usr/pgsql-${major}/bin`,
    `/usr/local/pgsql/bin`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
    ...(process.env.PATH ?? '').split(':').filter((folder) => folder !== ''),
  ];
}

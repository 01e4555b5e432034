/** What this host has for clones of a cluster. */
import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { reasonOf } from '../../domain/errors.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { osUser, ownerOf } from '../os-user.ts';
import { run } from '../process.ts';
import type { EngineView } from './ports.ts';

export interface Binaries {
  readonly folder: string;
  /** `15.18`. */
  readonly version: string;
  /** Programs a proof needs that are not there. */
  readonly missingPrograms: readonly string[];
  /** Extensions whose control file is there; null where their folder was not found. */
  readonly extensions: ReadonlySet<string> | null;
}

export interface HostFacts {
  /** null where the program does not run; then `engineReason` says why. */
  readonly engineVersion: string | null;
  readonly engineReason: string;
  /** null: no binaries of this major; `looked` names the places. */
  readonly binaries: Binaries | null;
  readonly looked: readonly string[];
  /** `2.36`; null where it cannot be told (no glibc). */
  readonly libc: string | null;
  /** Names of locales, normalised (`en_us.utf8`); null where `locale` is missing. */
  readonly locales: ReadonlySet<string> | null;
  /** false: root without CAP_SYS_PTRACE, as in most containers, does not see where processes of another user work. */
  readonly seesClones: boolean;
  readonly cloneDisk: {
    readonly directory: string;
    readonly freeBytes: number;
    readonly sharesDataDisk: boolean;
    readonly writable: boolean;
    /** OS user of clones where it cannot pass through the folders above them; null: it can. */
    readonly shutOut: string | null;
  };
}

const programs = ['postgres', 'pg_ctl', 'pg_controldata', 'pg_checksums', 'pg_amcheck'];

/** Looks; never throws for what is missing. */
export async function readHost(policy: ClusterPolicy, major: number, dataDirectory: string | null, engine: EngineView): Promise<HostFacts> {
  const [version, libc, locales] = await Promise.all([settle(engine.version(policy)), output('getconf', 'GNU_LIBC_VERSION'), output('locale', '-a')]);
  const looked = policy.clone.binaries === null ? usualFolders(major) : [policy.clone.binaries];
  return {
    engineVersion: 'value' in version ? version.value : null,
    engineReason: 'reason' in version ? version.reason : '',
    binaries: await findBinaries(looked, major),
    looked,
    libc: libc?.replace(/^glibc\s+/, '').trim() ?? null,
    locales: locales === null ? null : new Set(locales.split('\n').map(localeKey)),
    seesClones: seesProcesses(),
    cloneDisk: { ...readDisk(policy, dataDirectory), shutOut: await shutOut(policy, dataDirectory) },
  };
}

/** One spelling for `en_US.UTF-8` and `en_US.utf8`. */
export const localeKey = (name: string): string =>
  name
    .trim()
    .toLowerCase()
    .replace(/utf-?8/, 'utf8');

const usualFolders = (major: number) => [
  `/usr/lib/postgresql/${major}/bin`,
  `/usr/pgsql-${major}/bin`,
  '/usr/local/pgsql/bin',
  ...(process.env.PATH ?? '').split(':').filter(Boolean),
];

async function findBinaries(folders: readonly string[], major: number): Promise<Binaries | null> {
  for (const folder of folders) {
    const version = existsSync(join(folder, 'postgres'))
      ? /PostgreSQL\) (\S+)/.exec((await output(join(folder, 'postgres'), '--version')) ?? '')?.[1]
      : undefined;
    if (version === undefined || Number.parseInt(version, 10) !== major) continue;
    const missingPrograms = programs.filter((name) => !existsSync(join(folder, name)));
    return { folder, version, missingPrograms, extensions: await readExtensions(folder, major) };
  }
  return null;
}

async function readExtensions(folder: string, major: number): Promise<ReadonlySet<string> | null> {
  const asked = existsSync(join(folder, 'pg_config')) ? await output(join(folder, 'pg_config'), '--sharedir') : null;
  const shares = [asked?.trim() ?? '', `/usr/share/postgresql/${major}`, join(folder, '../share'), join(folder, '../share/postgresql')];
  const share = shares.find((one) => one !== '' && existsSync(join(one, 'extension')));
  if (share === undefined) return null;
  return new Set(readdirSync(join(share, 'extension')).flatMap((file) => (file.endsWith('.control') ? [file.slice(0, -'.control'.length)] : [])));
}

function readDisk(policy: ClusterPolicy, dataDirectory: string | null): Omit<HostFacts['cloneDisk'], 'shutOut'> {
  const { directory } = policy.clone;
  const there = nearestExisting(directory);
  const { bavail, bsize } = statfsSync(there);
  const data = dataDirectory === null ? null : nearestExisting(dataDirectory);
  return {
    directory,
    freeBytes: bavail * bsize,
    sharesDataDisk: data !== null && data === dataDirectory && statSync(data).dev === statSync(there).dev,
    writable: isWritable(there),
  };
}

const CAP_SYS_PTRACE = 1n << 19n;

/** Clones of an ordinary user are its own; root's run as another one. No /proc: nothing is asked of it either. */
function seesProcesses(): boolean {
  if (process.getuid?.() !== 0 || !existsSync('/proc/self/status')) return true;
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return effective === undefined || (BigInt(`0x${effective}`) & CAP_SYS_PTRACE) !== 0n;
}

/** A worker that is root makes the folder, and another user works in it. */
async function shutOut({ clone }: ClusterPolicy, dataDirectory: string | null): Promise<string | null> {
  try {
    const as = clone.osUser === null && dataDirectory !== null && existsSync(dataDirectory) ? ownerOf(dataDirectory) : osUser(clone.osUser);
    const { status } = await run({ argv: ['test', '-x', nearestExisting(clone.directory)], as, deadlineMs: 10_000, accept: [0, 1] });
    return status === 0 ? null : as.name;
  } catch {
    // no such user here: a check of its own says so
    return null;
  }
}

const nearestExisting = (path: string): string => (existsSync(path) || path === '/' ? path : nearestExisting(dirname(path)));

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function output(...argv: readonly [string, ...string[]]): Promise<string | null> {
  const result = await settle(run({ argv, deadlineMs: 10_000 }));
  return 'value' in result ? result.value.stdout : null;
}

async function settle<T>(promise: Promise<T>): Promise<{ value: T } | { reason: string }> {
  try {
    return { value: await promise };
  } catch (error) {
    return { reason: reasonOf(error) };
  }
}

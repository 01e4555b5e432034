/** What Assay has to know of a pgbackrest.conf that may be the user's own: read, never written. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssayError, reasonOf } from '../../../../domain/errors.ts';
import { type OsUser, osUser, ownerOf } from '../../../os-user.ts';

export interface EngineConfig {
  /** Ids of the repositories, ascending; never empty. */
  readonly repositories: readonly number[];
  /** Data directory on this host; null where the configuration names none or another host. */
  readonly dataDirectory: string | null;
  /** Asynchronous archiving: only then may a clone be given a spool folder. */
  readonly isArchiveAsync: boolean;
  readonly isPgHostRemote: boolean;
  /** `io-timeout` as it is set for this command; null where it is not. */
  ioTimeout(command: string): string | null;
  /** Any option as it is set for this command; null where it is not, or is empty. */
  option(name: string, command: string): string | null;
  encrypted(repository: number): boolean;
  /** Values that must never appear in an error. */
  readonly secrets: readonly string[];
}

type Options = ReadonlyMap<string, string>;

const SECRET = /(^|-)(pass|key|key-secret|token|sas)$/;

/** Throws engine-refused where the file cannot be read. Options of the environment (`PGBACKREST_…`) count, as they do for the engine. */
export function readEngineConfig(file: string, stanza: string, environment: NodeJS.ProcessEnv = process.env): EngineConfig {
  const all = sections(engineConfigText(file));
  const options = optionsOf(all, stanza, environment);
  const archiveGet = optionsOf(all, stanza, environment, 'archive-get');
  const dataDirectory = options.get('pg1-path') ?? null;
  const isPgHostRemote = options.has('pg1-host');
  return {
    repositories: repositoryIds(options),
    dataDirectory: isPgHostRemote ? null : dataDirectory,
    isArchiveAsync: isOn(archiveGet.get('archive-async')),
    isPgHostRemote,
    ioTimeout: (command) => optionsOf(all, stanza, environment, command).get('io-timeout') ?? null,
    option: (name, command) => optionsOf(all, stanza, environment, command).get(name) || null,
    encrypted: (repository) => (options.get(`repo${repository}-cipher-type`) ?? 'none') !== 'none',
    secrets: [...options].filter(([name, value]) => SECRET.test(name) && value.length >= 4).map(([, value]) => value),
  };
}

/** The user the engine runs as: the policy's, else the owner of the data directory, else postgres; whoever we are where we are not root. */
export function engineUser(name: string | null, config: EngineConfig): OsUser {
  const { dataDirectory } = config;
  if (name === null && dataDirectory !== null && existsSync(dataDirectory)) {
    const owner = ownerOf(dataDirectory);
    if (owner.switched) return owner;
  }
  return osUser(name);
}

/** Where the engine looks when no configuration is named; only then does it read the folder of pieces too. */
export const DEFAULT_CONFIGS: readonly string[] = ['/etc/pgbackrest/pgbackrest.conf', '/etc/pgbackrest.conf'];

/** Folder of pieces that belongs to this file: with `--config` alone the engine would pass it over. null: none does. */
export function includedFolder(file: string, root = '/'): string | null {
  const folder = join(root, 'etc/pgbackrest/conf.d');
  return DEFAULT_CONFIGS.some((usual) => join(root, usual) === file) && existsSync(folder) ? folder : null;
}

/** Whole text, pieces included, in the engine's own order. Throws engine-refused where a file cannot be read. */
export function engineConfigText(file: string, root = '/'): string {
  const folder = includedFolder(file, root);
  const pieces =
    folder === null
      ? []
      : readdirSync(folder)
          .filter((name) => name.endsWith('.conf'))
          .sort();
  return [file, ...pieces.map((name) => join(folder ?? '', name))].map(read).join('\n');
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AssayError(
      'engine-refused',
      {
        command: 'reading pgbackrest.conf',
        status: 'none',
        lines: reasonOf(cause),
        hint: `make ${file} readable for the worker, or name another in engine.config`,
      },
      { cause },
    );
  }
}

function sections(text: string): ReadonlyMap<string, Options> {
  const all = new Map<string, Map<string, string>>();
  let current = new Map<string, string>();
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const header = /^\[(.+)\]$/.exec(line);
    if (header?.[1] !== undefined) {
      current = all.get(header[1]) ?? new Map();
      all.set(header[1], current);
      continue;
    }
    const at = line.indexOf('=');
    if (at > 0) current.set(withIndex(line.slice(0, at).trim()), line.slice(at + 1).trim());
  }
  return all;
}

/** The engine's own precedence, weakest first: [global], [global:command], [stanza], [stanza:command], environment. */
function optionsOf(all: ReadonlyMap<string, Options>, stanza: string, environment: NodeJS.ProcessEnv, command?: string): Options {
  const names = ['global', ...(command ? [`global:${command}`] : []), stanza, ...(command ? [`${stanza}:${command}`] : [])];
  const merged = new Map<string, string>();
  for (const name of names) for (const [option, value] of all.get(name) ?? []) merged.set(option, value);
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith('PGBACKREST_') && value !== undefined)
      merged.set(withIndex(name.slice('PGBACKREST_'.length).toLowerCase().replaceAll('_', '-')), value);
  }
  return merged;
}

/** `repo-path` and `pg-path` are old names of `repo1-path` and `pg1-path`. */
const withIndex = (option: string) => option.replace(/^(repo|pg)-/, '$11-').replace(/^db-(path|port|socket-path|host|user)$/, 'pg1-$1');

const isOn = (value: string | undefined) => value === 'y';

function repositoryIds(options: Options): readonly number[] {
  const ids = new Set<number>();
  for (const name of options.keys()) {
    const id = /^repo(\d+)-/.exec(name)?.[1];
    if (id !== undefined) ids.add(Number(id));
  }
  // without any option the engine still has its default repository
  return ids.size === 0 ? [1] : [...ids].sort((a, b) => a - b);
}

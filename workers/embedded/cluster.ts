/** A PostgreSQL cluster of our own with a pgBackRest repository beside it: what the demo, `assay dev` and the tests keep. */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { type OsUser, osUser, privateFolder } from '../../activities/os-user.ts';
import { run } from '../../activities/process.ts';
import { AssayError } from '../../domain/errors.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { findPostgres, findProgram } from './binaries.ts';
import { embeddedPolicy } from './cluster-policy.ts';
import { freshFolder } from './folder.ts';
import { type EmbeddedRepository, writeConf } from './pgbackrest-conf.ts';
import { initServer, type Server, type StopMode, startServer, stopServer } from './server.ts';

export interface ClusterOptions {
  /** Name of the cluster and of its stanza; default `main`. */
  readonly name?: string;
  /** Default: a fresh one under the temporary folder. An existing one is taken up again, data and key included. */
  readonly directory?: string;
  /** Default: posix, inside the folder. */
  readonly repository?: EmbeddedRepository;
  /** Server settings on top of the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Default false. */
  readonly archiveAsync?: boolean;
  /** Default true. Of 2.45 the own verify raises false alarms about block incremental backups. */
  readonly blockIncremental?: boolean;
  /** Default true; false leaves out stanza-create (and the check that comes with it). */
  readonly stanzaCreate?: boolean;
}

export interface SqlOptions {
  /** Default postgres. */
  readonly database?: string;
  readonly params?: readonly unknown[];
}

export type Row = Record<string, unknown>;

export interface EmbeddedCluster {
  readonly name: string;
  readonly directory: string;
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly port: number;
  readonly osUser: OsUser;
  /** Folder with initdb, pg_ctl, psql. */
  readonly binaries: string;
  /** pgbackrest.conf. */
  readonly configFile: string;
  readonly stanza: string;
  /** Folder, or path inside the bucket. */
  readonly repositoryPath: string;
  /** A complete policy with small, quick defaults. */
  policy(overrides?: (policy: ClusterPolicy) => ClusterPolicy): ClusterPolicy;
  /** Runs one statement as superuser on a connection of its own; without params several statements may follow each other. */
  sql<R extends Row = Row>(text: string, options?: SqlOptions): Promise<R[]>;
  /** pgbackrest with this cluster's configuration and stanza; returns its stdout. Throws child-failed. */
  pgbackrest(...args: readonly string[]): Promise<string>;
  start(): Promise<void>;
  stop(mode: StopMode): Promise<void>;
  /** Stops at once and removes the folder. Idempotent. */
  destroy(): Promise<void>;
}

/** A socket's whole path must stay below 108 bytes. */
const MAX_DIRECTORY_BYTES = 80;
const ENGINE_MS = 300_000;

/** Makes and starts it: checksums, archiving on, encrypted repository, stanza created. Nothing is left behind where that fails. */
export async function createCluster(options: ClusterOptions = {}): Promise<EmbeddedCluster> {
  const pgbackrest = findProgram('pgbackrest');
  if (pgbackrest === undefined) throw new AssayError('usage', { reason: 'pgbackrest is not installed', hint: 'run `npm run setup`' });
  const owner = osUser();
  const directory = freshFolder(options.directory, owner);
  if (Buffer.byteLength(directory) > MAX_DIRECTORY_BYTES) {
    throw new AssayError('usage', {
      reason: `the folder ${directory} is too long for a Unix socket`,
      hint: `name one of at most ${MAX_DIRECTORY_BYTES} bytes`,
    });
  }
  const cluster = describe({ options, pgbackrest, owner, directory });
  try {
    await build(cluster, options, pgbackrest);
    return cluster;
  } catch (error) {
    if (options.directory === undefined) await cluster.destroy();
    else await cluster.stop('immediate');
    throw error;
  }
}

async function build(cluster: EmbeddedCluster, options: ClusterOptions, pgbackrest: string): Promise<void> {
  const { directory, dataDirectory, socketDirectory, osUser: owner, configFile, stanza, port } = cluster;
  const sub = (name: string) => privateFolder(join(directory, name), owner);
  const repository = options.repository ?? { kind: 'posix' };
  if (repository.kind === 'posix') privateFolder(cluster.repositoryPath, owner);
  for (const name of ['log', 'clones', 'evidence']) sub(name);
  const version = await run({ argv: [pgbackrest, 'version'], as: owner, deadlineMs: ENGINE_MS });
  const conf = {
    stanza,
    repository,
    repositoryPath: cluster.repositoryPath,
    cipherPass: randomBytes(36).toString('base64'),
    logDirectory: sub('log/pgbackrest'),
    lockDirectory: sub('lock'),
    spoolDirectory: sub('spool'),
    beta: version.stdout.includes('2.45'),
    blockIncremental: options.blockIncremental ?? true,
    archiveAsync: options.archiveAsync ?? false,
    dataDirectory,
    socketDirectory,
    port,
  };
  writeConf(configFile, conf, owner);
  const archiveCommand = `'${pgbackrest}' --config='${configFile}' --stanza='${stanza}' archive-push %p`;
  await initServer(serverOf(cluster), { ...settings, port: String(port), archive_command: archiveCommand, ...options.settings });
  await cluster.start();
  if (options.stanzaCreate ?? true) await cluster.pgbackrest('stanza-create');
}

const settings = {
  listen_addresses: '',
  wal_level: 'logical',
  archive_mode: 'on',
  archive_timeout: '60',
  track_commit_timestamp: 'on',
  max_connections: '60',
  max_wal_senders: '10',
  max_replication_slots: '10',
  shared_buffers: '64MB',
  max_wal_size: '1GB',
  log_line_prefix: '%m [%p] %d ',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

function describe(parts: { options: ClusterOptions; pgbackrest: string; owner: OsUser; directory: string }): EmbeddedCluster {
  const { options, pgbackrest, owner, directory } = parts;
  const name = options.name ?? 'main';
  const inBucket = options.repository?.kind === 's3';
  const place = {
    name,
    directory,
    dataDirectory: join(directory, 'data'),
    socketDirectory: join(directory, 's'),
    port: Number(options.settings?.port ?? 5432),
    osUser: owner,
    binaries: findPostgres(),
    configFile: join(directory, 'pgbackrest.conf'),
    stanza: name,
    repositoryPath: options.repository?.path ?? (inBucket ? `/${name}` : join(directory, 'repo')),
  };
  const server = serverOf(place);
  return {
    ...place,
    policy: (overrides = (policy) => policy) => overrides(embeddedPolicy({ ...place, pgbackrest })),
    sql: (text, sqlOptions = {}) => query(place, text, sqlOptions),
    pgbackrest: async (...args) => {
      const argv: [string, ...string[]] = [pgbackrest, `--config=${place.configFile}`, `--stanza=${name}`, ...args];
      return (await run({ argv, as: owner, deadlineMs: ENGINE_MS })).stdout;
    },
    start: () => startServer(server),
    stop: (mode) => stopServer(server, mode),
    destroy: async () => {
      await stopServer(server, 'immediate');
      // an archive-push that was under way may still write its last file
      rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

const serverOf = (place: Pick<EmbeddedCluster, 'binaries' | 'dataDirectory' | 'socketDirectory' | 'directory' | 'osUser'>): Server => ({
  binaries: place.binaries,
  dataDirectory: place.dataDirectory,
  socketDirectory: place.socketDirectory,
  logFile: join(place.directory, 'log', 'postgres.log'),
  owner: place.osUser,
});

async function query<R extends Row>(place: { socketDirectory: string; port: number }, text: string, options: SqlOptions): Promise<R[]> {
  const client = new pg.Client({ host: place.socketDirectory, port: place.port, user: 'postgres', database: options.database ?? 'postgres' });
  client.on('error', () => {});
  await client.connect();
  try {
    const result = options.params === undefined ? await client.query<R>(text) : await client.query<R>(text, [...options.params]);
    // several statements in one text give an array of results: the last one's rows are the answer
    const last = Array.isArray(result) ? (result.at(-1) as pg.QueryResult<R>) : result;
    return last.rows;
  } finally {
    await client.end().catch(() => {});
  }
}

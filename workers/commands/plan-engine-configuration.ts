/** The pgbackrest.conf that Assay makes from `repositories`. One that was adopted never comes here. */
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ReadSecret } from '../../activities/backup/ports.ts';
import { type OsUser, osUser, ownerOf, privateFolder } from '../../activities/os-user.ts';
import { withConnection } from '../../activities/pg.ts';
import { toAssayError } from '../../activities/pg-errors.ts';
import { run } from '../../activities/process.ts';
import { AssayError } from '../../domain/errors.ts';
import type { ClusterPolicy, Repository } from '../../domain/policy.ts';
import type { EngineConfiguration } from './plan-ports.ts';
import { stanzaBy, type Waiting } from './plan-stanza.ts';

export interface ConfigurationDependencies extends Omit<Waiting, 'tell'> {
  readonly readSecret: ReadSecret;
  readonly tell?: Waiting['tell'];
}

export function createEngineConfiguration({ readSecret, engineFor, io, tell = () => {} }: ConfigurationDependencies): EngineConfiguration {
  return {
    desired: async (policy) => {
      const [server, beta] = await Promise.all([describeServer(policy, readSecret), needsBeta(policy)]);
      return managedConfiguration(policy, { ...server, beta, readSecret });
    },
    current: async ({ engine }) => (existsSync(engine.config) ? readFileSync(engine.config, 'utf8') : null),
    write: async (policy, text) => {
      if (policy.engine.ownership === 'adopted')
        throw new AssayError('refused-by-guard', { what: `writing ${policy.engine.config}`, reason: 'it was adopted', hint: 'edit it yourself' });
      const { dataDirectory, workFolder } = await describeServer(policy, readSecret);
      const owner = ownerOfEngine(policy, dataDirectory);
      if (workFolder !== null) makeWorkFolder(workFolder, owner);
      for (const repository of policy.engine.repositories) if (repository.kind === 'posix') makeRepository(repository.path, owner);
      const draft = `${policy.engine.config}.draft`;
      try {
        writePrivately(draft, text, owner);
        await stanzaBy(draft, policy, { engineFor, io, tell });
        // only now: a fault in the policy must not stop an archive_command that works with the old file
        renameSync(draft, policy.engine.config);
      } finally {
        rmSync(draft, { force: true });
      }
    },
  };
}

/**
 * Where Assay makes the file and it is not there: a restore on an empty machine, with no server to ask. Its data directory is nowhere,
 * since every restore names its own; `assay apply` writes the whole of it once there is a server again. Throws secret-unreadable.
 */
export async function writeMissingConfiguration(policy: ClusterPolicy, readSecret: ReadSecret): Promise<void> {
  const { engine, clone } = policy;
  if (engine.ownership === 'adopted' || existsSync(engine.config)) return;
  const workFolder = workFolderOf(policy, osUser(clone.osUser));
  const nowhere = { dataDirectory: '/nonexistent', socketDirectory: null, port: policy.connection.port, user: 'postgres', workFolder };
  const text = managedConfiguration(policy, { ...nowhere, beta: await needsBeta(policy), readSecret });
  if (workFolder !== null) makeWorkFolder(workFolder, osUser(clone.osUser));
  writePrivately(engine.config, text, osUser(clone.osUser));
}

export interface ManagedSource {
  readonly dataDirectory: string;
  /** null: reached over TCP. */
  readonly socketDirectory: string | null;
  readonly port: number;
  /** Role the engine connects as: a superuser that the owner of the server may be. */
  readonly user: string;
  /** Where the engine keeps locks, logs and its spool; null: the engine's own places. */
  readonly workFolder: string | null;
  /** 2.45 calls block incremental a beta feature and refuses it unasked (status 31). */
  readonly beta: boolean;
  readonly readSecret: ReadSecret;
}

/** The file's text. Holds secrets. */
export function managedConfiguration(policy: ClusterPolicy, source: ManagedSource): string {
  const global: Options = {
    ...Object.assign({}, ...policy.engine.repositories.map((repository) => repositoryOptions(repository, source.readSecret))),
    ...(source.beta ? { beta: 'y' } : {}),
    'process-max': policy.engine.processMax,
    'compress-type': 'zst',
    'compress-level': 3,
    'start-fast': 'y',
    // what expires is decided by Assay's retention, never as a side effect of a backup
    'expire-auto': 'n',
    ...(source.workFolder === null ? {} : workPaths(source.workFolder)),
  };
  const stanza: Options = {
    'pg1-path': source.dataDirectory,
    ...(source.socketDirectory === null ? {} : { 'pg1-socket-path': source.socketDirectory }),
    'pg1-port': source.port,
    'pg1-user': source.user,
  };
  const section = (name: string, options: Options) =>
    `[${name}]\n${Object.entries(options)
      .map(([key, value]) => `${key}=${value}\n`)
      .join('')}`;
  return `# Made by \`assay apply\` from assay.yaml; changes made here are overwritten.\n${section('global', global)}\n${section(policy.engine.stanza, stanza)}`;
}

type Options = Readonly<Record<string, string | number>>;

function repositoryOptions(repository: Repository, readSecret: ReadSecret): Options {
  const { id, path, cipherPass } = repository;
  const named = (options: Options) => Object.fromEntries(Object.entries(options).map(([key, value]) => [`repo${id}-${key}`, value]));
  const cipher: Options = cipherPass === null ? {} : { 'cipher-type': 'aes-256-cbc', 'cipher-pass': readSecret(cipherPass) };
  const common: Options = { path, bundle: 'y', block: 'y', ...cipher };
  if (repository.kind === 'posix') return named(common);
  return named({
    ...common,
    type: 's3',
    's3-bucket': repository.bucket,
    's3-endpoint': repository.endpoint,
    's3-region': repository.region,
    's3-uri-style': repository.uriStyle,
    's3-key': readSecret(repository.key),
    's3-key-secret': readSecret(repository.keySecret),
    ...(repository.port === null ? {} : { 'storage-port': repository.port }),
    'storage-verify-tls': repository.verifyTls ? 'y' : 'n',
  });
}

async function describeServer(policy: ClusterPolicy, readSecret: ReadSecret) {
  const { connection } = policy;
  try {
    const { rows } = await withConnection(connection, readSecret, {}, (client) =>
      // the superuser that initdb made has the name of whoever ran it, or of whom he named
      client.query<{ directory: string; superuser: string }>(
        "/* assay backup */ select current_setting('data_directory') as directory, (select rolname from pg_roles where oid = 10) as superuser",
      ),
    );
    const { directory = '', superuser = 'postgres' } = rows[0] ?? {};
    const socketDirectory = connection.host.startsWith('/') ? connection.host : null;
    const workFolder = workFolderOf(policy, ownerOfEngine(policy, directory));
    return { dataDirectory: directory, socketDirectory, port: connection.port, user: superuser, workFolder };
  } catch (error) {
    throw toAssayError(error, { cluster: policy.cluster, role: connection.user, what: 'read data_directory', grant: `grant pg_monitor to ${connection.user}` });
  }
}

const ownerOfEngine = ({ clone }: ClusterPolicy, dataDirectory: string): OsUser =>
  clone.osUser === null && existsSync(dataDirectory) ? ownerOf(dataDirectory) : osUser(clone.osUser);

/**
 * The engine's own places are postgres' on Debian, and its lock folder belongs to whoever came first after each start. So they are left as they
 * are where that is postgres, for foreign backup jobs and ours to see each other's lock; anybody else needs places of his own.
 */
function workFolderOf({ engine }: ClusterPolicy, { uid }: OsUser): string | null {
  return nameOf(uid) === 'postgres' ? null : `${engine.config.replace(/\.conf$/, '')}.work`;
}

const workPaths = (folder: string): Options => ({ 'lock-path': `${folder}/lock`, 'log-path': `${folder}/log`, 'spool-path': `${folder}/spool` });

function makeWorkFolder(folder: string, owner: OsUser): void {
  for (const path of [folder, ...Object.values(workPaths(folder))]) privateFolder(String(path), owner);
}

/** null: an owner without a name, as in a container. */
function nameOf(uid: number): string | null {
  const { status, stdout } = spawnSync('id', ['-nu', String(uid)], { encoding: 'utf8', env: { PATH: process.env.PATH } });
  return status === 0 ? stdout.trim() : null;
}

const needsBeta = async ({ engine }: ClusterPolicy) => (await run({ argv: [engine.binary, 'version'], deadlineMs: 10_000 })).stdout.includes(' 2.45');

function makeRepository(path: string, owner: OsUser): void {
  if (!existsSync(path)) privateFolder(path, owner);
}

/** A reader sees the old file or the new one, never half of one. */
function writePrivately(file: string, text: string, owner: OsUser): void {
  const draft = join(dirname(file), `.assay-${process.pid}.tmp`);
  writeFileSync(draft, text, { mode: 0o600 });
  if (owner.switched) chownSync(draft, owner.uid, owner.gid);
  renameSync(draft, file);
}

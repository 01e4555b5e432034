/** A small PostgreSQL server for the control database: loopback only, a generated password, no archive of its own. */
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { type OsUser, osUser, privateFolder } from '../../activities/os-user.ts';
import { findPostgres } from './binaries.ts';
import { freshFolder } from './folder.ts';
import { freePort } from './ports.ts';
import { initServer, type Server, type StopMode, startServer, stopServer } from './server.ts';

export interface ControlOptions {
  /** Default a fresh one. An existing one is taken up again, with its port and password. */
  readonly directory?: string;
  /** Default: a free port. */
  readonly port?: number;
}

export interface EmbeddedControl {
  readonly directory: string;
  /** postgresql://… of the database `assay`, password included: for ASSAY_CONTROL_URL. */
  readonly url: string;
  /** The same in a 0600 file, for `file:` references. */
  readonly urlFile: string;
  start(): Promise<void>;
  stop(mode: StopMode): Promise<void>;
  /** Stops and removes the folder. Idempotent. */
  destroy(): Promise<void>;
  /** An empty database beside `assay`, for one test; its URL. */
  createDatabase(name: string): Promise<string>;
}

const DATABASE = 'assay';
const ROLE = 'assay';

/** Starts it with an empty database `assay` owned by a role that is no superuser. Nothing is left where that fails. */
export async function startControl(options: ControlOptions = {}): Promise<EmbeddedControl> {
  const owner = osUser();
  const directory = freshFolder(options.directory, owner);
  const urlFile = join(directory, 'url');
  try {
    const url = existsSync(urlFile) ? readFileSync(urlFile, 'utf8').trim() : newUrl(options.port ?? (await freePort()));
    const server = serverIn(directory, owner);
    await startWith(server, url);
    writeSecret(urlFile, url);
    return describe({ server, directory, url, urlFile });
  } catch (error) {
    if (options.directory === undefined) rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    throw error;
  }
}

const newUrl = (port: number) => `postgresql://${ROLE}:${randomBytes(24).toString('base64url')}@127.0.0.1:${port}/${DATABASE}`;

const serverIn = (directory: string, owner: OsUser): Server => ({
  binaries: findPostgres(),
  dataDirectory: join(directory, 'data'),
  socketDirectory: join(directory, 's'),
  logFile: join(privateFolder(join(directory, 'log'), owner), 'postgres.log'),
  owner,
});

async function startWith(server: Server, url: string): Promise<void> {
  const { port, password } = new URL(url);
  const settings = { listen_addresses: '127.0.0.1', port, max_connections: '60', shared_buffers: '32MB', wal_level: 'minimal', max_wal_senders: '0' };
  await initServer(server, { ...settings, password_encryption: 'scram-sha-256', timezone: 'UTC' });
  // whoever can enter the socket folder is trusted; loopback is open to every user of the machine, so it asks for the password
  writeFileSync(join(server.dataDirectory, 'pg_hba.conf'), 'local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n');
  await startServer(server);
  await asSuperuser(server, port, async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE]);
    if (rowCount !== 0) return;
    await client.query(`create role ${ROLE} login createdb password ${pg.escapeLiteral(password)}`);
    await client.query(`create database ${DATABASE} owner ${ROLE}`);
  });
}

function describe(parts: { server: Server; directory: string; url: string; urlFile: string }): EmbeddedControl {
  const { server, directory, url, urlFile } = parts;
  return {
    directory,
    url,
    urlFile,
    start: () => startServer(server),
    stop: (mode) => stopServer(server, mode),
    destroy: async () => {
      await stopServer(server, 'immediate');
      rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
    createDatabase: async (name) => {
      const other = new URL(url);
      await asSuperuser(server, other.port, (client) => client.query(`create database ${pg.escapeIdentifier(name)} owner ${ROLE}`));
      other.pathname = `/${encodeURIComponent(name)}`;
      return other.href;
    },
  };
}

async function asSuperuser(server: Server, port: string, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ host: server.socketDirectory, port: Number(port), user: 'postgres', database: 'postgres' });
  client.on('error', () => {});
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end().catch(() => {});
  }
}

function writeSecret(file: string, text: string): void {
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
  // read by the worker, which may be another user than the server's
  chownSync(file, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
}

/** Connections to PostgreSQL and the one quoting helper. */
import pg from 'pg';
import { applicationName } from '../domain/ids.ts';
import type { Connection } from '../domain/policy.ts';
import type { ReadSecret } from './backup/ports.ts';
import { readNamedFile } from './named-file.ts';

/** Quotes any identifier, however hostile. The only way a name gets into SQL. */
export const ident = (name: string): string => pg.escapeIdentifier(name);

/** `"schema"."table"`. */
export const qualified = (schema: string, name: string): string => `${ident(schema)}.${ident(name)}`;

/** Quotes a text value, for the few statements that take no parameters (DDL, replication commands). */
export const literal = (value: string): string => pg.escapeLiteral(value);

export interface ConnectOptions {
  readonly database?: string;
  readonly agent?: 'backup' | 'control' | 'doctor' | 'optimizer';
  /** Told in application_name after the agent. */
  readonly session?: string;
  readonly statementTimeoutMs?: number;
  /** Logical replication connection of one database (walsender). */
  readonly replication?: 'database';
  /** Server settings of the session, as start-up options. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** An open session; the caller ends it. Errors are PostgreSQL's own: see `pg-errors.ts`. */
export async function connect(connection: Connection, readSecret: ReadSecret, options: ConnectOptions = {}): Promise<pg.Client> {
  const settings = startupOptions(options.settings ?? {});
  const client = new pg.Client({
    host: connection.host,
    port: connection.port,
    user: connection.user,
    database: options.database ?? connection.database,
    application_name: [applicationName(options.agent ?? 'backup'), ...(options.session === undefined ? [] : [options.session])].join(' '),
    connectionTimeoutMillis: 10_000,
    ...(connection.password === null ? {} : { password: readSecret(connection.password) }),
    ...(connection.sslMode === 'disable' ? {} : { ssl: ssl(connection) }),
    ...(options.statementTimeoutMs === undefined ? {} : { statement_timeout: options.statementTimeoutMs }),
    ...(settings === '' ? {} : { options: settings }),
    ...(options.replication === undefined ? {} : { replication: options.replication }),
  } as pg.ClientConfig);
  // a server that goes away must fail the query in hand, not the whole process
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** What a session of Assay is, whatever `alter role … set role` says: its grants are those of the role it connects as. */
export const asItself: Readonly<Record<string, string>> = { role: 'none' };

/** For a session that writes: many keep a role that reads, or a database, from writing by accident (`alter role … set default_transaction_read_only = on`). */
export const mayWrite: Readonly<Record<string, string>> = { ...asItself, default_transaction_read_only: 'off' };

/** Settings as a session's start takes them, and PGOPTIONS of PostgreSQL's own programs: they beat what ALTER ROLE and ALTER DATABASE say. */
export const startupOptions = (settings: Readonly<Record<string, string>>): string =>
  Object.entries(settings)
    .map(([key, value]) => `-c ${key}=${value.replaceAll(/([ \\])/g, '\\$1')}`)
    .join(' ');

/** Opens, uses, always ends. */
export async function withConnection<T>(
  connection: Connection,
  readSecret: ReadSecret,
  options: ConnectOptions,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connect(connection, readSecret, options);
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => {});
  }
}

function ssl(connection: Connection) {
  const { sslRootCertificate: path } = connection;
  const ca = path === null ? {} : { ca: String(readNamedFile(path, { what: 'the root certificate', hint: 'correct connection.ssl_root_certificate' })) };
  return { rejectUnauthorized: connection.sslMode === 'verify-full', ...ca };
}

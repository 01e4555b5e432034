/** Sessions on a clone, over its private socket, as its superuser. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import type { FoundDatabase } from '../../../domain/backup/databases.ts';
import type { CloneRef } from '../../../domain/backup/model.ts';
import { AssayError, reasonOf } from '../../../domain/errors.ts';
import type { ClusterPolicy, Connection } from '../../../domain/policy.ts';
import { connect } from '../../pg.ts';
import { CLONE_PORT, foldersOf } from './layout.ts';

/**
 * Start-up options of every session: they beat what ALTER ROLE and ALTER DATABASE set in the source. A replica role keeps ordinary
 * triggers, foreign keys and event triggers from firing on anything done in the clone.
 */
export const cloneSettings = {
  session_preload_libraries: '',
  local_preload_libraries: '',
  session_replication_role: 'replica',
  role: 'none',
  row_security: 'off',
  statement_timeout: '0',
  lock_timeout: '30s',
  idle_in_transaction_session_timeout: '0',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  search_path: 'pg_catalog',
  jit: 'off',
  timezone: 'UTC',
} as const;

export interface CloneSessionOptions {
  readonly database?: string;
  /** Role to be; default: the clone's superuser. */
  readonly user?: string;
  readonly settings?: Readonly<Record<string, string>>;
}

/** Connection of the clone's superuser to the database that concerns the cluster as a whole. Throws clone-start-failed where no superuser may log in. */
export async function cloneConnection(policy: ClusterPolicy, clone: CloneRef): Promise<Connection> {
  const folders = foldersOf(clone.directory);
  const as = (user: string, database: string): Connection => ({
    host: folders.socket,
    port: CLONE_PORT,
    user,
    database,
    password: null,
    sslMode: 'disable',
    sslRootCertificate: null,
  });
  const remembered = join(folders.conf, 'superuser.json');
  try {
    const { user, database } = JSON.parse(readFileSync(remembered, 'utf8')) as { user: string; database: string };
    return as(user, database);
  } catch {
    // first session of this clone
  }
  const reasons: string[] = [];
  for (const user of new Set(['postgres', policy.connection.user, process.env.USER ?? 'postgres'])) {
    for (const database of new Set([policy.connection.database, 'postgres', 'template1'])) {
      for (const settings of [cloneSettings, ordinary()]) {
        try {
          const superuser = await superuserSeenBy(as(user, database), settings);
          if (superuser === null) continue;
          writeFileSync(remembered, JSON.stringify({ user: superuser, database }), { mode: 0o600 });
          return as(superuser, database);
        } catch (error) {
          reasons.push(reasonOf(error));
        }
      }
    }
  }
  throw new AssayError('clone-start-failed', {
    clone: clone.id,
    lines: `no superuser could log in: ${[...new Set(reasons)].join('; ')}`,
    hint: 'one superuser of the source needs the attribute LOGIN',
  });
}

async function superuserSeenBy(connection: Connection, settings: Readonly<Record<string, string>>): Promise<string | null> {
  const client = await connect(connection, () => '', { settings });
  try {
    const { rows } = await client.query<{ rolname: string }>(
      '/* assay backup */ select rolname from pg_catalog.pg_roles where rolsuper and rolcanlogin order by oid = 10 desc, oid limit 1',
    );
    return rows[0]?.rolname ?? null;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Opens a session, uses it, always ends it. */
export async function withClone<T>(
  on: { readonly policy: ClusterPolicy; readonly clone: CloneRef },
  options: CloneSessionOptions,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const connection = await cloneConnection(on.policy, on.clone);
  const superuserOnly = options.user === undefined ? cloneSettings : ordinary();
  const client = await connect({ ...connection, user: options.user ?? connection.user }, () => '', {
    database: options.database ?? connection.database,
    settings: { ...superuserOnly, ...options.settings },
  });
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/** What any role may set. */
function ordinary(): Record<string, string> {
  const { session_preload_libraries, session_replication_role, role, row_security, search_path, ...rest } = cloneSettings;
  return rest;
}

export type CloneDatabase = FoundDatabase & { readonly oid: number };

/** Databases of the clone that accept connections and the policy does not exclude; PostgreSQL's own templates left out. */
export async function cloneDatabases(policy: ClusterPolicy, clone: CloneRef): Promise<readonly CloneDatabase[]> {
  const { rows } = await withClone({ policy, clone }, {}, (client) =>
    client.query<{ name: string; bytes: string; oid: string }>(
      `/* assay backup */ select datname as name, oid::int8 as oid, pg_catalog.pg_database_size(oid) as bytes from pg_catalog.pg_database
        where datallowconn and datconnlimit <> -2 and datname <> all (array['template0', 'template1']) and datname <> all ($1::text[]) order by datname`,
      [policy.excludedDatabases],
    ),
  );
  return rows.map(({ name, bytes, oid }) => ({ name, bytes: Number(bytes), oid: Number(oid) }));
}

/** Sessions of one marker on one database of the source. */
import type pg from 'pg';
import type { Lsn } from '../../../domain/backup/lsn.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { asItself, connect } from '../../pg.ts';
import type { ReadSecret } from '../ports.ts';
import { fingerprintSettings } from './fingerprint.ts';

export interface MarkerSource {
  readonly policy: ClusterPolicy;
  readonly database: string;
  readonly readSecret: ReadSecret;
  readonly signal: AbortSignal;
  /** Where the primary stood when the run began, and on which timeline: set where `policy.connection` leads to a standby. */
  readonly notBefore?: { readonly lsn: Lsn; readonly timeline: number };
}

/** Longest wait for a table lock: an exclusive lock held longer belongs to a migration, which must not be queued behind us. */
export const LOCK_WAIT = '1s';

/** A session that only reads, with the settings fingerprints need. Errors are PostgreSQL's own. */
export async function openReader(source: MarkerSource, settings: Readonly<Record<string, string>> = {}): Promise<pg.Client> {
  const client = await connect(source.policy.connection, source.readSecret, {
    database: source.database,
    settings: { ...fingerprintSettings, ...asItself, lock_timeout: LOCK_WAIT, ...settings },
  });
  // since PostgreSQL 17; a setting the server does not know would refuse the connection, and looking for it in pg_settings computes them all
  await client.query("/* assay backup */ select set_config('transaction_timeout', '0', false) where current_setting('server_version_num')::int >= 170000");
  return client;
}

/** The logical replication connection that makes a temporary slot. */
export function openWalsender(source: MarkerSource, settings: Readonly<Record<string, string>>): Promise<pg.Client> {
  return connect(source.policy.connection, source.readSecret, { database: source.database, replication: 'database', settings: { ...asItself, ...settings } });
}

/** Ends sessions whatever state they are in; never throws. */
export async function endAll(clients: readonly (pg.Client | undefined)[]): Promise<void> {
  await Promise.all(clients.map((client) => client?.end().catch(() => {})));
}

/** The server process behind a session: node-pg keeps it, its types do not say so. */
export function processIdOf(client: pg.Client): number {
  return (client as unknown as { readonly processID: number }).processID;
}

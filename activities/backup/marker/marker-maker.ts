/** Makes markers of the live cluster: per database a snapshot whose LSN is known, then the fingerprints of its tables. */

import { compareLsn, type Lsn } from '../../../domain/backup/lsn.ts';
import type { Marker, NotCovered } from '../../../domain/backup/model.ts';
import { AssayError, isAssayError, reasonOf } from '../../../domain/errors.ts';
import type { Observe } from '../../../domain/observation.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { StepIo } from '../../io.ts';
import { withConnection } from '../../pg.ts';
import { faultOf, scrubbedReason, toAssayError } from '../../pg-errors.ts';
import type { MarkerMaker, ReadSecret } from '../ports.ts';
import { byStandby } from './by-standby.ts';
import { makeMarker } from './marker.ts';
import type { MarkerSource } from './session.ts';

export interface MarkerDependencies {
  readonly readSecret: ReadSecret;
  readonly now: () => Date;
  readonly observe: Observe;
}

interface DatabaseRow {
  readonly name: string;
  readonly connectable: boolean;
  /** DROP DATABASE was interrupted: half of its files may be gone, and the server lets nobody in. */
  readonly invalid: boolean;
  readonly oid: number;
}

/**
 * Databases one after the other, so that at most one snapshot holds back vacuum. template0 and template1 are left out: a session there would
 * keep CREATE DATABASE waiting, and every proof would have to stop for them. A database that no marker could be made of is named with the
 * reason of each way that was tried; marker-busy is thrown only where there is no marker at all. Also throws cluster-unreachable, cancelled.
 * Where the policy names a standby, tables are read there and nowhere else: a standby that cannot serve is a reason, never a load on the primary.
 */
export function createMarkerMaker(deps: MarkerDependencies): MarkerMaker {
  return {
    async make(policy, options, io) {
      const databases = await listDatabases(policy, deps.readSecret);
      const markers: Marker[] = [];
      const notCovered: NotCovered[] = databases.filter((row) => !isCovered(policy, row)).map((row) => excluded(policy, row));
      let firstFailure: unknown;
      const knownDatabases = databases.map(({ oid }) => oid);
      const standby = await standbyOf(policy, deps.readSecret);
      for (const { name, oid } of databases.filter((row) => isCovered(policy, row))) {
        // another one that had this name may have left tables of the same oids and counters: both were made from one template
        const previous = options.previous.find((marker) => marker.database === name && (marker.databaseOid ?? oid) === oid) ?? null;
        try {
          const source = { policy, ...standby, database: name, readSecret: deps.readSecret, signal: io.signal };
          const asked = { equality: options.equality, previous, knownDatabases, ...(standby === null ? {} : { ways: [byStandby] }) };
          markers.push(await beating(io, name, (onProgress) => makeMarker(source, asked, onProgress)));
        } catch (thrown) {
          const error = standby === null ? thrown : asBusy(thrown, name, policy);
          if (io.signal.aborted) throw new AssayError('cancelled', { what: `the marker of ${name}` });
          const failure = whyNot(name, error);
          if (failure === null) throw toAssayError(error, { cluster: policy.cluster, role: policy.connection.user, what: `fingerprint database ${name}` });
          deps.observe({ kind: 'marker-failed', cluster: policy.cluster, database: name, reason: failure.detail });
          notCovered.push(failure);
          firstFailure ??= error;
        }
      }
      if (markers.length === 0 && isAssayError(firstFailure, 'marker-busy')) throw firstFailure;
      return { markers: markers.sort((a, b) => compareLsn(a.lsn, b.lsn)), notCovered };
    },
  };
}

/** Null: the policy names none. After the databases were listed: what the standby has replayed by then holds all of them. */
async function standbyOf(policy: ClusterPolicy, readSecret: ReadSecret): Promise<Pick<MarkerSource, 'policy' | 'notBefore'> | null> {
  const { standby } = policy.proof.fingerprint;
  if (standby === undefined || standby === null) return null;
  try {
    return await withConnection(policy.connection, readSecret, { agent: 'backup' }, async (client) => {
      const { rows } = await client.query<{ lsn: Lsn; timeline: number }>(
        `/* assay backup */ select pg_current_wal_flush_lsn()::text as lsn, ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int as timeline`,
      );
      return { policy: { ...policy, connection: standby }, notBefore: rows[0] as { lsn: Lsn; timeline: number } };
    });
  } catch (error) {
    throw toAssayError(error, { cluster: policy.cluster, role: policy.connection.user, what: 'ask where the primary stands' });
  }
}

/** What a standby cannot do now, a later try may do: its replay ends sessions that are in its way, and it may be down. */
const asBusy = (error: unknown, database: string, policy: ClusterPolicy): unknown =>
  isAssayError(error) || faultOf(error) === 'database-missing'
    ? error
    : new AssayError('marker-busy', { database, timeoutMs: policy.proof.fingerprint.waitMs, ways: `standby: ${scrubbedReason(error)}` });

async function listDatabases(policy: ClusterPolicy, readSecret: ReadSecret): Promise<readonly DatabaseRow[]> {
  try {
    return await withConnection(policy.connection, readSecret, { agent: 'backup' }, async (client) => {
      const { rows } = await client.query<DatabaseRow & { oid: string }>(
        "/* assay backup */ select datname as name, datallowconn and datconnlimit <> -2 as connectable, datconnlimit = -2 as invalid, oid::int8 as oid from pg_database where datname not in ('template0', 'template1') order by datname",
      );
      return rows.map((row) => ({ ...row, oid: Number(row.oid) }));
    });
  } catch (error) {
    throw toAssayError(error, { cluster: policy.cluster, role: policy.connection.user, what: 'list the databases' });
  }
}

const isCovered = (policy: ClusterPolicy, { name, connectable }: DatabaseRow) => connectable && !policy.excludedDatabases.includes(name);

const excluded = (policy: ClusterPolicy, { name, invalid }: DatabaseRow): NotCovered => ({
  database: name,
  object: null,
  reason: 'database-excluded',
  detail: policy.excludedDatabases.includes(name)
    ? 'excluded by the policy'
    : invalid
      ? 'its DROP DATABASE was interrupted: drop it again'
      : 'the database allows no connections',
});

/** null: not this database's trouble alone. */
function whyNot(database: string, error: unknown): NotCovered | null {
  const entry = (reason: NotCovered['reason'], detail: string): NotCovered => ({ database, object: null, reason, detail });
  if (isAssayError(error, 'marker-busy')) return entry('budget', `${reasonOf(error)}: ${error.values.ways ?? ''}`);
  if (isAssayError(error, 'privilege-missing')) return entry('no-privilege', reasonOf(error));
  switch (faultOf(error)) {
    case 'database-missing':
      return entry('dropped-while-reading', scrubbedReason(error));
    case 'privilege-missing':
    case 'login-refused':
      return entry('no-privilege', scrubbedReason(error));
    case 'library-missing':
      return entry('database-excluded', `nobody can log in to it: ${scrubbedReason(error)}`);
    // a limit of the database or the role: a server that is full refused the list of databases already
    case 'too-many-connections':
      return entry('budget', scrubbedReason(error));
    default:
      return null;
  }
}

const BEAT_MS = 1_000;

/** Beats on a timer: a wait for a consistent point and a table of a terabyte both say nothing for long. */
async function beating<T>(io: StepIo, database: string, work: (onProgress: (tables: number) => void) => Promise<T>): Promise<T> {
  let tables = 0;
  const beat = setInterval(() => io.beat({ phase: 'fingerprints', database, tables }), BEAT_MS);
  try {
    return await work((done) => {
      tables = done;
    });
  } finally {
    clearInterval(beat);
  }
}

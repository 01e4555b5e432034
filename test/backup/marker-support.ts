/** What the marker tests share: a policy with quick waits, a step's io, writers, rows of a marker by table. */
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { makeMarker, type Way } from '../../activities/backup/marker/marker.ts';
import { createMarkerMaker } from '../../activities/backup/marker/marker-maker.ts';
import type { StepIo } from '../../activities/io.ts';
import type { Equality, Marker, NotCovered } from '../../domain/backup/model.ts';
import type { ClusterPolicy, FingerprintPolicy } from '../../domain/policy.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';

export const quietIo = (signal: AbortSignal = new AbortController().signal): StepIo => ({ signal, beat: () => {}, previous: undefined });

export interface MakeOptions {
  readonly fingerprint?: Partial<FingerprintPolicy>;
  readonly equality?: Equality;
  readonly previous?: readonly Marker[];
  readonly user?: string;
  readonly excludedDatabases?: readonly string[];
  readonly signal?: AbortSignal;
}

export function policyOf(cluster: EmbeddedCluster, options: MakeOptions = {}): ClusterPolicy {
  return cluster.policy((policy) => ({
    ...policy,
    connection: { ...policy.connection, user: options.user ?? 'postgres' },
    excludedDatabases: options.excludedDatabases ?? [],
    proof: { ...policy.proof, fingerprint: { ...policy.proof.fingerprint, waitMs: 1_000, ...options.fingerprint } },
  }));
}

export function makeMarkers(
  cluster: EmbeddedCluster,
  options: MakeOptions = {},
): Promise<{ readonly markers: readonly Marker[]; readonly notCovered: readonly NotCovered[] }> {
  const maker = createMarkerMaker({ readSecret: () => '', now: () => new Date(), observe: () => {} });
  return maker.make(policyOf(cluster, options), { equality: options.equality ?? 'hash', previous: options.previous ?? [] }, quietIo(options.signal));
}

/** The marker of one database; the others are not even looked at. */
export async function markerOf(cluster: EmbeddedCluster, database: string, options: MakeOptions = {}): Promise<Marker> {
  const names = (await cluster.sql<{ datname: string }>('select datname from pg_database')).map(({ datname }) => datname);
  const { markers, notCovered } = await makeMarkers(cluster, { ...options, excludedDatabases: names.filter((name) => name !== database) });
  const marker = markers.find((each) => each.database === database);
  if (marker === undefined) throw new Error(`no marker of ${database}: ${JSON.stringify(notCovered)}`);
  return marker;
}

/** By these ways only, in their order. */
export function markerBy(cluster: EmbeddedCluster, database: string, ways: readonly Way[], options: MakeOptions = {}): Promise<Marker> {
  const source = { policy: policyOf(cluster, options), database, readSecret: () => '', signal: options.signal ?? new AbortController().signal };
  return makeMarker(source, { equality: options.equality ?? 'hash', previous: null, ways }, () => {});
}

/** `schema.table` → rows, or why it is not covered. */
export function told(marker: Marker): Record<string, string> {
  const read = marker.fingerprints.map((each) => [`${each.schema}.${each.table}`, each.rows] as const);
  return Object.fromEntries([...read, ...marker.notCovered.map((each) => [each.object ?? '', each.reason] as const)]);
}

export async function session(cluster: EmbeddedCluster, database = 'postgres'): Promise<pg.Client> {
  const client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Ends with the test that opened it. */
export async function sessionOfTest(cluster: EmbeddedCluster, database: string): Promise<pg.Client> {
  const client = await session(cluster, database);
  onTestFinished(() => client.end());
  return client;
}

export interface Writers {
  /** Transactions done, and the longest each single one took since the last call, in milliseconds. */
  lap(): { readonly transactions: number; readonly longestMs: number };
  stop(): Promise<void>;
}

/** Sessions that write as fast as they can: `each` is one transaction, told its session's number and a counter. */
export async function startWriters(
  cluster: EmbeddedCluster,
  database: string,
  options: { count: number; each: (writer: number, turn: number) => string },
): Promise<Writers> {
  let running = true;
  let transactions = 0;
  let longestMs = 0;
  const clients = await Promise.all(Array.from({ length: options.count }, () => session(cluster, database)));
  const loops = clients.map(async (client, writer) => {
    for (let turn = 0; running; turn += 1) {
      const began = performance.now();
      await client.query(options.each(writer, turn)).catch((error: { code?: string }) => {
        // a lost connection must end the loop, or it would spin without ever giving way
        if (error.code === undefined || error.code.startsWith('57P')) running = false;
        return running ? client.query('rollback').catch(() => {}) : undefined;
      });
      longestMs = Math.max(longestMs, performance.now() - began);
      transactions += 1;
    }
    await client.end();
  });
  return {
    lap() {
      const lap = { transactions, longestMs };
      transactions = 0;
      longestMs = 0;
      return lap;
    },
    async stop() {
      running = false;
      await Promise.all(loops);
    },
  };
}

/** A server that counts statements, and the way from a statement that ran to its bound form. */
import pg from 'pg';
import { type BindOptions, type BoundWorkload, bindStatements } from '../../activities/optimizer/bind/bind.ts';
import { readSnapshot } from '../../activities/optimizer/workload/read.ts';
import { type Workload, workloadBetween } from '../../domain/optimizer/workload.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';

/** With the extension in the database `postgres`. */
export async function statementsCluster(settings: Readonly<Record<string, string>> = {}): Promise<EmbeddedCluster> {
  const cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off', shared_preload_libraries: 'pg_stat_statements', ...settings } });
  await cluster.sql('create extension pg_stat_statements');
  return cluster;
}

/** One session, ended afterwards. */
export async function session<T>(cluster: EmbeddedCluster, database: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** What ran while `work` did. */
export async function workloadOf(cluster: EmbeddedCluster, work: () => Promise<unknown>): Promise<Workload> {
  const before = await session(cluster, 'postgres', readSnapshot);
  await work();
  return workloadBetween(before, await session(cluster, 'postgres', readSnapshot));
}

/** The workload's statements of one database, bound in it. */
export function boundIn(
  cluster: EmbeddedCluster,
  database: string,
  { workload, ...options }: Partial<BindOptions> & { workload: Workload },
): Promise<BoundWorkload> {
  const statements = workload.statements.filter((statement) => statement.database === database);
  return session(cluster, database, (client) => bindStatements(client, statements, { maxBindings: 4, ...options }));
}

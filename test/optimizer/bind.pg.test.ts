/** Statements of three real applications, as pg_stat_statements keeps them, all get a plan. */
import pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { bindStatements } from '../../activities/optimizer/bind/bind.ts';
import { readSnapshot } from '../../activities/optimizer/workload/read.ts';
import { workloadBetween } from '../../domain/optimizer/workload.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { type Application, assayControl, graphileWorker, pgBoss } from './applications.ts';

let cluster: EmbeddedCluster;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off', shared_preload_libraries: 'pg_stat_statements' } });
  await cluster.sql('create extension pg_stat_statements');
});

/** One of graphile-worker's migrations fills tables that a later one renames. */
const renamedSince = [
  'column "job_queue_id" of relation "jobs" does not exist (42703)',
  'relation "graphile_worker.job_queues" does not exist (42P01)',
  'relation "graphile_worker.tasks" does not exist (42P01)',
];

async function session<T>(database: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

describe('at least 99 % of the SELECT, INSERT, UPDATE and DELETE statements get a plan', () => {
  test.each<[string, Application, number, string[]]>([
    ['pg-boss', pgBoss, 30, []],
    ['graphile-worker', graphileWorker, 15, renamedSince],
    ['assay’s own control database', assayControl, 20, []],
  ])('of %s', async (name, application, least, goneObjects) => {
    const database = `app_${name.replaceAll(/\W/g, '_')}`;
    await cluster.sql(`create database ${database}`);
    const before = await session('postgres', readSnapshot);
    await application(cluster, database);
    await cluster.sql('analyze', { database });
    const after = await session('postgres', readSnapshot);
    const workload = workloadBetween(before, after);
    const ours = workload.statements.filter((statement) => statement.database === database);
    const { bound, notJudged } = await session(database, (client) => bindStatements(client, ours, { maxBindings: 4 }));
    // migrations of an application write to tables that later ones drop: nothing can plan those
    const gone = notJudged.filter(({ reason }) => reason === 'object-gone').map(({ detail }) => detail);
    expect(new Set(gone)).toEqual(new Set(goneObjects));
    const judged = ours.length - gone.length;
    expect(judged).toBeGreaterThan(least);
    expect(
      notJudged.filter(({ reason }) => reason !== 'object-gone').map(({ statement, detail }) => [detail, ours.find(({ id }) => id === statement)?.text]),
    ).toEqual([]);
    expect(bound.length / judged).toBeGreaterThanOrEqual(0.99);
  });
});

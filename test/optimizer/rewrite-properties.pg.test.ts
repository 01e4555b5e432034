/** Whatever the rows: each rule's text gives what the statement gives. More seeds run beside the fault matrix. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { differing, randomSchema, templates } from './rewrite-random.ts';

let cluster: EmbeddedCluster;
let client: pg.Client;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database: 'postgres' });
  await client.connect();
  await client.query(`set plan_cache_mode = force_custom_plan; ${randomSchema}`);
}, 60_000);
afterAll(() => client?.end());

test('both texts give the same of random rows with nulls, duplicates, or none at all', async () => {
  const found = await differing(client, [2]);
  expect(found.differing).toEqual([]);
  // most of them really gave rows to compare
  expect(found.compared).toBeGreaterThan(templates.length / 2);
}, 60_000);

/** Is what was measured still so? Asked of a real source, which changed meanwhile. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { evidenceCheck } from '../../activities/optimizer/apply/evidence.ts';
import { partitionsOf } from '../../activities/optimizer/lab/partitions.ts';
import { tableSizes } from '../../activities/optimizer/table-sizes.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { defaultOptimizerPolicy } from '../../domain/optimizer/policy.ts';
import { type Recommendation, recommendedIndex } from '../../domain/optimizer/recommendation.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { inDatabase } from '../../workers/embedded/shop.ts';
import { testCluster } from '../support/cluster.ts';
import { recommendation as made } from './plan-examples.ts';

let cluster: EmbeddedCluster;
const asked = (use: (client: pg.Client) => Promise<void>) => inDatabase(cluster, 'postgres', use);
const policy = { optimizer: defaultOptimizerPolicy } as ClusterPolicy; // what the check reads of it
const visit = { schema: 'Ha.us"', relation: 'Vis"it; --' };
const parted = { schema: 'public', relation: 'parted' };
const measured = { sizeBytes: 8192, buildMs: 1, leaveOneOut: null };
const now = new Date(made.createdAt);

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  await cluster.sql(`create schema "Ha.us""";
    create table "Ha.us"""."Vis""it; --" (id int, who int, note text);
    insert into "Ha.us"""."Vis""it; --" select n, n, repeat('x', 900) from generate_series(1, 20000) n;
    create table parted (id int, who int) partition by range (id);
    create table part_1 partition of parted for values from (0) to (1000);
    insert into parted select n, n from generate_series(1, 900) n`);
}, 60_000);
afterAll(() => cluster?.destroy());

const recommendation = async (client: pg.Client): Promise<Recommendation> => ({
  ...made,
  indexes: [recommendedIndex(btree(visit, ['who']), measured), recommendedIndex(btree(parted, ['who']), measured, await partitionsOf(client, parted))],
  tables: await tableSizes(client, [visit, parted]),
});

test('nothing changed: fresh; too old is stale, in days', () =>
  asked(async (client) => {
    const fresh = await recommendation(client);
    expect(fresh.tables?.map(({ table, bytes }) => [table.relation, bytes > 0])).toEqual(
      expect.arrayContaining([
        [visit.relation, true],
        [parted.relation, true],
      ]),
    );
    expect(await evidenceCheck(client, { recommendation: fresh, policy, now })).toEqual({ fresh: true, because: [] });
    const late = new Date(now.getTime() + 8 * 86_400_000);
    expect(await evidenceCheck(client, { recommendation: fresh, policy, now: late })).toEqual({
      fresh: false,
      because: ['it was measured 8.0 days ago, 7.0 are allowed'],
    });
  }));

test('a table that became much larger or smaller is another one; a small one may double', () =>
  asked(async (client) => {
    const before = await recommendation(client);
    await client.query(`insert into "Ha.us"""."Vis""it; --" select n, n, repeat('y', 900) from generate_series(1, 20000) n`);
    await client.query('insert into parted select n % 900, n from generate_series(1, 20000) n');
    const grown = await evidenceCheck(client, { recommendation: before, policy, now });
    expect(grown).toEqual({ fresh: false, because: [expect.stringMatching(/^"Ha.us"""."Vis""it; --" has \d+ MiB, \d+ MiB when it was measured$/)] });
    const large = await recommendation(client);
    await client.query('truncate "Ha.us"""."Vis""it; --"');
    expect(await evidenceCheck(client, { recommendation: large, policy, now })).toMatchObject({ fresh: false });
  }));

test('columns and tables that went are named', () =>
  asked(async (client) => {
    const before = await recommendation(client);
    await client.query('alter table "Ha.us"""."Vis""it; --" rename who to whom; drop table parted');
    const { because } = await evidenceCheck(client, { recommendation: before, policy, now });
    expect(because).toEqual(['"Ha.us"""."Vis""it; --" has no column who any more', 'there is no table "public"."parted" any more']);
  }));

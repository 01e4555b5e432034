/** What is proposed for a partitioned table, run for real. */
import { beforeAll, describe, expect, test } from 'vitest';
import { partitionsOf } from '../../activities/optimizer/lab/partitions.ts';
import { buildSet, dropSets } from '../../activities/optimizer/lab/sets.ts';
import { withConnection } from '../../activities/pg.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { recommendedIndex } from '../../domain/optimizer/recommendation.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { quietIo } from '../backup/clone-support.ts';
import { testCluster } from '../support/cluster.ts';

let cluster: EmbeddedCluster;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false });
  await cluster.sql(`
    create schema "of parts";
    create table "of parts"."Event" (id int, at date, who int) partition by range (at);
    create table "of parts"."Event; 2025" partition of "of parts"."Event" for values from ('2025-01-01') to ('2026-01-01');
    create table "Event 2026" partition of "of parts"."Event" for values from ('2026-01-01') to ('2027-01-01');
    insert into "of parts"."Event" select n, '2025-06-01'::date + n % 500, n % 50 from generate_series(1, 5000) n;
    create table deep (id int, at date) partition by range (at);
    create table deep_1 partition of deep for values from ('2025-01-01') to ('2026-01-01') partition by list (id);
    create table deep_1_1 partition of deep_1 for values in (1);
    create table plain (id int)`);
}, 60_000);

const on = <T>(use: Parameters<typeof withConnection<T>>[3]) => withConnection(cluster.policy().connection, () => '', {}, use);
const event = { schema: 'of parts', relation: 'Event' };
const measured = { sizeBytes: 1, buildMs: 1, leaveOneOut: null };

const validity = async () =>
  (
    await cluster.sql<{ valid: boolean }>(
      `select indisvalid as valid from pg_index where indrelid::regclass::text like '%Event%' order by indexrelid::regclass::text`,
    )
  ).map(({ valid }) => valid);

describe('a partitioned table', () => {
  test('gets its index part by part, valid as a whole, and loses it by its undo', async () => {
    const partitions = await on((client) => partitionsOf(client, event));
    const { sql, undo } = recommendedIndex(btree(event, ['who', 'at']), measured, partitions);
    const statements = sql.split('\n');
    expect(statements.filter((each) => each.includes('CONCURRENTLY'))).toHaveLength(2);
    for (const statement of statements) await cluster.sql(statement);
    expect(await validity()).toEqual([true, true, true]);
    await cluster.sql(undo);
    expect(await validity()).toEqual([]);
  });

  test('on the lab it is built and measured as a whole, and dropped', async () => {
    const [built] = await on((client) => buildSet(client, [btree(event, ['who'])], quietIo()));
    const [size] = await cluster.sql<{ bytes: string }>(
      `select sum(pg_relation_size(indexrelid))::text as bytes from pg_index where indrelid::regclass::text like '%Event%'`,
    );
    expect(built?.sizeBytes).toBe(Number(size?.bytes));
    expect(built?.sizeBytes).toBeGreaterThan(16_000);
    await on((client) => dropSets(client));
    expect(await validity()).toEqual([]);
  });

  test('whose parts are divided further is proposed as a whole', async () => {
    const table = { schema: 'public', relation: 'deep' };
    const { sql } = recommendedIndex(btree(table, ['id']), measured, await on((client) => partitionsOf(client, table)));
    expect(sql).not.toContain('CONCURRENTLY');
    await cluster.sql(sql);
  });
});

test('an ordinary table is none', async () => {
  expect(await on((client) => partitionsOf(client, { schema: 'public', relation: 'plain' }))).toBeNull();
});

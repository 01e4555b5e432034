import { beforeAll, expect, test } from 'vitest';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { createShop } from '../../workers/embedded/shop.ts';
import { startTraffic } from '../../workers/embedded/traffic.ts';
import { testCluster } from '../support/cluster.ts';

let cluster: EmbeddedCluster;
beforeAll(async () => {
  cluster = await testCluster({ name: 'shop' });
  const shop = await createShop(cluster, { scale: 0.02 });
  expect(shop.bytes).toBeGreaterThan(15_000_000);
});

const one = async (text: string, database = 'shop') => (await cluster.sql(text, { database }))[0];

test('few customers place most of the orders', async () => {
  const { share } = (await one(
    `select sum(n) filter (where rank <= 0.2) / sum(n) as share from (select count(*) n, percent_rank() over (order by count(*) desc) as rank from orders group by customer_id) c`,
  )) as { share: string };
  expect(Number(share)).toBeGreaterThan(0.5);
});

test('it has what tools trip over', async () => {
  const { hostile, keyless, nulls, nans } = {
    ...(await one(`select count(*)::int as hostile from "Order Items; DROP" where "Größe 📏" = 'größer'`)),
    ...(await one(
      `select count(*)::int as keyless from pg_class c where relkind = 'r' and relname = 'page_views' and not exists (select from pg_index where indrelid = c.oid and indisprimary)`,
    )),
    ...(await one('select count(*)::int as nulls from customers where profile is null')),
    ...(await one(`select count(*)::int as nans from rates where rate = 'NaN'`, 'ledger')),
  } as Record<string, number>;
  expect([hostile, keyless, nulls, nans].every((count) => (count ?? 0) > 0)).toBe(true);
});

test('traffic counts what really was committed', async () => {
  const before = await rows();
  const traffic = await startTraffic(cluster, { writers: 3 });
  await traffic.reached(300);
  const counts = await traffic.stop();
  expect(counts).toMatchObject({ failed: 0, lastError: null });
  expect(counts.transactions).toBe(counts.inserts + counts.updates + counts.deletes);
  const after = await rows();
  // a view and an order are one row each here, a booking one in the other database
  expect(after.made - before.made).toBe(counts.inserts);
  expect(await traffic.stop()).toEqual(counts);
});

test('a rate is kept, and writers come back after a crash of the server', async () => {
  const traffic = await startTraffic(cluster, { writers: 2, perSecond: 40 });
  await traffic.reached(20);
  await cluster.stop('immediate');
  await cluster.start();
  await traffic.reached(traffic.counts().transactions + 40);
  const counts = await traffic.stop();
  expect(counts.failed).toBeGreaterThan(0);
  expect(counts.tps).toBeLessThan(45);
});

/** Sequences tell what was inserted even where it was deleted again. */
async function rows(): Promise<{ made: number }> {
  const orders = await one(`select last_value::int as n from orders_id_seq`);
  const views = await one(`select count(*)::int as n from "web.log".page_views`);
  const entries = await one(`select last_value::int as n from entries_id_seq`, 'ledger');
  return { made: [orders, views, entries].reduce((sum, row) => sum + Number(row?.n), 0) };
}

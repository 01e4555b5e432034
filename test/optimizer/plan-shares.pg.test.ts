/** Selves of real plans: each unit of cost, time and buffers is charged once. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Explained, nodesOf, type PlanNode } from '../../domain/optimizer/plan.ts';
import { sharesOf } from '../../domain/optimizer/plan-shares.ts';
import { testCluster } from '../support/cluster.ts';
import { openSession, planOf } from './explain-support.ts';

let client: pg.Client;

beforeAll(async () => {
  client = await openSession(await testCluster({ stanzaCreate: false, settings: { max_parallel_workers: '4' } }));
  await client.query(`create table orders (id int primary key, customer int, placed date, total numeric, note text);
    insert into orders select n, n % 1000, date '2026-01-01' + n % 300, n % 97, repeat('x', 80) from generate_series(1, 60000) n;
    create table customers (id int primary key, name text);
    insert into customers select n, 'customer ' || n from generate_series(0, 999) n;
    create table lines (order_id int references orders, item int, primary key (order_id, item));
    insert into lines select n, i from generate_series(1, 6000) n, generate_series(1, 3) i;
    create table parts (id int, day int) partition by range (day);
    create table parts_a partition of parts for values from (0) to (50);
    create table parts_b partition of parts for values from (50) to (100);
    insert into parts select n, n % 100 from generate_series(1, 20000) n;
    create function spin(ms int) returns int language plpgsql volatile parallel restricted as
      $$ declare until timestamptz := clock_timestamp() + ms * interval '1 ms'; begin while clock_timestamp() < until loop end loop; return ms; end $$;
    analyze`);
});

afterAll(() => client.end());

const parallel = {
  parallel_setup_cost: '0',
  parallel_tuple_cost: '0',
  min_parallel_table_scan_size: '0',
  min_parallel_index_scan_size: '0',
  max_parallel_workers_per_gather: '2',
};

const statements: readonly (readonly [string, Readonly<Record<string, string>>?])[] = [
  ['select * from orders where total = 5'],
  ['select * from orders order by total limit 5'],
  ['select * from orders limit 5'],
  ['select c.name, sum(o.total) from orders o join customers c on c.id = o.customer group by 1 order by 2 desc limit 3'],
  ['select * from orders o join lines l on l.order_id = o.id where o.customer < 20', { enable_hashjoin: 'off', enable_mergejoin: 'off' }],
  ['select * from orders o join lines l on l.order_id = o.id where o.customer < 20', { enable_hashjoin: 'off', enable_nestloop: 'off' }],
  ['select * from customers a, customers b where a.id < b.id and a.id < 30', { enable_hashjoin: 'off', enable_mergejoin: 'off' }],
  ['select *, (select max(total) from orders o where o.customer = c.id) from customers c where id < 10'],
  ['select * from customers where id in (select customer from orders where total > 90)'],
  ['select * from customers where id not in (select customer from orders where total > 95)'],
  ['select * from orders where total > (select avg(total) from orders)'],
  ['with big as materialized (select * from orders where total > 50) select count(*) from big b1 join big b2 using (id)'],
  ['with recursive t(n) as (select 1 union all select n + 1 from t where n < 5000) select sum(n) from t'],
  ['with gone as (delete from lines where item = 3 returning order_id) select count(*) from gone join orders on id = order_id'],
  ['select * from parts where day = 70 union all select id, customer from orders where id < 100'],
  ['select * from orders where id < 40000 and customer = 7 and false'],
  ['select customer, count(*) over (partition by customer order by id) from orders where id < 5000'],
  ['select * from orders where id = any(array[1, 5, 9]) or customer = 3'],
  ['select c.id from customers c where exists (select from orders o where o.customer = c.id and o.total > 96)'],
  ['select distinct customer from orders', parallel],
  ['select count(*) from orders', parallel],
  ['select * from orders where total > (select avg(total) from orders) order by id', parallel],
  ['select c.name, count(*) from orders o join customers c on c.id = o.customer group by 1', parallel],
  ['select count(*) from orders o join lines l on l.order_id = o.id', { ...parallel, enable_hashjoin: 'off', enable_mergejoin: 'off' }],
  ["update orders set note = 'y' where customer = 5"],
  ['insert into lines select id, 9 from orders where id < 2000 on conflict do nothing'],
  ["merge into customers c using (select 5 as id) s on c.id = s.id when matched then update set name = 'x'"],
];

const sum = (values: readonly (number | null)[]) => values.reduce<number>((total, each) => total + (each ?? 0), 0);

/** EXPLAIN rounds each average to a thousandth of a millisecond; what a loop loses by that, its parent cannot explain. */
const roundingMs = (root: PlanNode) => 0.001 * sum(nodesOf(root).map(({ actual }) => actual?.loops ?? 0)) + 0.02;

describe.each(statements.map(([sql, settings = {}]) => ({ sql, settings })))('$sql', ({ sql, settings }) => {
  let measured: Explained;
  let estimated: Explained;
  beforeAll(async () => {
    measured = await planOf(client, sql, { settings });
    estimated = await planOf(client, sql, { settings, analyze: false });
  });

  test('selves add up to the whole', () => {
    const { root } = measured;
    const shares = sharesOf(root);
    expect(shares).toHaveLength(nodesOf(root).length);
    expect(sum(shares.map(({ timeShare }) => timeShare))).toBeCloseTo(1, 6);
    expect(sum(shares.map(({ ms }) => ms))).toBeCloseTo((root.actual?.totalMs ?? 0) * (root.actual?.loops ?? 0), 6);
    expect(sum(shares.map(({ blocks }) => blocks))).toBeCloseTo((root.blocks?.sharedHit ?? 0) + (root.blocks?.sharedRead ?? 0), 6);
    for (const { root: each } of [measured, estimated]) expect(sum(sharesOf(each).map(({ costShare }) => costShare))).toBeCloseTo(1, 6);
  });

  test('no self is negative, and children exceed their parent by rounding only', () => {
    const shares = sharesOf(measured.root);
    for (const { ms, cost, blocks } of shares) expect(Math.min(ms ?? 0, cost, blocks ?? 0)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...shares.map(({ excessMs }) => excessMs))).toBeLessThanOrEqual(roundingMs(measured.root));
  });

  test('nothing is known of times and buffers without ANALYZE', () => {
    expect(sharesOf(estimated.root).every(({ ms, timeShare, blocks }) => ms === null && timeShare === null && blocks === null)).toBe(true);
  });
});

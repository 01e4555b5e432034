/** Other texts of a statement, on a real server: the conditions of each rule, and the proof that finds a wrong text whatever the rules believe. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { compared, provenTexts, textsOf } from './rewrite-support.ts';

let cluster: EmbeddedCluster;
let client: pg.Client;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database: 'postgres' });
  await client.connect();
  await client.query(`set plan_cache_mode = force_custom_plan;
    create table customer (id int primary key, name text not null, city text, vip boolean);
    create table purchase (id int primary key, customer_id int not null, payer_id int, at timestamp, seen timestamptz, amount numeric not null, price float8);
    insert into customer select n, 'c' || n, 'city ' || n % 7, n % 3 = 0 from generate_series(1, 90) n;
    insert into purchase select n, 1 + n % 70, nullif(n % 50, 0), timestamp '2026-01-01' + n * interval '1 hour', timestamptz '2026-01-01 UTC' + n * interval '1 hour',
      n % 90, n / 7.0 from generate_series(1, 600) n;
    create table "Sel""ect" ("Or der" int not null, "null" text, "é" timestamp);
    insert into "Sel""ect" select n, 'x', timestamp '2026-01-01' + n * interval '1 hour' from generate_series(1, 100) n;
    create table parent (id int not null unique); create table child () inherits (parent);
    create function unsteady(int) returns int language sql volatile as 'select $1';
    analyze`);
}, 60_000);
afterAll(async () => {
  await client?.end();
});

describe('a proof', () => {
  test('takes what gives the same rows, and says how many', async () => {
    const found = await compared(client, {
      before: 'select id from customer where id < $1',
      after: 'select id from customer where not id >= $1',
      types: ['integer'],
      values: [['10'], ['3']],
    });
    expect(found).toEqual({ kind: 'equal', bindings: 2, rows: 11, timeZones: [] });
  });
  test.each([
    ['a row more', 'select id from customer where id <= 5', 'select id from customer where id <= 6', /6 row\(s\) instead of 5/],
    ['another row', 'select id from customer where id = 5', 'select id from customer where id = 6', /other rows/],
    ['a duplicate lost and another made', `values (1), (1), (2)`, `values (1), (2), (2)`, /other rows/],
    ['a null for an empty text', `select ''::text as a`, 'select null::text as a', /other rows/],
    [
      'NOT IN with a null among what is listed',
      'select id from customer where id not in (select payer_id from purchase)',
      'select id from customer c where not exists (select 1 from purchase p where p.payer_id = c.id)',
      /instead of 0/,
    ],
    [
      'a count of nothing that is null',
      'select c.id, (select count(*) from purchase p where p.customer_id = c.id) as n from customer c',
      'select c.id, p.n from customer c left join (select customer_id, count(*) as n from purchase group by 1) p on p.customer_id = c.id',
      /other rows/,
    ],
    ['a column of another type', 'select 1::int as a', 'select 1::bigint as a', /other names or types/],
    ['a column of another name', 'select 1 as a', 'select 1 as b', /other names or types/],
    ['an error', 'select id from customer where id = 1', 'select 1 / (id - id) from customer where id = 1', /other names|gave no rows/],
    ['the same value that shows otherwise', 'select 1.0 as a', 'select 1.00 as a', /other rows/],
    ['text that is no statement', 'select 1 as a', 'select 1 as a; drop table customer', /42601/],
    [
      'another second, in another zone only',
      `select id from purchase where seen::date = '2026-01-20'`,
      `select id from purchase where seen >= '2026-01-20 00:00 UTC' and seen < '2026-01-21 00:00 UTC'`,
      /other rows|instead of/,
    ],
  ])('finds %s', async (_, before, after, why) => {
    const found = await compared(client, { before, after }, { hangsOnTimeZone: true });
    expect(found).toEqual({ kind: 'not-proven', because: expect.stringMatching(why) });
  });
  test('counts the order only where the statement asks for one', async () => {
    const texts = { before: 'select id from customer order by id', after: 'select id from customer order by id desc' };
    expect(await compared(client, texts)).toMatchObject({ kind: 'equal', rows: 90 });
    expect(await compared(client, texts, { isOrdered: true })).toMatchObject({ kind: 'not-proven' });
  });
  test('is none where the statement as it is runs into its limit, or fails; a value of a row is in no reason', async () => {
    const slow = { before: 'select count(*) from generate_series(1, 30000000)', after: 'select 30000000::bigint as count' };
    expect(await compared(client, slow, { timeoutMs: 100 })).toMatchObject({
      because: expect.stringContaining('nothing to compare with: the statement as it is gave no rows, it ran into the time limit'),
    });
    const failing = { before: `select name::int as a from customer`, after: 'select 1 as a' };
    expect(await compared(client, failing)).toEqual({ kind: 'not-proven', because: expect.stringMatching(/PostgreSQL error 22P02$/) });
  });
  test('asks for the same parameters', async () => {
    const texts = {
      before: 'select id from purchase where at::date = $1',
      after: 'select id from purchase where at = $1',
      types: ['date'],
      values: [['2026-01-02']],
    };
    expect(await compared(client, texts)).toMatchObject({ because: 'its parameters would be of other types' });
  });
  test('writes nothing: a function that does is refused', async () => {
    await client.query(`create function writes() returns int language sql as 'delete from customer returning 1'`);
    expect(await compared(client, { before: 'select 1 as a', after: 'select writes() as a' })).toMatchObject({ because: expect.stringContaining('25006') });
    expect((await client.query('select from customer')).rowCount).toBe(90);
  });
});

describe('a query of WITH', () => {
  const filtered = 'with p as materialized (select * from purchase) select count(*) from p where customer_id = $1';
  test('that is computed whole is planned as a part of the statement', async () => {
    expect(await textsOf(client, filtered)).toEqual({ 'cte-inlined': 'with p as (select * from purchase)\nselect count(*)\nfrom p\nwhere customer_id = $1' });
    expect(await provenTexts(client, filtered)).toMatchObject({ 'cte-inlined': { kind: 'equal', bindings: 3 } });
  });
  test('that is read twice likewise', async () => {
    const twice = 'with p as (select * from purchase) select count(*) from p a join p b on a.id = b.id where a.customer_id = 5';
    expect((await textsOf(client, twice))['cte-inlined']).toContain('with p as not materialized (');
  });
  test.each([
    ['is recursive', 'with recursive p as materialized (select 1 as n union all select n + 1 from p where n < 5) select * from p'],
    ['calls what may give something else', 'with p as materialized (select unsteady(id) as u from purchase) select * from p where u = 5'],
    ['takes a random number', 'with p as materialized (select random() as u from purchase) select count(*) from p where u < 2'],
    ['takes any ten rows, twice', 'with p as (select * from purchase limit 10) select count(*) from p a join p b on a.id = b.id'],
    ['locks', 'with p as materialized (select * from purchase for update) select count(*) from p'],
    ['is planned so already', 'with p as (select * from purchase) select count(*) from p'],
  ])('that %s stays', async (_, text) => expect(await textsOf(client, text)).toEqual({}));
});

describe('NOT IN', () => {
  const listed = (column: string, more = '') => `select id from customer where id not in (select ${column} from purchase ${more})`;
  test('becomes NOT EXISTS where nothing can be null', async () => {
    const text = listed('customer_id', 'where amount > $1');
    expect(await textsOf(client, text)).toEqual({
      'not-in-to-not-exists':
        'select id\nfrom customer\nwhere not exists (select 1 from (select customer_id from purchase where amount > $1) as listed (item) where customer.id = listed.item)',
    });
    expect(await provenTexts(client, text)).toMatchObject({ 'not-in-to-not-exists': { kind: 'equal' } });
  });
  test('of a name that the listed query has too is not caught by it', async () => {
    const text = 'select id from customer where id not in (select id from purchase where customer_id = 5)';
    expect(await provenTexts(client, text)).toMatchObject({ 'not-in-to-not-exists': { kind: 'equal' } });
  });
  test('with hostile names', async () => {
    const text = `select "null" from "Sel""ect" as "where" where "where"."Or der" not in (select "Or der" from "Sel""ect" where "é" < $1) order by 1`;
    expect(await provenTexts(client, text)).toMatchObject({ 'not-in-to-not-exists': { kind: 'equal' } });
  });
  test.each([
    ['a null may be listed', listed('payer_id')],
    ['what is sought may be null', 'select id from purchase where payer_id not in (select id from customer)'],
    [
      'an outer join may fill it with nulls',
      'select p.id from purchase p left join customer c on c.id = p.payer_id where c.id not in (select customer_id from purchase)',
    ],
    [
      'an outer join may fill what is listed',
      'select id from customer where id not in (select c.id from purchase p left join customer c on c.id = p.payer_id)',
    ],
    ['its table may have children that promise nothing', 'select id from customer where id not in (select id from parent)'],
    ['it is computed', listed('customer_id + 1')],
    ['it is of another type', 'select id from customer where id not in (select amount from purchase)'],
    ['it is grouped so that nulls are made', 'select id from customer where id not in (select customer_id from purchase group by rollup (customer_id))'],
  ])('stays where %s', async (_, text) => expect(await textsOf(client, text)).toEqual({}));
});

describe('a sub-query that computes a figure for each row', () => {
  const biggest = 'select p.id from purchase p where p.amount = (select max(q.amount) from purchase q where q.customer_id = p.customer_id)';
  test('becomes one grouped query that is joined', async () => {
    expect(await textsOf(client, biggest)).toEqual({
      'aggregate-joined':
        'select p.id\nfrom purchase as p left join (select q.customer_id as key_1, max(q.amount) as value_1 from purchase as q group by q.customer_id) as grouped on grouped.key_1 = p.customer_id\nwhere p.amount = grouped.value_1',
    });
  });
  test.each([
    ['in a condition', biggest],
    [
      'of a count, which is 0 where there is nothing',
      'select c.id, (select count(*) from purchase p where p.customer_id = c.id) from customer c order by c.id',
    ],
    ['in what comes out, under its own name', 'select c.*, (select sum(amount) from purchase where customer_id = c.id) from customer c order by 1'],
    [
      'computed further',
      'select id from customer c where (select coalesce(sum(p.amount), 0) * 2 + count(p.payer_id) from purchase p where p.customer_id = c.id) < $1',
    ],
    [
      'with conditions of its own',
      'select * from customer c where (select avg(p.amount) from purchase p where p.customer_id = c.id and p.amount > $1) > 40 order by c.id',
    ],
    [
      'that meets by a column that may be null',
      'select a.id from purchase a where a.amount >= (select max(b.amount) from purchase b where b.payer_id = a.payer_id)',
    ],
    ['over nothing at all', 'select c.id, (select max(amount) from purchase where customer_id = c.id and amount < 0) as most from customer c'],
    [
      'by two columns',
      'select a.id from purchase a where a.price > (select avg(b.amount) from purchase b where b.customer_id = a.customer_id and a.payer_id = b.payer_id)',
    ],
    [
      'of two tables',
      'select c.id, (select min(p.amount) from purchase p join customer d on d.id = p.payer_id where p.customer_id = c.id) from customer c, purchase x where x.id = c.id',
    ],
    [
      'beside an outer join that fills with nulls',
      'select p.id, (select count(*) from purchase q where q.customer_id = c.id) as n from purchase p left join customer c on c.id = p.payer_id',
    ],
    ['under OR', 'select id from customer c where city = $1 or (select count(*) from purchase p where p.customer_id = c.id) = 0'],
    [
      'inside another one',
      'select id from customer where id in (select customer_id from purchase p where amount > (select avg(amount) from purchase q where q.payer_id = p.payer_id))',
    ],
    [
      'with hostile names',
      `select "where"."null", (select count(*) from "Sel""ect" o where o."Or der" = "where"."Or der" and o."é" > $1) as "or""der" from "Sel""ect" as "where"`,
    ],
  ])('%s gives the same', async (_, text) => expect(await provenTexts(client, text)).toMatchObject({ 'aggregate-joined': { kind: 'equal' } }), 20_000);
  test.each([
    ['meets by columns of other types', 'select id from customer c where (select count(*) from purchase p where p.amount = c.id) > 3'],
    ['meets by more than equality', 'select id from customer c where (select count(*) from purchase p where p.customer_id < c.id) > 3'],
    [
      'is asked of two tables at once',
      'select c.id from customer c, purchase x where (select max(amount) from purchase p where p.customer_id = c.id and p.payer_id = x.payer_id) > x.amount',
    ],
    [
      'may fail for rows that nobody asks for',
      'select id from customer c where (select sum(1 / (p.amount - 5)) from purchase p where p.customer_id = c.id) > 3',
    ],
    ['hangs on nothing', 'select id from customer c where id > (select avg(amount) from purchase)'],
    ['is limited', 'select id from customer c where (select max(amount) from purchase p where p.customer_id = c.id limit 0) > 3'],
    ['has groups', 'select id from customer c where (select max(amount) from purchase p where p.customer_id = c.id group by p.customer_id) > 3'],
    ['gives what no aggregate made', 'select id from customer c where (select amount from purchase p where p.customer_id = c.id and p.id = 3) > 3'],
    ['stands beside groups', 'select c.city, (select max(p.amount) from purchase p where p.customer_id = min(c.id)) from customer c group by c.city'],
  ])('that %s stays', async (_, text) => expect(Object.keys(await textsOf(client, text))).not.toContain('aggregate-joined'));
});

/**
 * Statements that look as if a rule were for them, and are not: for each, the text that the rule would have made and that gives something else, on data made for
 * it. Each pair shows that the danger is real; that nothing is made of it shows that the condition holds.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { brokenGrounds } from '../../activities/optimizer/rewrite/grounds.ts';
import type { RewriteRule } from '../../domain/optimizer/rewrite.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { compared, foundFor, madeOf } from './rewrite-support.ts';

let cluster: EmbeddedCluster;
let client: pg.Client;

const sql = `
  create table shop (id int primary key, name text not null, tags text[], doc jsonb);
  create table sale (id int primary key, shop_id int not null, ref int, amount numeric not null, price float8, note text, n int);
  insert into shop select n, 's' || n % 3, array['a', 'a', 'b'], '{}' from generate_series(1, 20) n;
  insert into sale select n, 1 + n % 15, case when n % 4 = 0 then null else n % 20 end, case n % 2 when 0 then 1.0 else 1.00 end, n / 3.0,
    case when n % 5 = 0 then 'x' else n::text end, case when n % 15 = 14 then 2000000000 else n end from generate_series(1, 300) n;
  create table part (name text); insert into part values ('17'), ('x');
  create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  create table folded (name text collate ci not null, k int not null); create unique index on folded (name collate "C");
  insert into folded values ('a', 1), ('A', 2), ('b', 3);
  create schema tenant; create table tenant.shop (id int, name text); insert into tenant.shop values (1, 'x'), (null, 'y');
  create role app_of_tenant; grant usage on schema tenant to app_of_tenant; grant select on all tables in schema tenant, public to app_of_tenant;
  create function of_shop(shop) returns int language plpgsql volatile as 'begin return 1; end';
  create schema strange; create function strange.eq(int, int) returns bool language sql immutable as 'select true';
  create view shops as select * from shop;
  analyze`;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database: 'postgres' });
  await client.connect();
  await client.query(`set plan_cache_mode = force_custom_plan; ${sql}`);
}, 60_000);
afterAll(() => client?.end());

type Attack = readonly [what: string, rule: RewriteRule, before: string, naive: string];

/** The one that has a right text. */
const MENDED = 'an order by a name that another column has';

const attacks: readonly Attack[] = [
  [
    'a null that GROUPING SETS make of a NOT NULL column',
    'not-in-to-not-exists',
    'select id from shop group by rollup (id) having id not in (select shop_id from sale)',
    'select id from shop group by rollup (id) having not exists (select 1 from sale where shop_id = shop.id)',
  ],
  [
    'a row of which one column is null, and which is counted all the same',
    'count-to-exists',
    'select id from shop s where (select count(x) from sale x where x.shop_id = s.id and x.ref is null) > 0',
    'select id from shop s where exists (select 1 from sale x where x.shop_id = s.id and x.ref is null and x is not null)',
  ],
  [
    'a count that is the outer query’s',
    'count-to-exists',
    `select name from shop s group by name having (select count(s.id) from part where part.name = 'none') = 0`,
    `select name from shop s group by name having not exists (select 1 from part where part.name = 'none')`,
  ],
  [
    'what gives several rows for one, beside a key',
    'distinct-to-exists',
    'select distinct s.id, unnest(s.tags) as tag from shop s join sale x on x.shop_id = s.id',
    'select s.id, unnest(s.tags) as tag from shop s where exists (select 1 from sale x where x.shop_id = s.id)',
  ],
  [
    'a window over the joined rows',
    'distinct-to-exists',
    'select distinct s.id, count(*) over () as n from shop s join sale x on x.shop_id = s.id',
    'select s.id, count(*) over () as n from shop s where exists (select 1 from sale x where x.shop_id = s.id)',
  ],
  [
    'an aggregate over the joined rows',
    'distinct-to-exists',
    'select distinct count(s.id) as n from shop s join sale x on x.shop_id = s.id',
    'select distinct count(s.id) as n from shop s where exists (select 1 from sale x where x.shop_id = s.id)',
  ],
  [
    'a key that tells apart what DISTINCT does not',
    'distinct-to-exists',
    'select distinct f.name from folded f join sale x on x.id > f.k',
    'select f.name from folded f where exists (select 1 from sale x where x.id > f.k)',
  ],
  [
    MENDED,
    'or-to-union',
    'select id as z, -id as id from shop where id < 5 or id > 9 order by id',
    'select id as z, -id as id from shop where id < 5 union all select id, -id from shop where id > 9 and (id < 5) is not true order by 1',
  ],
  [
    'a cast that the left side kept from what it fails for',
    'or-to-union',
    `select id from sale where lower(upper(lower(upper(note)))) = 'x' or note::int > 290`,
    `select id from sale where note = 'x' union all select id from sale where note::int > 290 and (lower(upper(lower(upper(note)))) = 'x') is not true`,
  ],
  [
    'a cast that the sub-query asks of other rows',
    'aggregate-joined',
    `select id from shop s where id in (3, 8) and (select max(x.amount) from sale x where x.shop_id = s.id and x.note::int > 0) = 1`,
    `select id from shop s left join (select shop_id, max(x.amount) as m from sale x where x.note::int > 0 group by 1) g on g.shop_id = s.id where id in (3, 8) and m = 1`,
  ],
  [
    'integers that overflow in groups that nobody asks for',
    'aggregate-joined',
    'select s.id, (select sum(x.n * x.n) from sale x where x.shop_id = s.id) as v from shop s where s.id in (16, 20)',
    'select s.id, v from shop s left join (select shop_id, sum(x.n * x.n) as v from sale x group by 1) g on g.shop_id = s.id where s.id in (16, 20)',
  ],
  [
    'a condition that a WITH kept from rows that it fails for',
    'cte-inlined',
    `with num as materialized (select name from part where lower(upper(lower(upper(name)))) <> 'x') select name from num where name::int > 3`,
    `with num as not materialized (select name from part where lower(upper(lower(upper(name)))) <> 'x') select name from num where name::int > 3`,
  ],
];

describe.each(attacks)('%s', (what, rule, before, naive) => {
  test('makes another answer of the text that the rule would give', async () => {
    const found = await compared(client, { before, after: naive }, { isOrdered: before.includes('order by') });
    expect(found).toMatchObject({ kind: 'not-proven', because: expect.stringMatching(/other rows|instead of|the other text gave no rows/) });
  });
  test(`is nothing for ${rule}, or gets a right text`, async () => {
    const made = await madeOf(client, before);
    const after = typeof made === 'string' ? undefined : made.get(rule);
    if (after !== undefined) expect([what, await compared(client, { before, after }, { isOrdered: true })]).toMatchObject([MENDED, { kind: 'equal' }]);
  });
});

/** Where the same text may answer differently tomorrow, nothing can be compared. */
describe('a statement is left alone', () => {
  const or = 'ref = 3 or shop_id = 5';
  test.each([
    ['LIMIT in a query that would be computed twice', `select q.id from (select * from sale limit 5) q where q.ref = 3 or q.shop_id = 5`, 'LIMIT'],
    ['LIMIT by an order that leaves rows equal', `select id from sale where ${or} order by amount limit 3`, 'LIMIT'],
    ['LIMIT by a column that may be null', `select id from sale where ${or} order by ref limit 3`, 'LIMIT'],
    ['LIMIT by the key of one of two tables', `select x.id from sale x, shop s where ${or} order by s.id limit 3`, 'LIMIT'],
    [
      'LIMIT by a key that an outer join fills with nulls',
      `select s.id from sale x left join shop s on s.id = x.ref where ${or} order by s.id limit 3`,
      'LIMIT',
    ],
    ['DISTINCT ON', `select distinct on (shop_id) id from sale where ${or} order by shop_id`, 'DISTINCT ON'],
    ['numbers of rows that are equal', `select id, row_number() over (order by amount) from sale where id not in (select id from shop)`, 'row_number'],
    ['a list in any order', `select array_agg(id) from sale where id not in (select id from shop)`, 'array_agg'],
    ['a sum of floating point numbers', `select sum(price) from sale where id not in (select id from shop)`, 'floating point'],
    ['such a sum under another name', `with p as (select price as p from sale) select sum(p) from p`, 'floating point'],
    ['a volatile function that looks like a column', `with p as materialized (select shop.of_shop as v from shop) select * from p where v = 1`, 'of_shop'],
    ['a view', 'with p as materialized (select * from shops) select * from p where id = 1', 'no plain table'],
  ])('for %s', async (_, text, because) => expect(await madeOf(client, text)).toContain(because));
  test.each([
    ['the key', `select id from sale where ${or} order by amount, id limit 3`],
    ['a key under another name', `select id as k, amount from sale where ${or} order by k limit 3`],
    ['a key and what follows of it', `select x.id from sale x join shop s on s.id = x.shop_id where ${or} order by x.id limit 3`],
    ['a key, beside an outer join that brings one row', `select x.id from sale x left join shop s on s.id = x.ref where ${or} order by x.id limit 3`],
    ['a constant alone', `select 1 as one from sale where ${or} limit 1`],
  ])('but not for LIMIT by %s', async (_, text) => expect(typeof (await madeOf(client, text))).not.toBe('string'));
  test('for somebody’s own comparison of PostgreSQL’s types', async () => {
    await client.query('create operator strange.= (leftarg = int, rightarg = int, function = strange.eq)');
    expect(await madeOf(client, 'select id from sale where id not in (select id from shop)')).toContain('is not PostgreSQL');
    await client.query('drop operator strange.= (int, int)');
  });
});

describe('a view', () => {
  const find = async (text: string) => (await foundFor(client, text)).found;
  test('is written out, and the text rests on it being as it is', async () => {
    await client.query(
      `create view sold as select x.shop_id as shop, x.n from sale x where x.ref is not null; create view more as select shop as s from sold where n > 3`,
    );
    const found = await find('select id from shop where id not in (select s from more)');
    if (found === null || 'because' in found) throw new Error(JSON.stringify(found));
    const [candidate] = found.candidates;
    expect(candidate?.text).toContain('from public.sale as x');
    const views = candidate?.grounds.filter(({ kind }) => kind === 'view') ?? [];
    expect(views.map(({ table }) => table.relation)).toEqual(['more', 'sold']);
    expect(await compared(client, { before: found.text, after: candidate?.text ?? '' })).toMatchObject({ kind: 'equal' });
    expect(await brokenGrounds(client, { grounds: views })).toEqual([]);
    await client.query('create or replace view sold as select x.shop_id as shop, x.n from sale x');
    expect(await brokenGrounds(client, { grounds: views })).toEqual([expect.stringContaining('the view public.sold is as it was')]);
    expect((await client.query('show search_path')).rows).toEqual([{ search_path: '"$user", public' }]);
  });
  test.each([
    ['keeps rows apart', `create view apart with (security_barrier) as select * from sale`, 'apart', 'keeps rows apart'],
    [
      'has tables with row level security',
      `create table own (shop_id int not null); alter table own enable row level security; create view owned as select * from own`,
      'owned',
      'row level security',
    ],
    ['takes any rows', `create view anyone as select shop_id from sale limit 3`, 'anyone', 'LIMIT'],
    ['computes something else each time', `create view lucky as select shop_id, random() as r from sale`, 'lucky', 'random'],
  ])('that %s leaves its statement alone, and that is said', async (_, made, view, because) => {
    await client.query(made);
    const text = `select id from shop where id not in (select shop_id from sale where shop_id in (select shop_id from ${view}))`;
    expect(await find(text)).toEqual({ because: expect.stringContaining(because) });
  });
});

test('names mean the tables of whoever sends the statement', async () => {
  const text = 'select id from sale where id not in (select id from shop)';
  const made = await madeOf(client, text);
  expect(typeof made === 'string' ? [] : [...made.keys()]).toEqual(['not-in-to-not-exists']);
  // there the id may be null
  const theirs = await madeOf(client, text, { as: { role: 'app_of_tenant', settings: { search_path: 'tenant, public' } } });
  expect(typeof theirs === 'string' ? theirs : [...theirs.keys()]).toEqual([]);
});

/**
 * Statements that look as if a rule were for them, and are not: for each, the text that the rule would have made and that gives something else, on data made for
 * it. Each pair shows that the danger is real; that nothing is made of it shows that the condition holds.
 */
import { describe, expect, test } from 'vitest';
import { brokenGrounds } from '../../activities/optimizer/rewrite/grounds.ts';
import type { RewriteRule } from '../../domain/optimizer/rewrite.ts';
import { compared, foundFor, madeOf, useRewriteClient } from './rewrite-support.ts';

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
  create extension citext; create table person (id int primary key, name citext not null, nick text collate ci not null); insert into person values (1, 'Bob', 'Bo'), (2, 'bob', 'bo');
  create table visit (id int primary key, k int not null, flag bool not null, note text not null, pat text not null, at timestamp not null);
  insert into visit select n, n % 20 + 1, false, case when n % 5 = 0 then 'x' else n::text end, case when n % 20 = 7 then '[' else '1' end, timestamp '2026-01-01' + n * interval '1 day'
    from generate_series(1, 8000) n;
  analyze`;

const server = useRewriteClient(sql);

type Attack = readonly [what: string, rule: RewriteRule, before: string, naive: string];

/** Those that have a right text. */
const MENDED = [
  'an order by a name that another column has',
  'a cast in a counting query that asks it of the rows of some only',
  'a shift so far that taking it back leaves all moments behind',
];

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
    'an order by a name that another column has',
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
  [
    'a condition behind an OR that the OR kept from what it fails for',
    'or-to-union',
    'select id from visit where (flag or k = 3) and note ~ pat',
    'select id from visit where flag and note ~ pat union all select id from visit where k = 3 and note ~ pat and flag is not true',
  ],
  [
    'what a query of FROM computes, and the left side of an OR keeps from what it fails for',
    'or-to-union',
    `select id from (select id, note, note::int as m from visit) q where lower(upper(lower(upper(note)))) = 'x' or m > 17`,
    `select id from (select id, note, note::int as m from visit) q where note = 'x'
      union all select id from (select id, note, note::int as m from visit) q where m > 17 and (lower(upper(lower(upper(note)))) = 'x') is not true`,
  ],
  [
    'a cast in a counting query that asks it of the rows of some only',
    'count-to-exists',
    'select id from shop s where id in (3, 8) and (select count(*) from sale x where x.shop_id = s.id and x.note::int > 0) > 0',
    'select id from shop s where id in (3, 8) and exists (select 1 from sale x where x.shop_id = s.id and x.note::int > 0)',
  ],
  [
    'a format that its cast cuts off',
    'bare-date-range',
    `select id from visit where to_char(at, 'YYYY-MM'::varchar(4)) = '2026'`,
    `select id from visit where at >= case when '2026' ~ '^[0-9]{4}-[0-9]{2}$' then '2026-01-01'::timestamp end and to_char(at, 'YYYY-MM'::varchar(4)) = '2026'`,
  ],
  [
    'a shift so far that taking it back leaves all moments behind',
    'bare-date-range',
    `select id from visit where at + interval '9999 years' > localtimestamp`,
    `select id from visit where at >= localtimestamp - interval '9999 years' - interval '10 days' and at + interval '9999 years' > localtimestamp`,
  ],
];

describe.each(attacks)('%s', (what, rule, before, naive) => {
  test('makes another answer of the text that the rule would give', async () => {
    const found = await compared(server.client, { before, after: naive }, { isOrdered: before.includes('order by') });
    expect(found).toMatchObject({
      kind: 'not-proven',
      because: expect.stringMatching(/other rows|instead of|the other text (gave no rows|cannot be planned)/),
    });
  });
  test(`is nothing for ${rule}, or gets a right text`, async () => {
    const made = await madeOf(server.client, before);
    const after = typeof made === 'string' ? undefined : made.get(rule);
    if (after !== undefined)
      expect([what, await compared(server.client, { before, after }, { isOrdered: true })]).toMatchObject([expect.toBeOneOf(MENDED), { kind: 'equal' }]);
  });
});

describe('what values only show', () => {
  const told = async (text: string, types: readonly string[], rule: RewriteRule = 'count-to-exists') => {
    const made = await madeOf(server.client, text, { types });
    return typeof made === 'string' ? made : made.get(rule);
  };
  const counted = (compare: string) => `select s.id from shop s where $1::numeric > 0 and (select count(*) from sale x where x.shop_id = s.id) ${compare}`;
  test('a count is compared with a number that is not whole, where something else says so of the parameter', async () => {
    const [before, types] = [counted('> $1'), ['numeric']];
    const naive = 'from (select 1 from sale x where x.shop_id = s.id limit $1::int8 + 1) q';
    const after = counted('> $1::int8').replace('from sale x where x.shop_id = s.id', naive);
    expect(await compared(server.client, { before, after, types, values: [['19.5'], ['3']] })).toMatchObject({
      because: expect.stringContaining('instead of'),
    });
    expect(await told(before, types)).toBeUndefined();
  });
  test('a count is at most the largest number that there is', async () => {
    const before = 'select s.id from shop s where (select count(*) from sale x where x.shop_id = s.id) <= $1';
    const after = (await told(before, ['bigint'])) ?? '';
    const asked = { before, types: ['bigint'], values: [['9223372036854775807'], ['0'], ['-1'], ['19'], ['20']] };
    expect(await compared(server.client, { ...asked, after })).toMatchObject({ kind: 'equal', rows: 50 });
    expect(await compared(server.client, { ...asked, after: after.replace('least(', 'greatest(') })).toMatchObject({ kind: 'not-proven' });
  });
  test('NOT IN stops at the row that it looks for, before one that its query fails for', async () => {
    // too many rows for a hash table: each is looked for from the beginning
    await server.client.query(`set work_mem = '64kB'; set hash_mem_multiplier = 1; set enable_nestloop = off; create table listed (k int not null, note text not null);
      insert into listed select n % 20 + 1, case n when 20000 then 'x' else '1' end from generate_series(1, 20000) n; analyze listed`);
    const [before, naive] = ['s.id not in (select k from listed where note::int > 0)', 'not exists (select 1 from listed where k = s.id and note::int > 0)'];
    const ask = (condition: string | undefined) => server.client.query(`select id from shop s where ${condition}`);
    expect((await ask(before)).rowCount).toBe(0);
    await expect(ask(naive)).rejects.toThrow('invalid input syntax');
    expect(await told(`select id from shop s where ${before}`, [], 'not-in-to-not-exists')).toBeUndefined();
    await server.client.query('reset work_mem; reset hash_mem_multiplier; reset enable_nestloop');
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
    ['elements in any order', `select array(select id from sale where id not in (select id from shop)) as all`, 'ARRAY'],
    ['elements by an order that leaves some equal', `select array(select id from sale where id not in (select id from shop) order by amount)`, 'ARRAY'],
    [
      'a group of which the key is written in two ways',
      'select name, count(*) from person where id not in (select id from sale) group by name',
      'written alike',
    ],
    ['such a group by its place', 'select nick, count(*) from person where id not in (select id from sale) group by 1', 'written alike'],
    ['DISTINCT of such', 'select distinct nick from person where id not in (select id from sale)', 'written alike'],
    ['the least of such', 'select min(name) from person where id not in (select id from sale)', 'written alike'],
    ['a sum of floating point numbers', `select sum(price) from sale where id not in (select id from shop)`, 'floating point'],
    ['such a sum under another name', `with p as (select price as p from sale) select sum(p) from p`, 'floating point'],
    ['a volatile function that looks like a column', `with p as materialized (select shop.of_shop as v from shop) select * from p where v = 1`, 'of_shop'],
    ['a view', 'with p as materialized (select * from shops) select * from p where id = 1', 'no plain table'],
  ])('for %s', async (_, text, because) => expect(await madeOf(server.client, text)).toContain(because));
  test.each([
    ['the key', `select id from sale where ${or} order by amount, id limit 3`],
    ['a key under another name', `select id as k, amount from sale where ${or} order by k limit 3`],
    ['a key and what follows of it', `select x.id from sale x join shop s on s.id = x.shop_id where ${or} order by x.id limit 3`],
    ['a key, beside an outer join that brings one row', `select x.id from sale x left join shop s on s.id = x.ref where ${or} order by x.id limit 3`],
    ['a constant alone', `select 1 as one from sale where ${or} limit 1`],
    [
      'elements in their own order',
      `select id, array(select s.name from shop s where s.id = x.shop_id order by s.name) from sale x where ${or} order by id limit 3`,
    ],
  ])('but not for LIMIT by %s', async (_, text) => expect(typeof (await madeOf(server.client, text))).not.toBe('string'));
  test('for values that are equal: which of them comes out hangs on the order of the rows', async () => {
    const least = (order: string) => `select min(name) as name from (select name from person order by id ${order}) as p`;
    expect(await compared(server.client, { before: least(''), after: least('desc') })).toMatchObject({
      kind: 'not-proven',
      because: expect.stringContaining('other rows'),
    });
  });
  test('for somebody’s own comparison of PostgreSQL’s types', async () => {
    await server.client.query('create operator strange.= (leftarg = int, rightarg = int, function = strange.eq)');
    expect(await madeOf(server.client, 'select id from sale where id not in (select id from shop)')).toContain('is not PostgreSQL');
    await server.client.query('drop operator strange.= (int, int)');
  });
});

describe('a view', () => {
  const find = async (text: string) => (await foundFor(server.client, text)).found;
  test('is written out, and the text rests on it being as it is', async () => {
    await server.client.query(
      `create view sold as select x.shop_id as shop, x.n from sale x where x.ref is not null; create view more as select shop as s from sold where n > 3`,
    );
    const found = await find('select id from shop where id not in (select s from more)');
    if (found === null || 'because' in found) throw new Error(JSON.stringify(found));
    const [candidate] = found.candidates;
    expect(candidate?.text).toContain('from public.sale as x');
    const views = candidate?.grounds.filter(({ kind }) => kind === 'view') ?? [];
    expect(views.map(({ table }) => table.relation)).toEqual(['more', 'sold']);
    expect(await compared(server.client, { before: found.text, after: candidate?.text ?? '' })).toMatchObject({ kind: 'equal' });
    expect(await brokenGrounds(server.client, { grounds: views })).toEqual([]);
    await server.client.query('create or replace view sold as select x.shop_id as shop, x.n from sale x');
    expect(await brokenGrounds(server.client, { grounds: views })).toEqual([expect.stringContaining('the view public.sold is as it was')]);
    expect((await server.client.query('show search_path')).rows).toEqual([{ search_path: '"$user", public' }]);
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
    await server.client.query(made);
    const text = `select id from shop where id not in (select shop_id from sale where shop_id in (select shop_id from ${view}))`;
    expect(await find(text)).toEqual({ because: expect.stringContaining(because) });
  });
});

test('names mean the tables of whoever sends the statement', async () => {
  const text = 'select id from sale where id not in (select id from shop)';
  const made = await madeOf(server.client, text);
  expect(typeof made === 'string' ? [] : [...made.keys()]).toEqual(['not-in-to-not-exists']);
  // there the id may be null
  const theirs = await madeOf(server.client, text, { as: { role: 'app_of_tenant', settings: { search_path: 'tenant, public' } } });
  expect(typeof theirs === 'string' ? theirs : [...theirs.keys()]).toEqual([]);
});

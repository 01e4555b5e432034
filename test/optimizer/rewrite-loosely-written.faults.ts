/** Values that are equal and written in several ways, of which a statement gives one: whichever comes first, so that no other text of it can be proven equal. */
import { describe, expect, test } from 'vitest';
import { brokenGrounds } from '../../activities/optimizer/rewrite/grounds.ts';
import { compared, foundFor, madeOf, useRewriteClient } from './rewrite-support.ts';

const server = useRewriteClient(`
  create table a (id int primary key);
  create table b (id int primary key, k int, v int not null, note text, amt numeric, paid numeric(10, 2), kind text, doc jsonb, price float8, len interval);
  insert into a select n from generate_series(1, 30) n;
  insert into b select n, n % 60, n, n::text, case n % 2 when 0 then 1.0 else 1.00 end, n, 'k' || n % 4, '{"a": 1}', n, '1 day' from generate_series(1, 300) n;
  create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  create domain share as numeric; create table person (id int primary key, name text collate ci not null, part share, marks numeric[]);
  analyze`);

/** The rest of each statement is one that a rule has a text for. */
describe('of values that are equal, and not written alike, a statement takes any: left alone is', () => {
  const rest = 'from b where id not in (select id from a)';
  test.each(['select min(amt)', 'select distinct amt', 'select amt, count(*)'])('since other rows come first another time: %s', async (taken) => {
    const text = (order: string) => `${taken} from (select amt from b order by id ${order} offset 0) q${taken.includes('count') ? ' group by amt' : ''}`;
    expect(await compared(server.client, { before: text(''), after: text('desc') })).toMatchObject({ because: expect.stringContaining('other rows') });
  });
  test.each([
    ['a numeric without a scale in GROUP BY', `select amt, count(*) ${rest} group by amt`],
    ['such a one by the name under which it comes out', `select amt * 2 as x, count(*) ${rest} group by x`],
    ['such a one in DISTINCT', `select distinct amt ${rest}`],
    ['such a one in ROLLUP', `select amt, (id in (select id from a)) as f, count(*) from b where id not in (select id from a) group by rollup (amt), 2`],
    ['such a one from a query of FROM', `select distinct q.n from (select amt as n ${rest}) q`],
    ['such a one from a query of WITH', `with q as (select * ${rest}) select q.amt, count(*) from q group by q.amt`],
    ['such a one from renamed columns', `select distinct r from (select * ${rest}) q(a, b, c, d, r)`],
    ['the least of such', `select min(amt) ${rest}`],
    ['a sum of different ones', `select sum(distinct amt) ${rest}`],
    ['0 beside 0.00', `select coalesce(paid, 0) as p, count(*) ${rest} group by 1`],
    ['quotients', `select distinct q.m from (select k, avg(v) as m ${rest} group by k) q`],
    ['UNION over several scales', `select paid ${rest} union select v from b`],
    ['UNION over a text that knows no case', `select name from person where id not in (select id from a) union select name from person`],
    ['EXCEPT ALL over such a text', `select name from person where id not in (select id from a) except all select name from person`],
    ['0 and -0', `select price, count(*) ${rest} group by price`],
    ['a day and 24 hours', `select distinct len ${rest}`],
    ['numbers in JSON', `select doc, count(*) ${rest} group by doc`],
    ['a domain of such', `select part, count(*) from person where id not in (select id from a) group by part`],
    ['elements of such', `select distinct marks from person where id not in (select id from a)`],
    ['such a text, compared with one that does', `select kind from b where note = (select min(name) from person) and id not in (select id from a)`],
  ])('%s', async (_, text) => expect(await madeOf(server.client, text)).toContain('written alike'));
  test.each([
    ['a key beside it', `select id, amt, count(*) ${rest} group by id, amt`],
    ['a key beside it in DISTINCT', `select distinct id, amt, price ${rest}`],
    ['so many places', `select round(amt, 2) as r, amt > 3 as s, paid, doc ->> 'a' as t, count(*) ${rest} group by 1, 2, 3, 4`],
    ['a set of which it is only asked what is in it', `select id ${rest} and amt in (select distinct amt from b) and amt < (select max(amt) from b)`],
    ['UNION ALL', `select amt ${rest} union all select amt from b`],
    ['whole numbers', `select distinct coalesce(v, 0), v / 2, count(*) ${rest} group by v`],
  ])('but not with %s', async (_, text) => {
    const made = await madeOf(server.client, text);
    expect(typeof made === 'string' ? made : [...made.keys()]).toContain('not-in-to-not-exists');
  });
});

test('a scale that keeps equal values alike has to stay', async () => {
  const { found } = await foundFor(server.client, 'select id, (select max(c.paid) from b c where c.k = b.k) from b');
  const grounds = found === null || 'because' in found ? [] : found.candidates.flatMap((each) => each.grounds);
  expect(grounds).toContainEqual({ kind: 'type', table: { schema: 'public', relation: 'b' }, column: 'paid', type: 'numeric(10,2)' });
  expect(await brokenGrounds(server.client, { grounds })).toEqual([]);
  await server.client.query('alter table b alter paid type numeric');
  expect(await brokenGrounds(server.client, { grounds })).toEqual([expect.stringContaining('public.b.paid is numeric(10,2)')]);
  await server.client.query('alter table b alter paid type numeric(10, 2)');
});

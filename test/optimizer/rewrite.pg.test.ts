/** Other texts of a statement, on a real server: that each rule's text gives the same, and a proof that finds a wrong one whatever a rule believes. */
import { describe, expect, test } from 'vitest';
import type { Binding } from '../../domain/optimizer/model.ts';
import type { RewriteRule } from '../../domain/optimizer/rewrite.ts';
import { compared, foundFor, sameBy, schemaSql, useRewriteClient } from './rewrite-support.ts';

const server = useRewriteClient(schemaSql);

describe('a proof', () => {
  test('takes what gives the same rows, and says how many', async () => {
    const found = await compared(server.client, {
      before: 'select id from customer where id < $1',
      after: 'select id from customer where not id >= $1',
      types: ['integer'],
      values: [['10'], ['3']],
    });
    expect(found).toEqual({ kind: 'equal', bindings: 2, rows: 11, timeZones: [] });
  });
  const either = 'select id from purchase where payer_id = 3 or customer_id = 4';
  test.each([
    ['a row more', 'select id from customer where id <= 5', 'select id from customer where id <= 6', /6 row\(s\) instead of 5/],
    ['another row', 'select id from customer where id = 5', 'select id from customer where id = 6', /other rows/],
    ['a duplicate lost and another made', `values (1), (1), (2)`, `values (1), (2), (2)`, /other rows/],
    ['a null for an empty text', `select ''::text as a`, 'select null::text as a', /other rows/],
    [
      'NOT IN with a null among what is listed',
      'select id from customer where id not in (select payer_id from purchase) or id = 1',
      'select id from customer c where not exists (select 1 from purchase p where p.payer_id = c.id) or id = 1',
      /instead of 1/,
    ],
    [
      'a count of nothing that is null',
      'select c.id, (select count(*) from purchase p where p.customer_id = c.id) as n from customer c',
      'select c.id, p.n from customer c left join (select customer_id, count(*) as n from purchase group by 1) p on p.customer_id = c.id',
      /other rows/,
    ],
    ['an OR without a guard', either, 'select id from purchase where payer_id = 3 union all select id from purchase where customer_id = 4', /instead of/],
    [
      'an OR guarded by NOT, which a null passes by',
      'select id from purchase where payer_id = 3 or customer_id = 51',
      'select id from purchase where payer_id = 3 union all select id from purchase where customer_id = 51 and not payer_id = 3',
      /instead of/,
    ],
    [
      'DISTINCT left out',
      'select distinct c.id from customer c, purchase p where p.customer_id = c.id',
      'select c.id from customer c, purchase p where p.customer_id = c.id',
      /instead of/,
    ],
    ['a column of another type', 'select 1::int as a', 'select 1::bigint as a', /other names or types/],
    ['a column of another name', 'select 1 as a', 'select 1 as b', /other names or types/],
    ['an error', 'select id from customer where id = 1', 'select 1 / (id - id) as id from customer where id = 1', /gave no rows, PostgreSQL error 22012/],
    ['the same value that shows otherwise', 'select 1.0 as a', 'select 1.00 as a', /other rows/],
    ['text that is no statement', 'select 1 as a', 'select 1 as a; drop table customer', /42601/],
    ['two answers without a row', 'select id from customer where id = 0', 'select id from customer where id = -1', /no set of values gives a row/],
    [
      'a day of one zone only',
      `select id from purchase where seen::date = '2026-01-20'`,
      `select id from purchase where seen >= '2026-01-20 00:00 UTC' and seen < '2026-01-21 00:00 UTC'`,
      /other rows|instead of/,
    ],
  ])('finds %s', async (_, before, after, why) => {
    const found = await compared(server.client, { before, after }, { hangsOnTimeZone: true });
    expect(found).toEqual({ kind: 'not-proven', because: expect.stringMatching(why) });
  });
  test('counts the order only where the statement asks for one', async () => {
    const texts = { before: 'select id from customer order by id', after: 'select id from customer order by id desc' };
    expect(await compared(server.client, texts)).toMatchObject({ kind: 'equal', rows: 90 });
    expect(await compared(server.client, texts, { isOrdered: true })).toMatchObject({ kind: 'not-proven' });
  });
  test('is none where the statement as it is runs into its limit, or fails; a value of a row is in no reason', async () => {
    const slow = { before: 'select count(*) from generate_series(1, 30000000)', after: 'select 30000000::bigint as count' };
    const why = 'nothing to compare with: the statement as it is gave no rows, it ran into the time limit';
    expect(await compared(server.client, slow, { timeoutMs: 100 })).toMatchObject({ because: why });
    const failing = { before: `select name::int as a from customer`, after: 'select 1 as a' };
    expect(await compared(server.client, failing)).toEqual({
      kind: 'not-proven',
      because: expect.stringMatching(/PostgreSQL error 22P02: invalid input syntax for type integer$/),
    });
  });
  test('tries other values besides: a null that only one of them takes for nothing, and none that the statement itself refuses', async () => {
    const texts = {
      before: 'select id from customer where id = $1 or $1 is null',
      after: 'select id from customer where id = $1',
      types: ['integer'],
      values: [['5']],
    };
    const [nulls, wrong] = [[null], ['no number']].map((values): Binding => ({ source: 'synthetic', case: 'absent', values }));
    expect(await compared(server.client, texts)).toMatchObject({ kind: 'equal' });
    expect(await compared(server.client, texts, { more: [nulls as Binding] })).toMatchObject({
      because: 'it gives 0 row(s) instead of 90, with absent values',
    });
    const same = { ...texts, after: 'select id from customer where $1 = id or $1 is null' };
    expect(await compared(server.client, same, { more: [wrong as Binding, nulls as Binding] })).toMatchObject({ kind: 'equal', bindings: 2, rows: 91 });
  });
  test('asks for the same parameters', async () => {
    const texts = {
      before: 'select id from purchase where at::date = $1',
      after: 'select id from purchase where at = $1',
      types: ['date'],
      values: [['2026-01-02']],
    };
    expect(await compared(server.client, texts)).toMatchObject({ because: 'its parameters would be of other types' });
  });
  test('takes a parameter for a constant, which the other text does not name any more', async () => {
    const texts = {
      before: 'select id from customer where id = $2 and $1::text = $1::text',
      after: 'select id from customer where id = $2',
      types: ['text', 'integer'],
      values: [['day', '5']],
    };
    expect(await compared(server.client, texts)).toMatchObject({ kind: 'not-proven' });
    expect(await compared(server.client, texts, { fixed: new Map([[1, 'day']]) })).toMatchObject({ kind: 'equal', rows: 1 });
  });
  test('writes nothing: a function that does is refused', async () => {
    await server.client.query(`create function writes() returns int language sql as 'delete from customer returning 1'`);
    expect(await compared(server.client, { before: 'select 1 as a', after: 'select writes() as a' })).toMatchObject({
      because: expect.stringContaining('25006'),
    });
    expect((await server.client.query('select from customer')).rowCount).toBe(90);
  });
});

const same = (rule: RewriteRule, text: string, given?: Parameters<typeof sameBy>[3]) => sameBy(server.client, rule, text, given);

test.each<[RewriteRule, string, string]>([
  ['cte-inlined', 'with a filter outside', 'with p as materialized (select * from purchase) select count(*) from p where customer_id = 5'],
  ['cte-inlined', 'read twice', 'with p as (select * from purchase) select count(*) from p a join p b on a.id = b.id where a.customer_id = 5'],
  [
    'not-in-to-not-exists',
    'of a name that the listed query has too',
    'select id from customer where id not in (select id from purchase where customer_id = 5)',
  ],
  [
    'not-in-to-not-exists',
    'with hostile names',
    `select "null" from "Sel""ect" as "where" where "where"."Or der" not in (select "Or der" from "Sel""ect" where "é" < '2026-01-03')`,
  ],
  [
    'aggregate-joined',
    'in a condition',
    'select p.id from purchase p where p.amount = (select max(q.amount) from purchase q where q.customer_id = p.customer_id)',
  ],
  [
    'aggregate-joined',
    'of a count, which is 0 where there is nothing',
    'select c.id, (select count(*) from purchase p where p.customer_id = c.id) from customer c',
  ],
  ['aggregate-joined', 'in what comes out, under its own name', 'select c.*, (select sum(amount) from purchase where customer_id = c.id) from customer c'],
  [
    'aggregate-joined',
    'beside a star',
    'select *, (select sum(amount) from purchase where customer_id = c.id) as s from customer c, purchase x where x.id = c.id',
  ],
  [
    'aggregate-joined',
    'computed further',
    'select id from customer c where (select coalesce(sum(p.amount), 0) * 2 + count(p.payer_id) from purchase p where p.customer_id = c.id) < 500',
  ],
  [
    'aggregate-joined',
    'by a column that may be null',
    'select a.id from purchase a where a.amount >= (select max(b.amount) from purchase b where b.payer_id = a.payer_id)',
  ],
  [
    'aggregate-joined',
    'over nothing at all',
    'select c.id, (select max(payer_id) from purchase where customer_id = c.id and amount < 0) as most from customer c',
  ],
  [
    'aggregate-joined',
    'by two columns',
    'select a.id from purchase a where a.amount >= (select avg(b.amount) from purchase b where b.customer_id = a.customer_id and a.payer_id = b.payer_id)',
  ],
  [
    'aggregate-joined',
    'of two tables',
    'select c.id, (select min(p.at) from purchase p join customer d on d.id = p.payer_id where p.customer_id = c.id) from customer c, purchase x where x.id = c.id',
  ],
  [
    'aggregate-joined',
    'beside an outer join that fills with nulls',
    'select p.id, (select count(*) from purchase q where q.customer_id = c.id) as n from purchase p left join customer c on c.id = p.payer_id',
  ],
  ['aggregate-joined', 'under OR', `select id from customer c where city = 'city 3' or (select count(*) from purchase p where p.customer_id = c.id) = 0`],
  [
    'aggregate-joined',
    'inside another one',
    'select id from customer where id in (select customer_id from purchase p where amount > (select avg(amount) from purchase q where q.payer_id = p.payer_id))',
  ],
  [
    'aggregate-joined',
    'with hostile names',
    `select "where"."null", (select count(*) from "Sel""ect" o where o."Or der" = "where"."Or der" and o."é" > '2026-01-03') as "or""der" from "Sel""ect" as "where"`,
  ],
  [
    'count-to-exists',
    'of a column that may be null',
    'select id from customer c where 0 < (select count(p.payer_id) from purchase p where p.customer_id = c.id)',
  ],
  ['or-to-union', 'over nulls', 'select id from purchase where payer_id = 3 or customer_id = 5 or amount = 7'],
  ['or-to-union', 'with duplicates', 'select amount from purchase where payer_id < 30 or customer_id < 40'],
  ['or-to-union', 'behind WITH', 'with c as (select * from customer) select p.id from purchase p, c where p.payer_id = c.id and (c.vip or p.amount = 5)'],
  ['distinct-to-exists', 'with a key', 'select distinct c.id, c.name from customer c join purchase p on p.customer_id = c.id where p.amount > 80 and c.vip'],
  ['distinct-to-exists', 'without', 'select distinct c.city from customer c join purchase p on p.customer_id = c.id where p.amount > 10'],
  [
    'distinct-to-exists',
    'of three tables',
    'select distinct c.* from customer c, purchase p, customer d where p.customer_id = c.id and d.id = p.payer_id and d.vip',
  ],
  [
    'distinct-to-exists',
    'of two that come out',
    'select distinct c.id, d.id from customer c, purchase p, customer d where p.customer_id = c.id and d.id = p.payer_id',
  ],
  ['distinct-to-exists', 'without any condition between them', 'select distinct c.name from customer c, purchase p'],
])('%s %s gives the same', async (rule, _, text) => expect(await same(rule, text)).toMatchObject({ kind: 'equal' }));

test.each([
  'select p.id from purchase p join customer c on c.id = p.payer_id where c.vip or p.customer_id = 5 order by p.id desc limit 7',
  'select id as "no", amount from purchase where payer_id = 3 or customer_id = 5 order by 2, "no"',
])('an OR gives the same in the same order: %s', async (text) => expect(await same('or-to-union', text, { isOrdered: true })).toMatchObject({ kind: 'equal' }));

describe('a day', () => {
  const dates = ['2026-01-31', '2024-02-29', '2010-11-07', 'infinity', null].map((date) => [date]);
  test.each(['at', 'seen'])('of %s gives the same', async (column) => {
    expect(await same('bare-date-range', `select id from moment where ${column}::date = $1`, { types: ['date'], values: dates })).toMatchObject({
      kind: 'equal',
      bindings: 5,
    });
  });
  test('with a zone is found wrong as one would write it: its range alone', async () => {
    const texts = {
      before: 'select id from moment where seen::date = $1',
      after: 'select id from moment where seen >= $1::date and seen < $1::date + 1',
      types: ['date'],
    };
    const dates = ['2026-01-31', '2011-12-30', '2010-11-06', '2010-11-07', '2023-04-28'];
    // no infinity among them: it is the zones that tell
    const values = dates.map((date) => [date]);
    expect(await compared(server.client, { ...texts, values }, { hangsOnTimeZone: true })).toMatchObject({ kind: 'not-proven' });
    expect(await compared(server.client, { ...texts, values: [['2026-01-31']] }, { hangsOnTimeZone: false })).toMatchObject({ kind: 'equal' });
  });
  test('is found wrong as one would write it for infinity', async () => {
    const texts = {
      before: 'select id from moment where at::date = $1',
      after: 'select id from moment where at >= $1::date and at < $1::date + 1',
      types: ['date'],
    };
    expect(await compared(server.client, { ...texts, values: [['2024-02-29']] })).toMatchObject({ kind: 'equal' });
    expect(await compared(server.client, { ...texts, values: [['infinity']] })).toMatchObject({ kind: 'not-proven' });
  });
});

test('a shifted moment gives the same, and not without the days by which months differ', async () => {
  const before = 'select id from moment where at + $1 > $2';
  const asked = { types: ['interval', 'timestamp without time zone'], values: [['1 month 5 days', '2026-05-03 12:00']] };
  expect(await same('bare-date-range', before, asked)).toMatchObject({ kind: 'equal' });
  const after = 'select id from moment where at >= $2::timestamp - $1::interval and at + $1 > $2';
  expect(await compared(server.client, { before, after, ...asked })).toMatchObject({ because: expect.stringContaining('row(s) instead of') });
});

describe('a statement with its plan and the catalogue', () => {
  const candidatesFor = async (text: string) => {
    const { found } = await foundFor(server.client, text);
    if (found !== null && 'because' in found) throw new Error(found.because);
    return found;
  };
  test('gets the texts of its rules, and where several have something to say one of all of them', async () => {
    const both =
      'with p as materialized (select * from purchase) select c.id from customer c, p where c.id = p.id and c.id not in (select customer_id from purchase where amount > $1) order by 1';
    const all = await candidatesFor(both);
    expect(all?.candidates.map(({ rules }) => rules.join('+'))).toEqual(['cte-inlined+not-in-to-not-exists', 'cte-inlined', 'not-in-to-not-exists']);
    expect(all).toMatchObject({ isOrdered: true, tables: expect.arrayContaining([{ schema: 'public', relation: 'purchase' }]) });
  });
  test.each([
    ['promises of a parent table do not hold for its children', 'select id from customer where id not in (select id from parent)', null],
    ['a function may give something else', 'with p as materialized (select unsteady(id) as u from purchase) select * from p where u = 5', 'unsteady may give'],
    ['a random number is taken', 'with p as materialized (select random() as u from purchase) select count(*) from p where u < 2', 'random may give'],
    ['rows are locked', 'with p as materialized (select * from purchase for update) select count(*) from p', 'it locks rows'],
    ['any rows will do', 'with p as materialized (select * from purchase) select * from p where customer_id = $1 limit 5', 'LIMIT with an order'],
    ['it reads a view', 'with p as materialized (select * from pg_stats) select * from p', 'keeps rows apart'],
    ['the plan shows no reason', 'select id from customer c where exists (select 1 from purchase p where p.customer_id = c.id) and id = $1', null],
  ])('is left alone where %s, and says so where a rule would have tried', async (_, text, because) => {
    const { found } = await foundFor(server.client, text);
    expect(found).toEqual(because === null ? null : { because: expect.stringContaining(because) });
  });
});

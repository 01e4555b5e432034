/** What each rule makes of a statement, and what it leaves alone. */
import { beforeAll, describe, expect, test } from 'vitest';
import { parserReady } from '../../activities/optimizer/bind/tree.ts';
import { byRule, knownSchema } from './rewrite-support.ts';

beforeAll(() => parserReady());

describe('a query of WITH', () => {
  test('that is computed whole is planned as a part of the statement', async () => {
    const found = await byRule('cte-inlined', 'with p as materialized (select * from purchase) select count(*) from p where customer_id = $1');
    expect(found?.text).toBe('with p as (select * from purchase)\nselect count(*)\nfrom p\nwhere customer_id = $1');
  });
  test('that is read twice likewise', async () => {
    const found = await byRule('cte-inlined', 'with p as (select * from purchase) select count(*) from p a join p b on a.id = b.id');
    expect(found?.text).toContain('with p as not materialized (');
  });
  test.each([
    ['is recursive', 'with recursive p as materialized (select 1 as n union all select n + 1 from p where n < 5) select * from p'],
    ['takes any ten rows, twice', 'with p as (select * from purchase limit 10) select count(*) from p a join p b on a.id = b.id'],
    ['is planned so already', 'with p as (select * from purchase) select count(*) from p'],
    ['is read by nobody', 'with p as materialized (select * from purchase) select 1'],
  ])('that %s stays', async (_, text) => expect(await byRule('cte-inlined', text)).toBeNull());
});

describe('NOT IN', () => {
  const listed = (column: string, more = '') => `select id from customer where id not in (select ${column} from purchase ${more})`;
  test('becomes NOT EXISTS where nothing can be null, and says on what that rests', async () => {
    const found = await byRule('not-in-to-not-exists', listed('customer_id', 'where amount > $1'));
    expect(found?.text).toBe(
      'select id\nfrom customer\nwhere not exists (select 1 from (select customer_id from purchase where amount > $1) as listed (item) where customer.id = listed.item)',
    );
    expect(found?.grounds).toEqual([
      { kind: 'not-null', table: { schema: 'public', relation: 'customer' }, column: 'id' },
      { kind: 'not-null', table: { schema: 'public', relation: 'purchase' }, column: 'customer_id' },
    ]);
  });
  test('takes a name that the statement has nowhere', async () => {
    expect(
      (await byRule('not-in-to-not-exists', 'select id as listed from customer where id not in (select customer_id from purchase listed_2)'))?.text,
    ).toContain('as listed_3 (item)');
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
    ['it is grouped so that nulls are made', listed('customer_id', 'group by rollup (customer_id)')],
    [
      'a query of WITH may be meant',
      'with purchase as (select null::int as customer_id) select id from customer where id not in (select customer_id from gone)',
    ],
    ['columns are renamed', 'select id from customer where id not in (select id from purchase as p (a, id, c))'],
    ['two sets are listed', 'select id from customer where id not in (select customer_id from purchase union select payer_id from purchase)'],
  ])('stays where %s', async (_, text) => expect(await byRule('not-in-to-not-exists', text)).toBeNull());
});

describe('a sub-query that computes a figure for each row', () => {
  test('becomes one grouped query that is joined', async () => {
    const found = await byRule(
      'aggregate-joined',
      'select p.id from purchase p where p.amount = (select max(q.amount) from purchase q where q.customer_id = p.customer_id)',
    );
    expect(found?.text).toBe(
      'select p.id\nfrom purchase as p left join (select q.customer_id as key_1, max(q.amount) as value_1 from purchase as q group by q.customer_id) as grouped on grouped.key_1 = p.customer_id\nwhere p.amount = grouped.value_1',
    );
  });
  test.each([
    ['meets by columns of other types', 'select id from customer c where (select count(*) from purchase p where p.amount = c.id) > 3'],
    ['meets by more than equality', 'select id from customer c where (select count(*) from purchase p where p.customer_id < c.id) > 3'],
    [
      'is asked of two tables at once',
      'select c.id from customer c, purchase x where (select max(amount) from purchase p where p.customer_id = c.id and p.payer_id = x.payer_id) > 1',
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
    [
      'looks further out',
      'select id from customer c where id in (select p.id from purchase p where (select max(q.amount) from purchase q where q.customer_id = c.id) > 3)',
    ],
    [
      'has a natural join around it',
      'select c.id from customer c natural join parent where (select max(amount) from purchase p where p.customer_id = c.id) > 3',
    ],
    [
      'gives the least of values that are equal and written otherwise',
      'select c.id, (select min(p.amount) from purchase p where p.customer_id = c.id) from customer c',
    ],
    ['adds up floating point numbers', 'select c.id, (select sum(p.price * 2) from purchase p where p.customer_id = c.id) from customer c'],
    ['calls an aggregate in its own order', `select id, (select sum(amount order by id) from purchase p where p.customer_id = c.id) from customer c`],
  ])('that %s stays', async (_, text) => expect(await byRule('aggregate-joined', text)).toBeNull());
  test('of somebody’s own aggregate stays', async () => {
    const known = { ...knownSchema(), ownFunctions: new Set(['max']) };
    expect(
      await byRule('aggregate-joined', 'select id from customer c where (select max(amount) from purchase p where p.customer_id = c.id) > 3', known),
    ).toBeNull();
  });
});

describe('a count that is compared', () => {
  const counted = (comparison: string) => `select id from customer c where (select count(*) from purchase p where p.customer_id = c.id) ${comparison}`;
  test('with nothing is a question whether there is a row', async () => {
    const found = await byRule('count-to-exists', counted('> 0'));
    expect(found?.text).toBe('select id\nfrom customer as c\nwhere exists (select 1 from purchase as p where p.customer_id = c.id)');
  });
  test('with a parameter ends as soon as the answer is known', async () => {
    expect((await byRule('count-to-exists', counted('>= $1'), knownSchema(['bigint'])))?.text).toContain(
      'limit greatest($1::bigint, 0)) as counted) >= $1::bigint',
    );
  });
  test('with a parameter that is 0 in every call is that question too, and says so', async () => {
    const found = await byRule('count-to-exists', counted('> $1'), knownSchema(['bigint'], new Map([[1, '0']])));
    expect(found).toMatchObject({ text: expect.stringContaining('where exists (select 1'), fixed: new Map([[1, '0']]) });
    const other = await byRule('count-to-exists', counted('> $1'), knownSchema(['bigint'], new Map([[1, '7']])));
    expect(other).toMatchObject({ text: expect.stringContaining('limit least(greatest($1::bigint, 0), 9223372036854775806) + 1'), fixed: new Map() });
  });
  test('of a column counts what is not null', async () => {
    const text = 'select id from customer c where 0 < (select count(p.payer_id) from purchase p where p.customer_id = c.id)';
    expect((await byRule('count-to-exists', text))?.text).toContain('p.customer_id = c.id and p.payer_id is not null');
  });
  test.each([
    ['counts each value once', 'select id from customer c where (select count(distinct amount) from purchase p where p.customer_id = c.id) > 2'],
    ['counts by groups', 'select id from customer c where (select count(*) from purchase p where p.customer_id = c.id group by c.id) > 0'],
    ['is compared with what hangs on the row', counted('> c.id')],
    ['counts nulls, which is never anything', 'select (select count(null) from purchase) > 0'],
  ])('that %s stays', async (_, text) => expect(await byRule('count-to-exists', text)).toBeNull());
});

describe('a condition on the day of a column', () => {
  const where = async (condition: string) =>
    (await byRule('bare-date-range', `select id from moment where ${condition}`, knownSchema(['date'])))?.text.split('\nwhere ')[1];
  test('is a range, which ends with the last microsecond', async () => {
    expect(await where('at::date = $1')).toBe(`at >= $1::date and at <= ($1::date + '23:59:59.999999'::interval)`);
    expect(await where('$1 > date(at)')).toBe('at < $1::date');
  });
  test('stays beside a wider range where it hangs on the zone', async () => {
    const found = await byRule('bare-date-range', 'select id from moment where seen::date = $1', knownSchema(['date']));
    expect(found).toMatchObject({
      hangsOnTimeZone: true,
      text: expect.stringContaining('seen >= ($1::date - 1) and seen <= ($1::date + 2) and seen::date = $1'),
    });
  });
  test.each([
    ['another moment', 'at::date = $1::timestamp'],
    ['a parameter of another type', 'at::date = $2'],
    ['a column of the row', 'at::date = seen::date'],
    ['days by another operator', 'at::date <> $1'],
  ])('compared with %s stays', async (_, condition) => expect(await where(condition)).toBeUndefined());
  test('of what is no moment stays', async () => {
    expect(await byRule('bare-date-range', `select id from customer where name::date = '2026-01-01'`)).toBeNull();
  });
});

describe('a condition on another unit of time', () => {
  const types = ['text', 'timestamp without time zone'];
  const month = new Map([[1, 'month']]);
  const truncated = async (condition: string, constants = month) =>
    byRule('bare-date-range', `select id from moment where ${condition}`, knownSchema(types, constants));
  test('is a range where every call has the same unit, and says so', async () => {
    const found = await truncated('date_trunc($1, at) = $2');
    expect(found?.text.split('\nwhere ')[1]).toBe(
      `at >= $2::timestamp and at <= (($2::timestamp + '1 month'::interval) - '1 microsecond'::interval) and date_trunc('month', $2::timestamp) = $2::timestamp`,
    );
    expect(found?.fixed).toEqual(month);
  });
  test('stays beside a wider range where it hangs on the zone', async () => {
    const known = knownSchema(['timestamp with time zone']);
    const found = await byRule('bare-date-range', `select id from moment where date_trunc('day', seen) = $1`, known);
    expect(found).toMatchObject({ hangsOnTimeZone: true, text: expect.stringMatching(/ and date_trunc\('day', seen\) = \$1$/) });
    expect(found?.fixed?.size).toBe(0);
  });
  test.each([
    ['calls differ', 'date_trunc($1, at) = $2', new Map<number, string>()],
    ['the unit is none of ours', 'date_trunc($1, at) = $2', new Map([[1, 'century']])],
    ['a null would come out as false', `not (date_trunc('day', at) = $2)`, month],
    ['it is compared otherwise', `date_trunc('day', at) < $2`, month],
    ['it is another moment’s', `date_trunc('day', at) = seen`, month],
  ])('stays where %s', async (_, condition, constants) => expect(await truncated(condition, constants)).toBeNull());
});

describe('OR', () => {
  test('becomes two queries, the second without what the first gave', async () => {
    const either =
      'select p.id, c.name from purchase p join customer c on c.id = p.payer_id where p.amount > 10 and (c.city = $1 or p.customer_id = $2) order by p.id limit 3';
    expect((await byRule('or-to-union', either))?.text).toBe(
      '(select p.id, c.name from purchase as p join customer as c on c.id = p.payer_id where p.amount > 10 and c.city = $1)\nunion all\n(select p.id, c.name from purchase as p join customer as c on c.id = p.payer_id where p.amount > 10 and p.customer_id = $2 and ((c.city = $1) is not true))\norder by 1\nlimit 3',
    );
  });
  const either = 'payer_id = 3 or customer_id = 5';
  test.each([
    ['under an aggregate', `select count(*) from purchase where ${either}`],
    ['under DISTINCT', `select distinct amount from purchase where ${either}`],
    ['under a window', `select id, row_number() over (order by id) from purchase where ${either}`],
    ['in groups', `select amount from purchase where ${either} group by amount`],
    ['ordered by what does not come out', `select id from purchase where ${either} order by amount`],
    ['of too many', `select id from purchase where ${either} or id = 1 or amount = 2`],
    ['inside AND NOT', `select id from purchase where not (${either})`],
  ])('%s stays', async (_, text) => expect(await byRule('or-to-union', text)).toBeNull());
});

describe('DISTINCT over a join that only filters', () => {
  test('becomes EXISTS, and goes where a key comes out', async () => {
    const found = await byRule(
      'distinct-to-exists',
      'select distinct c.id, c.name from customer c join purchase p on p.customer_id = c.id where p.amount > $1 and c.vip',
    );
    expect(found?.text).toBe(
      'select c.id, c.name\nfrom customer as c\nwhere c.vip and exists (select 1 from purchase as p where p.amount > $1 and p.customer_id = c.id)',
    );
    expect(found?.grounds).toContainEqual({ kind: 'unique', table: { schema: 'public', relation: 'customer' }, columns: ['id'] });
  });
  test('stays DISTINCT where none does', async () => {
    expect((await byRule('distinct-to-exists', 'select distinct c.city from customer c, purchase p where p.customer_id = c.id'))?.text).toContain(
      'select distinct c.city',
    );
  });
  test.each([
    ['an outer join', 'select distinct c.id from customer c left join purchase p on p.customer_id = c.id'],
    ['all columns coming out', 'select distinct * from customer c join purchase p on p.customer_id = c.id'],
    ['groups', 'select distinct c.id from customer c join purchase p on p.customer_id = c.id group by c.id'],
    ['USING', 'select distinct c.id from customer c join purchase p using (id)'],
    ['DISTINCT ON', 'select distinct on (c.id) c.id from customer c join purchase p on p.customer_id = c.id'],
    ['nothing that only filters', 'select distinct c.id, p.id from customer c join purchase p on p.customer_id = c.id'],
  ])('with %s stays', async (_, text) => expect(await byRule('distinct-to-exists', text)).toBeNull());
});

test('a day is a range beside other conditions too: an AND in an AND is one', async () => {
  const found = await byRule(
    'bare-date-range',
    'select id from purchase where at::date = $1 and amount > 3 or not (seen::date = $1 and amount > 3)',
    knownSchema(['date']),
  );
  expect(found?.text).toContain(`where (at >= $1::date and at <= ($1::date + '23:59:59.999999'::interval) and amount > 3) or not`);
  expect(found?.text).toContain('and seen::date = $1 and amount > 3)');
});

test.each([
  [`name like 'a%'`, true],
  ['name like $1', true],
  ['name like city', false],
  ['upper(name) = $1', true],
  ['name::int > 3', false],
  ['id in (select id from (select id, name::int as n from customer) q where n > 3)', false],
  ['id in (select id from (select id, name from customer) q where name > $1)', true],
])('what a listed query asks may be %s: %s', async (condition, isSafe) => {
  const text = `select id from purchase where customer_id not in (select id from customer where ${condition})`;
  expect((await byRule('not-in-to-not-exists', text)) !== null).toBe(isSafe);
});

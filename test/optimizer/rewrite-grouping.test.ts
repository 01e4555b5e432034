/** Groups before joins, and groups of groups: what becomes of a statement, and what is left alone. */
import { beforeAll, describe, expect, test } from 'vitest';
import { parserReady } from '../../activities/optimizer/bind/tree.ts';
import { byRule, knownSchema } from './rewrite-support.ts';

beforeAll(() => parserReady());

const key = (table: string, column: string) => JSON.stringify([{ schema: 'public', relation: table }, column]);

describe('rows that are joined to be grouped', () => {
  test('are grouped by what they are joined by, where an outer join brings them; a row without any counts none', async () => {
    const found = await byRule(
      'grouped-before-join',
      'select c.id, c.name, count(p.id), max(at) as last from customer c left join purchase p on p.customer_id = c.id and p.payer_id > $1 group by c.id order by count(*)',
      knownSchema(['integer']),
    );
    expect(found?.text).toBe(
      `select c.id as id, c.name as name, coalesce(grouped.value_1, 0) as count, grouped.value_2 as last
from customer as c left join (select p.customer_id as key_1, count(p.id) as value_1, max(at) as value_2, count(*) as value_3 from purchase as p where p.payer_id > $1 group by p.customer_id) as grouped on grouped.key_1 = c.id
order by coalesce(grouped.value_3, 1)`,
    );
    expect(found?.grounds).toContainEqual({ kind: 'unique', table: { schema: 'public', relation: 'customer' }, columns: ['id'] });
  });
  test('are grouped first, where a table only says what groups are called', async () => {
    const found = await byRule(
      'grouped-before-join',
      'select city, count(*), avg(payer_id) from purchase p join customer c on c.id = p.customer_id group by city',
    );
    expect(found?.text).toBe(
      `select city as city, coalesce(sum(grouped.value_1), 0)::bigint as count, sum(grouped.value_3) / sum(grouped.value_2) as avg
from (select p.customer_id as key_1, count(*) as value_1, count(payer_id) as value_2, sum(payer_id) as value_3 from purchase as p group by p.customer_id) as grouped, customer as c
where c.id = grouped.key_1
group by city`,
    );
    expect(found?.grounds).toEqual(expect.arrayContaining([{ kind: 'not-null', table: { schema: 'public', relation: 'customer' }, column: 'id' }]));
  });
  const left = (what: string, more = 'group by c.id', on = 'p.customer_id = c.id') => `select ${what} from customer c left join purchase p on ${on} ${more}`;
  test.each([
    ['the group holds no key of the table that stays', left('c.city, count(p.id)', 'group by c.city')],
    ['a figure is of both', left('c.id, sum(p.customer_id + c.id)')],
    ['floating point numbers are added up', left('c.id, sum(p.price)')],
    ['a figure of its own order', left(`c.id, string_agg(c.name, ',')`)],
    ['only some rows are counted', left('c.id, count(*) filter (where p.payer_id > 1)')],
    ['the join asks something of the table that stays', left('c.id, count(p.id)', 'group by c.id', 'p.customer_id = c.id and c.vip')],
    ['the join may fail for rows that meet none', left('c.id, count(p.id)', 'group by c.id', 'p.customer_id = c.id and 1 / p.payer_id = 1')],
    ['rows are asked after the join', left('c.id, count(p.id)', 'where p.id is null group by c.id')],
    ['they meet by another type', left('c.id, count(p.id)', 'group by c.id', 'p.amount = c.id')],
    ['the table may be met twice', 'select c.city, count(*) from purchase p join customer c on c.name = p.id::text group by c.city'],
    ['the table is asked something else', 'select city, count(*) from purchase p join customer c on c.id = p.customer_id where c.vip group by city'],
    ['the table is added up itself', 'select city, count(*), max(c.id) from purchase p join customer c on c.id = p.customer_id group by city'],
    ['integers may overflow', 'select city, sum(p.customer_id * p.payer_id) from purchase p join customer c on c.id = p.customer_id group by city'],
    ['groups of several kinds are made', 'select city, count(*) from purchase p join customer c on c.id = p.customer_id group by rollup (city)'],
  ])('stay where %s', async (_, text) => expect(await byRule('grouped-before-join', text)).toBeNull());
  test('stay where there are as many groups as rows', async () => {
    const known = { ...knownSchema(), distinct: new Map([[key('purchase', 'customer_id'), 50_000]]) };
    expect(
      await byRule('grouped-before-join', 'select city, count(*) from purchase p join customer c on c.id = p.customer_id group by city', known),
    ).toBeNull();
  });
});

describe('rows that differ in few values', () => {
  const counted = 'select city, count(distinct name) from customer group by city having count(*) > 1';
  test('are grouped by those first: what is counted once each needs no order', async () => {
    expect((await byRule('grouped-in-two-steps', counted))?.text).toBe(
      `select grouped.key_1 as city, count(grouped.key_2) as count
from (select city as key_1, name as key_2, count(*) as value_1 from customer group by city, name) as grouped
group by grouped.key_1
having coalesce(sum(grouped.value_1), 0)::bigint > 1`,
    );
  });
  test('are weighed by how many they are', async () => {
    const text = 'select sum(case when vip then 1 else 0 end) as vips, count(*) from customer';
    expect((await byRule('grouped-in-two-steps', text))?.text).toBe(
      `select sum(case when grouped.key_1 then 1 else 0 end * grouped.value_1)::bigint as vips, coalesce(sum(grouped.value_1), 0)::bigint as count
from (select vip as key_1, count(*) as value_1 from customer group by vip) as grouped`,
    );
  });
  test.each([
    ['nothing takes few values', 'select city, sum(id), count(*) from customer group by city'],
    ['a number may be infinite', 'select customer_id, sum(amount * amount) from purchase group by customer_id'],
    ['they are grouped by what may be written in several ways', 'select amount, count(distinct payer_id) from purchase group by amount'],
    ['a figure hangs on their order', `select city, count(distinct name), string_agg(name, ',') from customer group by city`],
    ['a figure is of every different value', 'select sum(distinct payer_id), count(distinct payer_id) from purchase'],
    ['a window goes over them', 'select city, count(distinct name), count(*) over () from customer group by city'],
    ['a query reads them', 'select city, count(distinct name), (select max(id) from purchase where customer_id = min(c.id)) from customer c group by city'],
    ['a parameter may be infinite', 'select sum(amount * ($1 - payer_id)) from purchase'],
  ])('stay where %s', async (_, text) => expect(await byRule('grouped-in-two-steps', text, knownSchema(['numeric']))).toBeNull());
  test('stay where they are many, together', async () => {
    const few = {
      ...knownSchema(),
      distinct: new Map([
        [key('customer', 'name'), 200],
        [key('customer', 'vip'), 200],
      ]),
    };
    const text = `select sum(case when vip then 1 else 0 end) as a, sum(case when name = 'x' then 1 else 0 end) as b from customer`;
    expect(await byRule('grouped-in-two-steps', text, few)).toBeNull();
    expect(await byRule('grouped-in-two-steps', text)).not.toBeNull();
  });
});

/** Groups before joins and groups of groups, written carelessly: for each the text that gives something else, on data made for it, and what the rule does instead. */
import { describe, expect, test } from 'vitest';
import type { RewriteRule } from '../../domain/optimizer/rewrite.ts';
import { compared, madeOf, useRewriteClient } from './rewrite-support.ts';

const server = useRewriteClient(`
  create table shop (id int primary key, name text not null, code char(4) not null);
  create table sale (id int primary key, shop_id int, n int, amount numeric, paid numeric(10, 2), kind text, price float8);
  insert into shop select n, 's' || n % 3, 'c' || n from generate_series(1, 20) n;
  insert into sale select n, case when n % 9 = 0 then null when n % 10 = 0 then 99 else 1 + n % 15 end, case when n % 10 = 0 and n % 9 > 0 then 2000000000 when n % 4 > 0 then n end,
    case when n = 1 then numeric 'infinity' else n % 5 end, n / 4.0, case n % 6 when 0 then null else 'k' || n % 3 end, n / 3.0 from generate_series(1, 300) n;
  create table rate (sale_id int primary key, by numeric not null, part numeric(6, 3) not null);
  insert into rate select n, case when n in (2, 3) then numeric 'infinity' else 1 end, n % 4 / 10.0 from generate_series(1, 300) n;
  create table signed (id int primary key, x numeric not null, by numeric not null); insert into signed values (1, 2, 'infinity'), (2, -1, 'infinity'), (3, 5, 1);
  analyze`);

/** `null`: it is left alone. */
type Attack = readonly [what: string, rule: RewriteRule, before: string, naive: string, becomes: 'right' | null];

const perShop = (figure: string, key = 's.id') => `select ${key}, ${figure} as v from shop s left join sale x on x.shop_id = s.id group by ${key}`;
const joined = (figure: string, inner: string, key = 's.id') =>
  `select ${key}, ${figure} as v from shop s left join (select shop_id, ${inner} from sale x group by 1) g on g.shop_id = s.id`;

const attacks: readonly Attack[] = [
  ['a row without a partner that is counted', 'grouped-before-join', perShop('count(*)'), joined('coalesce(g.c, 0)', 'count(*) as c'), 'right'],
  ['a count of nothing that is null', 'grouped-before-join', perShop('count(x.n)'), joined('g.c', 'count(x.n) as c'), 'right'],
  ['groups without a key', 'grouped-before-join', perShop('count(x.id)', 's.name'), joined('coalesce(g.c, 0)', 'count(x.id) as c', 's.name'), null],
  [
    'an average of averages',
    'grouped-before-join',
    'select s.name, avg(x.paid) as v from sale x join shop s on s.id = x.shop_id group by s.name',
    'select s.name, avg(g.v) as v from (select shop_id, avg(paid) as v from sale group by 1) g join shop s on s.id = g.shop_id group by s.name',
    'right',
  ],
  [
    'integers that overflow in rows that meet no shop',
    'grouped-before-join',
    'select s.name, sum(x.n * x.n) as v from sale x join shop s on s.id = x.shop_id group by s.name',
    'select s.name, sum(g.v)::bigint as v from (select shop_id, sum(n * n) as v from sale group by 1) g join shop s on s.id = g.shop_id group by s.name',
    null,
  ],
  [
    'a factor that is infinite',
    'grouped-in-two-steps',
    'select sum(x * by) as v from signed',
    'select sum(g.s * g.by) as v from (select by, sum(x) as s from signed group by by) g',
    null,
  ],
  [
    'nothing that is counted, of nothing',
    'grouped-in-two-steps',
    `select count(*) as c, sum(case when kind = 'k1' then 1 else 0 end) as v from sale where n < -5 or id = 0`,
    `select sum(g.c)::bigint as c, sum(case when kind = 'k1' then 1 else 0 end * g.c)::bigint as v from (select kind, count(*) as c from sale where n < -5 or id = 0 group by 1) g`,
    'right',
  ],
  [
    'rows that count where a value is null',
    'grouped-in-two-steps',
    `select shop_id, avg(part) as m, count(case when kind = 'k1' then 1 end) as v from sale x join rate r on r.sale_id = x.id group by shop_id`,
    `select shop_id, sum(part * c) / sum(c) as m, coalesce(sum(c), 0)::bigint as v from (select shop_id, part, kind, count(*) as c from sale x join rate r on r.sale_id = x.id group by 1, 2, 3) g group by shop_id`,
    'right',
  ],
  [
    'a value that is counted once in each smaller group',
    'grouped-in-two-steps',
    'select s.name, count(distinct x.kind) as v, sum(x.paid * r.part) as m from sale x join shop s on s.id = x.shop_id join rate r on r.sale_id = x.id group by s.name',
    'select name, count(kind) as v, sum(m * part) as m from (select s.name, x.kind, r.part, sum(x.paid) as m from sale x join shop s on s.id = x.shop_id join rate r on r.sale_id = x.id group by 1, 2, 3) g group by name',
    'right',
  ],
  [
    'floating point numbers in another order',
    'grouped-before-join',
    'select s.name, sum(x.price) as v from sale x join shop s on s.id = x.shop_id group by s.name',
    'select s.name, sum(g.v) as v from (select shop_id, sum(price) as v from sale group by 1) g join shop s on s.id = g.shop_id group by s.name',
    null,
  ],
];

describe.each(attacks)('%s', (_, rule, before, naive, becomes) => {
  test('shows in a text that is written carelessly', async () => {
    expect(await compared(server.client, { before, after: naive })).toMatchObject({
      kind: 'not-proven',
      because: expect.stringMatching(/other rows|instead of|the other text gave no rows/),
    });
  });
  test(becomes === null ? 'is left alone' : 'gets a right text', async () => {
    const made = await madeOf(server.client, before);
    const after = typeof made === 'string' ? undefined : made.get(rule);
    expect(after === undefined ? null : (await compared(server.client, { before, after })).kind).toBe(becomes === null ? null : 'equal');
  });
});

test('an amount that is written in two ways is no key of smaller groups, a text of fixed length is', async () => {
  const by = async (key: string) => {
    const made = await madeOf(server.client, `select ${key} as key, count(distinct x.kind) as v from sale x join shop s on s.id = x.shop_id group by ${key}`);
    return typeof made === 'string' ? made : made.has('grouped-in-two-steps');
  };
  const any = expect.stringContaining('written alike');
  expect([await by('x.amount'), await by('s.code'), await by('x.paid'), await by('x.price')]).toEqual([any, true, true, any]);
});

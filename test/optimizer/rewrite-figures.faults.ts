/** What is asked of figures, computed of them, or only looks like one: for each the text that gives something else, on data made for it, and what the rule does instead. */
import { describe, expect, test } from 'vitest';
import type { RewriteRule } from '../../domain/optimizer/rewrite.ts';
import { byRule, compared, knownSchema, madeOf, useRewriteClient } from './rewrite-support.ts';

const server = useRewriteClient(`
  create table a (id int primary key, kind text not null);
  create table b (id int primary key, k int, v int not null, note text not null, amt numeric, paid numeric(10, 2), kind text);
  insert into a select n, 'k' || n % 3 from generate_series(1, 30) n;
  insert into b select n, case when n % 7 = 0 then 3 else n % 60 end, case when n % 60 in (40, 45) then 0 else n end, case when n % 60 = 50 and n % 7 > 0 then 'xy' else n::text end,
    case n % 2 when 0 then 1.0 else 1.00 end, n / 2.0, case when n % 5 = 0 then null else 'k' || n % 4 end from generate_series(61, 3000) n;
  create index on b (k); delete from b where k between 28 and 30 or k = 45 and v > 0 or k = 40 and v > 0;
  create table beside (x int not null); insert into beside values (-1), (-2);
  create table o (id int primary key, x int not null); insert into o select n, n + 60 from generate_series(1, 10) n;
  analyze`);

/** `null`: it is left alone. */
type Attack = readonly [what: string, rule: RewriteRule, before: string, naive: string, becomes: 'right' | null];

const perB = (figure: string) => `(select k, ${figure} from b group by k) g on g.k = a.id`;

const attacks: readonly Attack[] = [
  [
    'a quotient of a sum that is 0 in a group that nobody asks for',
    'aggregate-joined',
    'select id from a where 100 / (select sum(v) from b where b.k = a.id) >= 0',
    `select id from a left join ${perB('sum(v) as s')} where 100 / g.s >= 0`,
    null,
  ],
  [
    'a cast of the most of a text that nobody asks for',
    'aggregate-joined',
    'select id from a where (select max(note) from b where b.k = a.id)::int > 3',
    `select id from a left join ${perB('max(note) as m')} where g.m::int > 3`,
    null,
  ],
  [
    'a pattern that ends in the middle of an escape, and fails for a text that nobody asks for',
    'aggregate-joined',
    String.raw`select id, (select count(*) from b where b.k = a.id and b.note like 'x\') as n from a`,
    String.raw`select id, coalesce(g.c, 0) as n from a left join (select k, count(*) as c from b where b.note like 'x\' group by k) g on g.k = a.id`,
    null,
  ],
  [
    'a product of integers that overflows in such a group',
    'aggregate-joined',
    'select id from a where id in (1, 2) and (select sum(v) * 100000000000000 from b where b.k = a.id) > 3',
    `select id from a left join ${perB('sum(v) as s')} where id in (1, 2) and g.s * 100000000000000 > 3`,
    null,
  ],
  [
    'a quotient of which the query around it asks something',
    'aggregate-joined',
    'select id from (select id, 100 / (select sum(v) from b where b.k = a.id) as r from a) q where r >= 0',
    `select id from (select id, 100 / g.s as r from a left join ${perB('sum(v) as s')}) q where r >= 0`,
    null,
  ],
  [
    'names that a column has of the query in it',
    'aggregate-joined',
    `select case when id > 3 then 1 else (select sum(v) + 1 from b where b.k = a.id) end, (select count(*) from b where b.k = a.id)::text, (select max(note) as z from b where b.k = a.id) collate "C" from a`,
    `select case when id > 3 then 1 else g.s + 1 end, coalesce(g.c, 0)::text, g.m collate "C" from a left join ${perB('sum(v) as s, count(*) as c, max(note) as m')}`,
    'right',
  ],
  [
    'a quotient that HAVING asks for',
    'grouped-before-join',
    'select a.id, count(b.id) as n from a left join b on b.k = a.id group by a.id having 100 / sum(b.v) >= 0',
    `select a.id, coalesce(g.c, 0) as n from a left join ${perB('count(id) as c, sum(v) as s')} where 100 / g.s >= 0`,
    null,
  ],
  [
    'a quotient of a group that the query around it asks for',
    'grouped-before-join',
    'select id from (select a.id, 100 / sum(b.v) as r from a left join b on b.k = a.id group by a.id) q where r >= 0',
    `select id from (select a.id, 100 / g.s as r from a left join ${perB('sum(v) as s')}) q where r >= 0`,
    null,
  ],
  [
    'a sum of what a row without a partner has, too',
    'grouped-before-join',
    'select a.id, sum(1) as n, avg(2.5) as m from a left join b on b.k = a.id group by a.id',
    `select a.id, g.n, g.m from a left join ${perB('sum(1) as n, avg(2.5) as m')}`,
    null,
  ],
  [
    'a row of which one column is null, and which is counted all the same',
    'grouped-in-two-steps',
    `select k, count((kind, k)) as n, sum(case when kind = 'k1' then 1 else 0 end) as m from b group by k`,
    `select k, coalesce(sum(c) filter (where (kind, k) is not null), 0)::bigint as n, sum(case when kind = 'k1' then c else 0 end)::bigint as m
      from (select k, kind, count(*) as c from b group by 1, 2) g group by k`,
    null,
  ],
  [
    'a key that is another column where a query of FROM is gone',
    'grouped-in-two-steps',
    'select q.n as v, count(distinct q.u) as c from (select k as n, kind as u from b where k < 9) q group by v, q.n',
    'select k as v, count(distinct kind) as c from b where k < 9 group by v, k',
    'right',
  ],
  [
    'a number in a query of FROM, which is a place where that is gone',
    'grouped-in-two-steps',
    'select q.kind, q.k, q.two, count(distinct q.v) as n from (select kind, k, v, 2 as two from b where k < 9) q group by q.kind, q.k, q.two order by q.two, q.kind, q.k',
    'select kind, k, 2 as two, count(distinct v) as n from b where k < 9 group by kind, k order by 2, kind, k',
    null,
  ],
  [
    'a word of ON that means a column of a table beside it in WHERE',
    'grouped-before-join',
    'select id from o where exists (select d.kind, count(*) from beside, b f join a d on d.id = f.k and x = f.v group by d.kind)',
    'select id from o where exists (select d.kind, count(*) from beside, b f join a d on d.id = f.k where x = f.v group by d.kind)',
    null,
  ],
];

describe.each(attacks)('%s', (_, rule, before, naive, becomes) => {
  const isOrdered = before.includes('order by');
  test('shows in a text that is written carelessly', async () => {
    expect(await compared(server.client, { before, after: naive }, { isOrdered })).toMatchObject({
      kind: 'not-proven',
      because: expect.stringMatching(/other (rows|names)|instead of|the other text gave no rows/),
    });
  });
  test(becomes === null ? 'is left alone' : 'gets a right text', async () => {
    const made = await madeOf(server.client, before);
    const after = typeof made === 'string' ? undefined : made.get(rule);
    expect(after === undefined ? null : (await compared(server.client, { before, after }, { isOrdered })).kind).toBe(becomes === null ? null : 'equal');
  });
});

const madeBy = async (rule: RewriteRule, text: string) => {
  const made = await madeOf(server.client, text);
  return typeof made === 'string' ? made : made.has(rule);
};

test('what is asked of a figure, and cannot fail, keeps its text', async () => {
  const average = '(select avg(amt) from b where b.k = a.id)';
  const asked = [
    `a.id > 0.2 * ${average}`,
    `1.5 * a.id + 1 > ${average}`,
    `coalesce(${average}, 0) * 2 - 1 > 0 or a.kind is null`,
    `case when ${average} > 3 then a.kind else 'x' end = 'x'`,
  ];
  for (const condition of asked) expect([condition, await madeBy('aggregate-joined', `select id from a where ${condition}`)]).toEqual([condition, true]);
  for (const having of ['sum(b.amt) * 1.5 > 10', 'count(*) > 1 and max(b.paid) > avg(b.v)', '100 / a.id > 3 and count(b.id) > 0'])
    expect([having, await madeBy('grouped-before-join', `select a.id from a left join b on b.k = a.id group by a.id having ${having}`)]).toEqual([
      having,
      true,
    ]);
});

test('rows that a condition on few values counts are grouped by those, with nothing else to compute', async () => {
  const text = `select k, count(*) filter (where kind = 'k1') as n from b group by k`;
  const made = await madeOf(server.client, text);
  const after = typeof made === 'string' ? '' : (made.get('grouped-in-two-steps') ?? '');
  expect(after).toContain('group by k, kind');
  expect(await compared(server.client, { before: text, after })).toMatchObject({ kind: 'equal' });
});

test('a number with an e in it is a bigint all the same, and may overflow', async () => {
  const sum = (by: string) =>
    byRule('aggregate-joined', `select id, (select sum(p.customer_id * ${by}) from purchase p where p.customer_id = c.id) from customer c`, knownSchema());
  expect([await sum('0xEEEEEEEE'), (await sum('1e1')) === null]).toEqual([null, false]);
});

import { describe, expect, test } from 'vitest';
import { statementShape } from '../../activities/optimizer/parse/shape.ts';
import { candidatesFor } from '../../domain/optimizer/candidates.ts';
import { steadyConstants } from '../../domain/optimizer/constants-sent.ts';
import { btree, indexText } from '../../domain/optimizer/index-sql.ts';
import type { ColumnFacts, ExistingIndex, TableFacts } from '../../domain/optimizer/model.ts';
import { coveredBy } from '../../domain/optimizer/redundancy.ts';

const column = (name: string, type = 'integer', more: Partial<ColumnFacts> = {}): ColumnFacts => ({
  name,
  type,
  notNull: false,
  width: 4,
  distinct: -1,
  nullShare: 0,
  correlation: null,
  ...more,
});
const keyOf = (relation: string, schema = 'public'): ExistingIndex => ({
  ...btree({ schema, relation }, ['id']),
  unique: true,
  name: `${relation}_pkey`,
  sizeBytes: 1,
  isValid: true,
  isConstraint: true,
  scans: 1,
});
const tableOf = (relation: string, columns: readonly ColumnFacts[], schema = 'public'): TableFacts => ({
  table: { schema, relation },
  kind: 'table',
  rows: 1_000_000,
  sizeBytes: 200_000_000,
  columns: [column('id'), ...columns],
  indexes: [keyOf(relation, schema)],
  writesPerRead: null,
});

const facts = [
  tableOf('orders', [
    column('customer'),
    column('state', 'text', { distinct: 5, width: 8 }),
    column('at', 'timestamp with time zone'),
    column('total', 'numeric', { width: 6 }),
    column('note', 'text', { width: 60 }),
    column('deleted', 'boolean', { distinct: 2, width: 1 }),
    column('filler', 'text', { width: 200 }),
  ]),
  tableOf('customers', [column('name', 'text', { width: 20 }), column('Mixed "x"', 'text'), column('tags', 'text[]'), column('doc', 'jsonb')]),
  tableOf('ünïcode', [column('ä')], 'S.x'),
];

const shapeOf = (text: string) => statementShape(text, facts);
const names = (terms: readonly { column: string | null; expression: string | null }[] | undefined) =>
  terms?.map(({ column: name, expression }) => name ?? `(${expression})`);

describe('positions', () => {
  test('equality, range, order and output of one table', async () => {
    const [use, ...more] = (await shapeOf('select total from orders where state = $1 and customer in ($2, $3) and at >= $4 order by at desc limit $5'))
      .relations;
    expect(more).toEqual([]);
    expect(names(use?.equality)).toEqual(['state', 'customer']);
    expect(names(use?.range)).toEqual(['at']);
    expect(use?.order.map(({ column: name, descending }) => [name, descending])).toEqual([['at', true]]);
    expect(use).toMatchObject({ isLimited: true, isWhole: false });
    expect(use?.columns.toSorted()).toEqual(['at', 'customer', 'state', 'total']);
  });

  test('a join is no equality; names without qualifier find their table', async () => {
    const { relations } = await shapeOf('select name, total from orders join customers c on customer = c.id where state = any($1)');
    expect(relations.map(({ table, join }) => [table.relation, join])).toEqual([
      ['orders', ['customer']],
      ['customers', ['id']],
    ]);
    expect(names(relations[0]?.equality)).toEqual(['state']);
  });

  test('a self-join is two uses', async () => {
    const { relations } = await shapeOf('select a.total from orders a, orders b where a.id = b.customer and b.state = $1');
    expect(relations.map(({ join }) => join)).toEqual([['id'], ['customer']]);
    expect(relations.map(({ equality }) => names(equality))).toEqual([[], ['state']]);
  });

  test('through a CTE, a subquery and a renamed output', async () => {
    const { relations } = await shapeOf(
      'with recent(c, w) as (select customer, at from orders where state = $1) select * from (select c as x from recent) s join customers on customers.id = s.x',
    );
    expect(relations.find(({ table }) => table.relation === 'orders')).toMatchObject({ join: ['customer'] });
  });

  test('correlated EXISTS and IN (SELECT) join', async () => {
    const exists = await shapeOf('select name from customers c where exists (select 1 from orders o where o.customer = c.id)');
    expect(exists.relations.map(({ table, join }) => [table.relation, join]).toSorted()).toEqual([
      ['customers', ['id']],
      ['orders', ['customer']],
    ]);
    const within = await shapeOf('select name from customers where id in (select customer from orders where state = $1)');
    expect(within.relations.map(({ join }) => join)).toEqual([['id'], ['customer']]);
  });

  test('USING joins both sides', async () => {
    const { relations } = await shapeOf('select total from orders join customers using (id)');
    expect(relations.map(({ join }) => join)).toEqual([['id'], ['id']]);
  });

  test('expressions as written, over one relation only', async () => {
    const { relations } = await shapeOf(
      `select id from orders o join customers c on c.id = o.customer where lower(c.name) = $1 and (at at time zone 'utc')::date > $2 and o.total + c.id = 3`,
    );
    expect(names(relations[1]?.equality)).toEqual(['("lower"("name"))']);
    expect(names(relations[0]?.range)).toEqual([`(${`"pg_catalog"."timezone"('utc', "at")::"date"`})`]);
  });

  test('group and distinct, by number and by alias too', async () => {
    expect((await shapeOf('select state as s, count(*) from orders group by s')).relations[0]?.group).toEqual(['state']);
    expect((await shapeOf('select state, count(*) from orders group by 1')).relations[0]?.group).toEqual(['state']);
    expect((await shapeOf('select o.state, c.name from orders o, customers c group by 1, 2')).relations[0]?.group).toEqual([]);
  });

  test('patterns: a prefix, a part, a parameter', async () => {
    const { relations } = await shapeOf(`select id from customers where name like 'ab%' and name like '%b' and name like $1`);
    expect(relations[0]?.patterns.map(({ kind }) => kind)).toEqual(['prefix', 'inside', 'unknown']);
  });

  test('predicates only where they hold for every row and every execution', async () => {
    const sqlOf = async (text: string) => (await shapeOf(text)).relations[0]?.predicates.map(({ sql }) => sql);
    expect(await sqlOf(`select id from orders where not deleted and note is null and state = 'open' and customer = $1`)).toEqual([
      'NOT ("deleted")',
      '"note" IS NULL',
      `"state" = 'open'`,
    ]);
    expect(await sqlOf(`select id from orders where state = 'open' or customer = $1`)).toEqual([]);
    expect(await sqlOf(`select id from orders where at > '2020-01-01'`)).toEqual([]);
  });

  test('a parameter that every call sends alike is a constant where the schema names its value, and only there', async () => {
    const column = (name: string, more: Partial<ColumnFacts>) => ({ ...(facts[0] as TableFacts).columns[0], name, ...more }) as ColumnFacts;
    const jobs = tableOf('jobs', [
      column('state', { type: 'job_state', labels: ['new', "it's on", 'done'] }),
      column('gone', { type: 'boolean' }),
      column('owner', { type: 'text' }),
    ]);
    const sqlOf = async (text: string, sent: readonly string[]) => {
      const constants = new Map(sent.map((value, place) => [place + 1, value]));
      return (await statementShape(text, [jobs], { constants })).relations[0]?.predicates.map(({ sql }) => sql);
    };
    expect(await sqlOf('select id from jobs where state = $1 and gone = $2 and owner = $3', ["it's on", 'f', 'a secret'])).toEqual([
      `"state" = 'it''s on'`,
      `"gone" = 'f'`,
    ]);
    expect(await sqlOf('select id from jobs where state in ($1, $2)', ['new', 'done'])).toEqual([`"state" IN ('new', 'done')`]);
    expect(await sqlOf('select id from jobs where state in ($1, $2)', ['new'])).toEqual([]);
    expect(await sqlOf('select id from jobs where state = $1::job_state and gone = ($2::boolean)', ['new', 't'])).toEqual([`"state" = 'new'`, `"gone" = 't'`]);
    expect(await sqlOf('select id from jobs where state = $1', ['no label'])).toEqual([]);
    expect(await sqlOf('select id from jobs where (state = $1 and owner = $2) or (state = $3 and id = $4)', ['new', 'x', 'new', '7'])).toEqual([
      `"state" = 'new'`,
    ]);
  });

  test('calls that agree by chance make no constant', () => {
    const sent = (...values: string[]) => ({ source: 'captured' as const, case: 'captured' as const, values });
    expect([...steadyConstants([sent('new', '1'), sent('new', '2'), sent('new', '3')])]).toEqual([[1, 'new']]);
    expect([...steadyConstants([sent('new', '1'), sent('new', '2')])]).toEqual([]);
    expect([...steadyConstants([sent('new'), sent('new'), { ...sent('new'), source: 'synthetic', case: 'common' }])]).toEqual([]);
  });

  test('what every arm of OR says is a predicate as well, wherever it stands in the arm', async () => {
    const sqlOf = async (text: string) => (await shapeOf(text)).relations.flatMap(({ predicates }) => predicates.map(({ sql }) => sql));
    expect(await sqlOf(`select id from orders where (state = 'open' and not deleted and id = 1) or (total < 5 and not deleted and state = 'open')`)).toEqual([
      `"state" = 'open'`,
      'NOT ("deleted")',
    ]);
    expect(await sqlOf(`select id from orders where (state = 'open' and id = 1) or (state = 'done' and id = 2)`)).toEqual([]);
    expect(await sqlOf(`select id from orders where (state = 'open' and id = 1) or state = 'open'`)).toEqual([`"state" = 'open'`]);
    // a join on it in each arm is one of two tables
    expect(await sqlOf(`select o.id from orders o, customers c where (o.id = c.id and o.id = 1) or (o.id = c.id and c.id = 2)`)).toEqual([]);
    // what a subquery asks of the row around it need not hold for those that come out
    expect(await sqlOf(`select id from orders o where not exists (select from customers c where c.id = o.id and o.deleted)`)).toEqual([]);
    expect(await sqlOf(`select id from (select id, deleted from orders) o where o.deleted`)).toEqual(['"deleted"']);
    expect(await sqlOf(`select id from orders where not ((state = 'open' and id = 1) or (state = 'open' and id = 2))`)).toEqual([]);
  });

  test('columns of one row compared with each other are a predicate too; those of two tables, or with a parameter in it, are none', async () => {
    const sqlOf = async (text: string) => (await shapeOf(text)).relations.flatMap(({ predicates }) => predicates.map(({ sql }) => sql));
    expect(await sqlOf('select o.id from orders o where o.total < o.customer and o.id <> o.customer')).toEqual(['"customer" > "total"', '"customer" <> "id"']);
    // written the other way round it is the same condition, and one index serves both
    expect(await sqlOf('select o.id from orders o where o.customer > o.total')).toEqual(['"customer" > "total"']);
    expect(await sqlOf('select o.id from orders o join customers c on o.total < c.id')).toEqual([]);
    expect(await sqlOf('select id from orders where total < customer + $1')).toEqual([]);
    expect(await sqlOf('select a.id from orders a join orders b on a.total < b.total')).toEqual([]);
    expect(await sqlOf('select a.id from orders a left join orders b on b.total < b.customer')).toEqual([]);
  });

  test('writes: what is set; rows to be changed or locked are fetched', async () => {
    const update = await shapeOf('update orders set state = $1, total = total + 1 where id = $2');
    expect(update.writes).toEqual([{ table: { schema: 'public', relation: 'orders' }, kind: 'update', columns: ['state', 'total'] }]);
    expect(update.relations[0]?.isWhole).toBe(true);
    expect((await shapeOf('insert into orders select * from orders where id = $1')).writes).toMatchObject([{ kind: 'insert' }]);
    expect((await shapeOf('select id from orders where state = $1 for update')).relations[0]?.isWhole).toBe(true);
    expect((await shapeOf('with gone as (delete from orders where at < $1 returning id) select count(*) from gone')).writes).toMatchObject([
      { kind: 'delete' },
    ]);
  });

  test('hostile names; what is no table of ours; what does not parse', async () => {
    const { relations } = await shapeOf('select "Mixed ""x""" from customers, "S.x"."ünïcode" u where u.ä = 1 and customers.id = u.ä');
    expect(relations.map(({ table }) => table.relation)).toEqual(['customers', 'ünïcode']);
    expect((await shapeOf('select * from pg_class, generate_series(1, 2) g where relname = $1')).relations).toEqual([]);
    expect((await shapeOf('select from where')).relations).toEqual([]);
  });
});

describe('candidates', () => {
  const texts = async (text: string, options = {}) =>
    candidatesFor(await shapeOf(text), facts, options).flatMap((each) =>
      each.kind === 'create-index' ? [indexText(each.index).replace(/^.*? USING /, '')] : [],
    );

  test('equality first, then the range; with what is read beside it', async () => {
    const found = await texts('select total from orders where state = $1 and customer = $2 and at > $3');
    expect(found).toContain('btree ("customer", "state", "at")');
    expect(found).toContain('btree ("customer", "state", "at") INCLUDE ("total")');
    expect(found).not.toContain('btree ("at", "customer", "state")');
  });

  test('the order behind the equality; wholly backwards is the plain index, mixed directions are not', async () => {
    expect(await texts('select total from orders where state = $1 order by at desc limit 9')).toContain('btree ("state", "at")');
    expect(await texts('select total from orders order by at desc, customer limit 9')).toContain('btree ("at" DESC, "customer")');
    expect(await texts('select total from orders order by at desc nulls last limit 9')).toContain('btree ("at" DESC NULLS LAST)');
  });

  test('partial for a constant condition, never for a column of many values', async () => {
    expect(await texts(`select id from orders where state = 'open' and at > $1`)).toContain(`btree ("at") INCLUDE ("id") WHERE ("state" = 'open')`);
    expect((await texts(`select id from orders where customer = 7 and at > $1`)).filter((text) => text.includes('WHERE'))).toEqual([]);
    expect(await texts(`select id from orders where state = 'open' and not deleted and at > $1`)).toContain(
      `btree ("at") INCLUDE ("id") WHERE (("state" = 'open') AND (NOT ("deleted")))`,
    );
    // one of many values is no part of it
    expect(await texts(`select id from orders where state = 'open' and customer = 7 and not deleted and at > $1`)).toContain(
      `btree ("at") INCLUDE ("customer", "id") WHERE (("state" = 'open') AND (NOT ("deleted")))`,
    );
    // no constant in it that could be another one tomorrow; its columns need not be in the index
    expect(await texts('select id from orders where at > $1 and total < customer')).toContain('btree ("at") INCLUDE ("id") WHERE ("customer" > "total")');
  });

  test('an expression as it is written', async () =>
    expect(await texts('select id from customers where lower(name) = $1')).toContain('btree (("lower"("name")))'));

  test('what only the lab can judge is marked', async () => {
    const all = candidatesFor(await shapeOf(`select id from customers where name ilike $1 and doc @> $2 and tags && $3`), facts);
    const lab = all.flatMap((each) => (each.kind === 'create-index' && each.isLabOnly ? [indexText(each.index).replace(/^.*? USING /, '')] : []));
    expect(lab.toSorted()).toEqual(['gin ("doc" jsonb_path_ops)', 'gin ("doc")', 'gin ("name" gin_trgm_ops)', 'gin ("tags")']);
  });

  test('no INCLUDE where whole rows are read', async () =>
    expect((await texts('select * from orders where customer = $1')).filter((text) => text.includes('INCLUDE'))).toEqual([]));

  test('columns compared together get statistics', async () => {
    const all = candidatesFor(await shapeOf('select id from orders where state = $1 and customer = $2'), facts);
    expect(all.filter(({ kind }) => kind === 'create-statistics')).toEqual([
      { kind: 'create-statistics', table: { schema: 'public', relation: 'orders' }, columns: ['customer', 'state'] },
    ]);
  });

  test('never what an existing index covers', async () => {
    const all = candidatesFor(await shapeOf('select total from orders o join customers c on c.id = o.id where o.id = $1 and state = $2'), facts);
    for (const each of all)
      if (each.kind === 'create-index')
        expect(
          coveredBy(
            each.index,
            facts.flatMap(({ indexes }) => indexes),
          ),
        ).toBeNull();
    expect(all.length).toBeGreaterThan(3);
  });
});

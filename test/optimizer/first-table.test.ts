/** HypoPG knows a partial index of a statement's first table only: which statements can be planned with a table first, and by which text. */
import { beforeAll, describe, expect, test } from 'vitest';
import { parserReady } from '../../activities/optimizer/bind/tree.ts';
import { textWithFirst } from '../../activities/optimizer/what-if/first-table.ts';
import type { TableFacts } from '../../domain/optimizer/model.ts';

beforeAll(parserReady);

const names = [
  ['public', 'a'],
  ['public', 'b'],
  ['public', 'c'],
  ['one', 'twice'],
  ['two', 'twice'],
  ['S.x', 'Or"ders'],
] as const;
const facts = names.map(([schema, relation]) => ({ table: { schema, relation } }) as TableFacts);
const b = { schema: 'public', relation: 'b' };
const withFirst = (text: string, table = b) => textWithFirst(text, table, facts)?.replaceAll(/\s+/g, ' ') ?? null;

describe('a text that stays', () => {
  test.each([
    'select x from b where y = 1',
    'select x from b, a where a.id = b.id',
    'select x from b left join a on a.id = b.id',
    'select x from public.b as t join a on a.id = t.id',
    // planned for itself, or beside a first table that is one
    'select x from a where id = (select max(id) from b where y = 1)',
    'select x from a where exists (select from b where b.id = a.id)',
    'with w as (select id from b where y = 1) select x from w, a where w.id = a.id',
    'update b set x = 1 where y = 1',
    'delete from b where y = 1',
  ])('%s', (text) => expect(withFirst(text)).toBe(text));
});

describe('a text in which the table comes first', () => {
  test.each([
    ['select a.x from a, b, c where a.id = b.id and c.id = $1', 'select a.x from b, a, c where a.id = b.id and c.id = $1'],
    ['select a.x from a join b on a.id = b.id', 'select a.x from b join a on a.id = b.id'],
    ['select a.x from a left join b as t on a.id = t.id and t.y is null', 'select a.x from b as t right join a on a.id = t.id and t.y is null'],
    ['select a.x from a right join b on a.id = b.id', 'select a.x from b left join a on a.id = b.id'],
    ['select a.x from c, a left join b using (id) where c.y = 1', 'select a.x from b right join a using (id), c where c.y = 1'],
    ['select a.x from a join c on a.id = c.id left join b on b.id = a.id', 'select a.x from b right join (a join c on a.id = c.id) on b.id = a.id'],
    ['select a.x from a where id in (select max(id) from b)', 'select a.x from a where id in (select max(id) from b)'],
  ])('%s', (text, moved) => expect(withFirst(text)).toBe(moved));

  test('hostile names, and the schema where the statement says it', () => {
    const table = { schema: 'S.x', relation: 'Or"ders' };
    expect(withFirst('select a.x from a, "S.x"."Or""ders" o where o.id = a.id', table)).toBe('select a.x from "S.x"."Or""ders" as o, a where o.id = a.id');
    expect(withFirst('select a.x from a, twice where twice.id = a.id', { schema: 'one', relation: 'twice' })).toBeNull();
    expect(withFirst('select a.x from a, one.twice t where t.id = a.id', { schema: 'one', relation: 'twice' })).toBe(
      'select a.x from one.twice as t, a where t.id = a.id',
    );
  });
});

describe('none', () => {
  test.each([
    ['it is not read', 'select x from a'],
    ['only a WITH has its name', 'with b as (select 1 as id) select x from a, b where a.id = b.id'],
    ['a view is in it', 'select a.x from a, b, some_view v where a.id = b.id and v.id = a.id'],
    ['a sub-query that reads it begins with what is no table', 'select x from a where id in (select b.id from generate_series(1, 3) g join b on b.id = g)'],
    ['what is lateral looks back', 'select a.x from a, lateral (select a.y) l, b where b.id = a.id and l.y = 1 and a.id = 1 order by 1'],
    ['a number means a column of a star', 'select * from a, b where a.id = b.id order by 1'],
    ['rows are inserted', 'insert into a select * from b'],
    ['what changes is another table', 'update a set x = b.x from b where a.id = b.id'],
    ['it cannot be read', 'select from where'],
  ])('%s: %s', (_, text) => expect(withFirst(text)).toBeNull());
});

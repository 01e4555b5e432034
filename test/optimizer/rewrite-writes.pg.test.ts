/** UPDATE and DELETE with another condition, INSERT with another SELECT, on a real server: the same rows, with the same values, and nothing of it stays. */
import { describe, expect, test } from 'vitest';
import { provenSameWrites } from '../../activities/optimizer/rewrite/proof-write.ts';
import { foundFor, schemaSql, useRewriteClient } from './rewrite-support.ts';

const server = useRewriteClient(`${schemaSql};
    create table "Lo""g" (id int not null, at timestamp, note text, ref int); insert into "Lo""g" select n % 50, timestamp '2026-01-01' + n * interval '3 hours', 'n', n % 7 from generate_series(1, 300) n;
    create table watched (id int primary key, at timestamp); insert into watched select n, timestamp '2026-01-01' + n * interval '3 hours' from generate_series(1, 50) n;
    create function nothing() returns trigger language plpgsql as 'begin return null; end'; create trigger seen after update on watched for each row execute function nothing();
    create table kept (no serial primary key, who int, name text, at timestamptz default clock_timestamp()); create view through as select who from kept;
    create table made (a int, at timestamp, b int generated always as (a) stored unique); insert into made select n, timestamp '2026-01-01' + n * interval '3 hours' from generate_series(1, 50) n;
    create table heard (id int); create trigger heard before insert on heard for each row execute function nothing();
    analyze`);

const limits = { timeoutMs: 5_000, signal: new AbortController().signal };

describe('a statement that writes', () => {
  test.each([
    ['delete', 'delete from customer c where id not in (select customer_id from purchase where amount > $1) returning name'],
    ['update', `update customer set city = 'x', name = upper(name) || $1 where id not in (select customer_id from purchase) and vip`],
    ['update of another condition', 'update "Lo""g" l set note = $1, ref = ref + 1 where at::date = $2'],
    ['delete by a count', 'delete from customer where (select count(*) from purchase where customer_id = customer.id) > 0'],
  ])('%s: changes the same rows to the same values by another text, and leaves them as they were', async (_, text) => {
    const count = async () =>
      (await server.client.query(`select (select count(*) from customer) as c, (select md5(string_agg(l::text, ',' order by ctid)) from "Lo""g" l) as l`))
        .rows[0];
    const there = await count();
    const { units, found } = await foundFor(server.client, text, ['update', 'delete'].find((kind) => text.startsWith(kind)) as 'update' | 'delete');
    if (found === null || 'because' in found) throw new Error(JSON.stringify(found));
    expect(found.candidates).toHaveLength(1);
    const [candidate] = found.candidates;
    if (found.writes === undefined || candidate?.writes === undefined) throw new TypeError('it writes');
    const proven = await provenSameWrites(server.client, units, { before: found.writes, after: candidate.writes, hangsOnTimeZone: false }, limits);
    expect(proven).toMatchObject({ kind: 'equal', rows: expect.any(Number) });
    // their names are for people
    expect(candidate.text).toMatch(/^(update|delete from) /);
    expect(await count()).toEqual(there);
  });
  test('is found wrong where it changes others, or to something else', async () => {
    const { units, found } = await foundFor(server.client, 'delete from customer where id not in (select customer_id from purchase)', 'delete');
    if (found === null || 'because' in found || found.writes === undefined) throw new Error('it has a text');
    const { writes } = found;
    const proven = (after: typeof writes) => provenSameWrites(server.client, units, { before: writes, after, hangsOnTimeZone: false }, limits);
    expect(await proven({ ...writes, chosen: writes.chosen.replace('where ', 'where id > 75 and ') })).toMatchObject({
      because: expect.stringContaining('other rows'),
    });
    expect(await proven({ ...writes, changed: writes.changed.replace('where ', 'where id > 75 and ') })).toMatchObject({
      because: expect.stringContaining('other values'),
    });
  });
  test.each([
    ['it joins what it changes', 'update customer set city = $1 from purchase p where p.at::date = $2', 'it joins'],
    ['triggers see its rows', 'update watched set at = at where at::date = $1', 'triggers'],
    ['it sets what a unique index checks row by row by a generated column', 'update made set a = a + 1 where at::date = $1', 'unique index'],
    ['it sets what a unique index checks row by row', 'update customer set id = id + 1 where id not in (select customer_id from purchase)', 'unique index'],
    ['it writes something else each time', 'update "Lo""g" set note = random()::text where at::date = $1', 'random'],
    ['a null may be listed', 'delete from customer where id not in (select payer_id from purchase)', null],
  ])('is left alone where %s', async (_, text, because) => {
    const { found } = await foundFor(server.client, text, text.startsWith('delete') ? 'delete' : 'update');
    expect(found).toEqual(because === null ? null : { because: expect.stringContaining(because) });
  });
});

describe('INSERT … SELECT', () => {
  const made = async (text: string) => {
    const { units, found } = await foundFor(server.client, text, 'insert');
    const [candidate] = found === null || 'because' in found ? [] : found.candidates;
    if (found === null || 'because' in found || found.writes === undefined || candidate?.writes === undefined) return { units, found };
    const { writes, isOrdered } = found;
    const proven = (after: typeof writes, sent = candidate.text) =>
      provenSameWrites(server.client, units, { before: writes, after, hangsOnTimeZone: false, isOrdered, sent: { after: sent } }, limits);
    return { units, found, candidate, proven, after: candidate.writes };
  };
  test.each([
    [
      'of some columns',
      'insert into kept (who, name) select id, name || $1 from customer where id not in (select customer_id from purchase where amount > $2) returning no, who',
    ],
    ['in an order', 'insert into kept as k (who, name) select id, name from customer where id not in (select customer_id from purchase) order by id desc'],
    ['with a WITH before it', 'with c as materialized (select id, name from customer) insert into kept (who, name) select id, name from c where id < 20'],
    ['of all columns', 'insert into "Lo""g" select id, at, $1, customer_id from purchase where at::date = $2 or (select count(*) from customer) > 1000'],
  ])('%s: the same rows are put in by another text, and nothing of it stays', async (_, text) => {
    const { found, candidate, proven, after } = await made(text);
    if (candidate === undefined) throw new Error(JSON.stringify(found));
    expect(await proven(after)).toMatchObject({ kind: 'equal', rows: expect.any(Number) });
    expect(candidate.text).toMatch(/^insert into /);
    expect((await server.client.query('select from kept')).rowCount).toBe(0);
  });
  test('is found wrong where it puts in other rows, other values, another order, or takes a parameter for another type', async () => {
    const { found, candidate, proven, after } = await made(
      'insert into kept (who, name) select id, name from customer where id not in (select customer_id from purchase) and id > $1 order by id',
    );
    if (candidate === undefined) throw new Error(JSON.stringify(found));
    const wrong = (of: (text: string) => string) => proven({ chosen: of(after.chosen), changed: of(after.changed) });
    expect(await wrong((text) => text.replace('order by id', 'order by id desc'))).toMatchObject({ because: expect.stringContaining('other rows') });
    expect(await proven({ ...after, changed: after.changed.replace(' name\n', ' upper(name)\n') })).toMatchObject({
      because: expect.stringContaining('other values'),
    });
    expect(await wrong((text) => text.replace('where ', 'where id > 75 and '))).toMatchObject({ because: expect.stringContaining('other rows') });
    expect(await proven(after, candidate.text.replace('$1', '$1::bigint'))).toMatchObject({ because: expect.stringContaining('of other types') });
  });
  test.each([
    [
      'rows meet those before them',
      'insert into kept (no, who) select id, id from customer where id not in (select customer_id from purchase) on conflict do nothing',
      'ON CONFLICT',
    ],
    ['triggers see its rows', 'insert into heard select id from customer where id not in (select customer_id from purchase)', 'triggers'],
    ['it takes any of its rows', 'insert into kept (who) select id from customer where id not in (select customer_id from purchase) limit 3', 'LIMIT'],
    ['it locks what it reads', 'insert into kept (who) select id from customer where id not in (select customer_id from purchase) for update', 'locks'],
    ['it goes through a view', 'insert into through (who) select id from customer where id not in (select customer_id from purchase)', 'no plain table'],
    ['a null may be listed', 'insert into kept (who) select id from customer where id not in (select payer_id from purchase)', null],
    ['it puts in values', 'insert into kept (who) values ((select count(*) from customer where id not in (select customer_id from purchase)))', null],
  ])('is left alone where %s', async (_, text, because) => {
    expect((await made(text)).found).toEqual(because === null ? null : { because: expect.stringContaining(because) });
  });
  test('MERGE is left alone, and that is said', async () => {
    const text =
      'merge into kept k using (select id from customer where id not in (select customer_id from purchase)) c on c.id = k.who when not matched then insert (who) values (c.id)';
    const { found } = await foundFor(server.client, text, 'merge');
    expect(found).toEqual({ because: expect.stringContaining('MERGE') });
  });
});

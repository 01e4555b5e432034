/** UPDATE and DELETE with another condition, on a real server: the same rows, changed to the same values, and nothing of it stays. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { candidatesOf } from '../../activities/optimizer/rewrite/candidates.ts';
import { provenSameWrites } from '../../activities/optimizer/rewrite/proof-write.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { foundFor, schemaSql } from './rewrite-support.ts';

let cluster: EmbeddedCluster;
let client: pg.Client;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database: 'postgres' });
  await client.connect();
  await client.query(`set plan_cache_mode = force_custom_plan; ${schemaSql};
    create table "Lo""g" (id int not null, at timestamp, note text, ref int); insert into "Lo""g" select n % 50, timestamp '2026-01-01' + n * interval '3 hours', 'n', n % 7 from generate_series(1, 300) n;
    create table watched (id int primary key, at timestamp); insert into watched select n, timestamp '2026-01-01' + n * interval '3 hours' from generate_series(1, 50) n;
    create function nothing() returns trigger language plpgsql as 'begin return null; end'; create trigger seen after update on watched for each row execute function nothing();
    analyze`);
}, 60_000);
afterAll(() => client?.end());

const limits = { timeoutMs: 5_000, signal: new AbortController().signal };

describe('a statement that writes', () => {
  test.each([
    ['delete', 'delete from customer c where id not in (select customer_id from purchase where amount > $1) returning name'],
    ['update', `update customer set city = 'x', name = upper(name) || $1 where id not in (select customer_id from purchase) and vip`],
    ['update of another condition', 'update "Lo""g" l set note = $1, ref = ref + 1 where at::date = $2'],
    ['delete by a count', 'delete from customer where (select count(*) from purchase where customer_id = customer.id) > 0'],
  ])('%s: changes the same rows to the same values by another text, and leaves them as they were', async (_, text) => {
    const count = async () =>
      (await client.query(`select (select count(*) from customer) as c, (select md5(string_agg(l::text, ',' order by ctid)) from "Lo""g" l) as l`)).rows[0];
    const there = await count();
    const { units, found } = await foundFor(client, text, ['update', 'delete'].find((kind) => text.startsWith(kind)) as 'update' | 'delete');
    if (found === null || 'because' in found) throw new Error(JSON.stringify(found));
    expect(found.candidates).toHaveLength(1);
    const [candidate] = found.candidates;
    if (found.writes === undefined || candidate?.writes === undefined) throw new TypeError('it writes');
    const proven = await provenSameWrites(client, units, { before: found.writes, after: candidate.writes, hangsOnTimeZone: false }, limits);
    expect(proven).toMatchObject({ kind: 'equal', rows: expect.any(Number) });
    // their names are for people
    expect(candidate.text).toMatch(/^(update|delete from) /);
    expect(await count()).toEqual(there);
  });
  test('is found wrong where it changes others, or to something else', async () => {
    const { units, found } = await foundFor(client, 'delete from customer where id not in (select customer_id from purchase)', 'delete');
    if (found === null || 'because' in found || found.writes === undefined) throw new Error('it has a text');
    const { writes } = found;
    const proven = (after: typeof writes) => provenSameWrites(client, units, { before: writes, after, hangsOnTimeZone: false }, limits);
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
    ['it sets what a unique index checks row by row', 'update customer set id = id + 1 where id not in (select customer_id from purchase)', 'unique index'],
    ['it writes something else each time', 'update "Lo""g" set note = random()::text where at::date = $1', 'random'],
    ['a null may be listed', 'delete from customer where id not in (select payer_id from purchase)', null],
  ])('is left alone where %s', async (_, text, because) => {
    const { found } = await foundFor(client, text, text.startsWith('delete') ? 'delete' : 'update');
    expect(found).toEqual(because === null ? null : { because: expect.stringContaining(because) });
  });
  test('that inserts is none of ours', async () => {
    const { units } = await foundFor(
      client,
      'insert into customer select id + 1000, name from customer where id not in (select customer_id from purchase)',
      'insert',
    );
    const [first, ...others] = units;
    expect(first === undefined ? null : await candidatesOf(client, [first, ...others])).toBeNull();
  });
});

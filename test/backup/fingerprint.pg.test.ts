import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fingerprintSettings, fingerprintTable, freshSeeds } from '../../activities/backup/marker/fingerprint.ts';
import { unhashableTypes } from '../../activities/backup/marker/unhashable-types.ts';
import { connect } from '../../activities/pg.ts';
import type { Equality } from '../../domain/backup/model.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';

let cluster: EmbeddedCluster;
let client: pg.Client;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  client = await connect(cluster.policy().connection, () => '', { settings: { ...fingerprintSettings, search_path: 'public' } });
});

afterAll(() => client?.end());

const equalities: readonly Equality[] = ['hash', 'text'];
const seeds = freshSeeds();
const fingerprint = (table: string, equality: Equality = 'hash') => fingerprintTable(client, { schema: 'public', table }, { seeds, equality });

/** Fingerprints before and after a change, which is rolled back. */
async function before(table: string, change: string, equality: Equality): Promise<[string, string]> {
  const first = await fingerprint(table, equality);
  await client.query('begin');
  await client.query(change);
  const second = await fingerprint(table, equality);
  await client.query('rollback');
  return [`${first.rows} ${first.sum}`, `${second.rows} ${second.sum}`];
}

describe.each(equalities)('%s form', (equality) => {
  test('equal content gives equal fingerprints, whatever the order of its rows', async () => {
    await client.query('create table forth as select g as id, md5(g::text) as v from generate_series(1, 500) g');
    await client.query('create table back as select * from forth order by id desc');
    expect(await fingerprint('back', equality)).toEqual(await fingerprint('forth', equality));
    await client.query('drop table forth, back');
  });

  test.each([
    ['two rows that exchange one column’s value', `update swap s set b = o.b from swap o where (s.id, o.id) in ((1, 2), (2, 1))`],
    ['NULL turned 0', 'update swap set n = 0 where id = 3'],
    ['NULL turned 0::float8', 'update swap set f = 0 where id = 3'],
    ['NULL turned {}', "update swap set j = '{}' where id = 3"],
    ['NULL turned NaN', "update swap set f = 'NaN' where id = 3"],
    ['an empty text turned NULL', "update swap set t = null where t = ''"],
    ['a row twice and another gone', 'delete from swap where id = 5; insert into swap select * from swap where id = 6'],
    ['two rows of the same value turned two of another', 'update swap set n = 8 where id in (7, 8)'],
    ['one value moved to the next column', 'update swap set a = b, b = a where id = 9'],
  ])('%s shows', async (_, change) => {
    await client.query(
      "create table if not exists swap as select g as id, g * 7 as a, g * 11 as b, nullif(7, g + 4)::int as n, nullif(1.5, g - 1.5)::float8 as f, null::jsonb as j, ''::text as t from generate_series(1, 50) g",
    );
    await client.query('update swap set n = null, f = null where id = 3');
    const [first, second] = await before('swap', change, equality);
    expect(second).not.toBe(first);
  });
});

test('ten thousand swaps: none is missed, and the plain sum of row hashes misses most of them', async () => {
  await client.query('create table pairs as select g as id, (random() * 1e9)::int as v, (random() * 1e9)::int as w from generate_series(1, 20000) g');
  // each pair hashed alone, before and after the exchange: what a change of just that pair would do to the table's sum
  const row = (id: string, v: string) => `row(${id}.id, ${v}.v, ${id}.w)`;
  const missed = async (hash: (record: string) => string) => {
    const { rows } = await client.query<{ missed: number }>(
      `select count(*)::int as missed from pairs a join pairs b on b.id = a.id + 1 and a.id % 2 = 1
       where a.v <> b.v and ${hash(row('a', 'a'))}::numeric + ${hash(row('b', 'b'))} = ${hash(row('a', 'b'))}::numeric + ${hash(row('b', 'a'))}`,
    );
    return rows[0]?.missed ?? -1;
  };
  expect(await missed((record) => `hashint8extended(hash_record_extended(${record}, ${seeds[0]}), ${seeds[1]})`)).toBe(0);
  expect(await missed((record) => `hash_record_extended(${record}, 0)`)).toBeGreaterThan(1_000);
});

test('a column called t, no columns at all, dropped columns, generated ones, a name of 63 bytes full of quotes', async () => {
  const hostile = `"; drop table x; --.${'é'.repeat(21)}x`;
  expect(Buffer.byteLength(hostile)).toBe(63);
  await client.query('create table t (t int, u int generated always as (t * 2) stored); insert into t values (1), (2)');
  await client.query('create table nothing (); insert into nothing default values; insert into nothing default values');
  await client.query('create table gone (a int, b text); insert into gone values (1, $$x$$); alter table gone drop column a');
  await client.query(`create table "${hostile.replaceAll('"', '""')}" (a int); insert into "${hostile.replaceAll('"', '""')}" values (1)`);
  const rows: string[] = [];
  for (const table of ['t', 'nothing', 'gone', hostile]) rows.push((await fingerprint(table)).rows);
  expect(rows).toEqual(['2', '2', '1', '1']);
  const [first, second] = await before('t', 'update t set t = 3 - t where false or t = 1', 'hash');
  expect(second).not.toBe(first);
});

test('an inheritance parent is read without its children', async () => {
  await client.query('create table parent (a int); create table child () inherits (parent); insert into parent values (1); insert into child values (2), (3)');
  expect((await fingerprint('parent')).rows).toBe('1');
  expect((await fingerprint('child')).rows).toBe('2');
});

test('row security raises an error instead of hiding rows', async () => {
  await client.query(
    'create role looker; grant select on all tables in schema public to looker; create table secret (a int); insert into secret values (1), (2)',
  );
  await client.query('grant select on secret to looker; alter table secret enable row level security; set role looker');
  await expect(fingerprint('secret')).rejects.toMatchObject({ code: '42501' });
  await client.query('reset role');
});

/** Types PostgreSQL can or cannot hash, each in a table of its own: what the catalogue says must be what really works. */
const types = [
  ...[
    'int',
    'text',
    'varchar(5)',
    'char(3)',
    'name',
    'uuid',
    'jsonb',
    'numeric',
    'float8',
    'timestamptz',
    'interval',
    'inet',
    'macaddr',
    'bytea',
    'oid',
    'regclass',
    'tid',
  ],
  ...[
    'json',
    'xml',
    'point',
    'box',
    'path',
    'circle',
    'tsvector',
    'tsquery',
    'money',
    'bit(3)',
    'varbit',
    'pg_lsn',
    'xid',
    'xid8',
    'cid',
    'aclitem',
    'int2vector',
    'oidvector',
  ],
  ...[
    'int[]',
    'text[][]',
    'json[]',
    'point[]',
    'int4range',
    'numrange',
    'int4multirange',
    'mood',
    'mood[]',
    'positive',
    'positive[]',
    'doc',
    'doc[]',
    'pair',
    'pair[]',
    'badpair',
    'badpair[]',
  ],
  ...[
    'moodrange',
    'pgcrypt_range',
    'nested',
    'jsonpath',
    'refcursor',
    'pg_snapshot',
    'txid_snapshot',
    'lseg',
    'line',
    'polygon',
    'timetz',
    'citext',
    'hstore',
    'ltree',
    'cube',
  ],
];

test('the catalogue tells exactly which types have a hash', async () => {
  await client.query(
    "create type mood as enum ('a', 'b'); create domain positive as int check (value > 0); create domain doc as json; create type pair as (a int, b text)",
  );
  await client.query(
    'create type badpair as (a int, b json); create type nested as (p pair[], r int4range, d positive); create type moodrange as range (subtype = mood)',
  );
  for (const extension of ['citext', 'hstore', 'ltree', 'cube']) await client.query(`create extension if not exists ${extension}`).catch(() => {});
  const wrong: string[] = [];
  let tried = 0;
  for (const type of types) {
    const made = await client.query(`create table typed (v ${type}); insert into typed values (null)`).catch(() => null);
    if (made === null) continue;
    tried += 1;
    const oid = String((await client.query("select atttypid::int8 as oid from pg_attribute where attrelid = 'typed'::regclass and attnum = 1")).rows[0].oid);
    const works = await fingerprint('typed', 'hash').then(
      () => true,
      () => false,
    );
    const said = !(await unhashableTypes(client)).includes(oid);
    if (works !== said) wrong.push(`${type}: works ${works}, catalogue ${said}`);
    expect((await fingerprint('typed', 'text')).rows).toBe('1');
    await client.query('drop table typed');
  }
  expect(wrong).toEqual([]);
  expect(tried).toBeGreaterThan(55);
});

test('the text form does not depend on the server’s settings', async () => {
  await client.query(
    "create table formats as select 1.0::float8 / 3 as f, '2026-01-02 03:04:05+06'::timestamptz as z, '\\x00ff'::bytea as b, '1 day 2:00'::interval as i, '12.5'::money as m",
  );
  const usual = await fingerprint('formats', 'text');
  await cluster.sql("alter database postgres set datestyle = 'German'");
  for (const [name, value] of Object.entries({ timezone: 'Asia/Tokyo', intervalstyle: 'iso_8601', bytea_output: 'escape', extra_float_digits: '-5' })) {
    await cluster.sql(`alter database postgres set ${name} = '${value}'`);
  }
  const other = await connect(cluster.policy().connection, () => '', { settings: fingerprintSettings });
  const bare = await connect(cluster.policy().connection, () => '');
  const table = { schema: 'public', table: 'formats' };
  expect(await fingerprintTable(other, table, { seeds, equality: 'text' })).toEqual(usual);
  // without the settings it would: the check above can fail
  expect(await fingerprintTable(bare, table, { seeds, equality: 'text' })).not.toEqual(usual);
  await Promise.all([other.end(), bare.end()]);
});

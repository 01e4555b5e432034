/** Columns that print names of other objects: a renamed object changes no row, and no fingerprint. */
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { bySlot } from '../../activities/backup/marker/by-slot.ts';
import { fingerprintSettings, fingerprintTable, freshSeeds } from '../../activities/backup/marker/fingerprint.ts';
import { makeMarker, type Way } from '../../activities/backup/marker/marker.ts';
import { tableKey, textColumnsByTable } from '../../activities/backup/marker/name-columns.ts';
import { connect } from '../../activities/pg.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { copyOf, type Standby } from './marker-standby.ts';
import { markerOf, policyOf, session, told } from './marker-support.ts';

let cluster: EmbeddedCluster;
let admin: pg.Client;
let reader: pg.Client;
const open: pg.Client[] = [];
const seeds = freshSeeds();

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off', wal_keep_size: '1GB' } });
  admin = await session(cluster);
  reader = await connect(cluster.policy().connection, () => '', { settings: fingerprintSettings });
  await admin.query(`create table object (a int); create role person; create function made() returns int language sql as 'select 1'; create schema space;
    create domain of_object as regclass; create domain objects as regclass[]; create type held as (a int, o regclass); create type heavy as (o regclass, j json);
    create type span as range (subtype = oid); create domain domained as held`);
});

afterAll(() => Promise.all([admin?.end(), reader?.end()]));
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.end()));
});

const table = { schema: 'public', table: 'naming' };
const columns = async () => (await textColumnsByTable(reader)).get(tableKey(table)) ?? null;
/** Fingerprint of the only row, in today's form and as it prints. */
async function prints() {
  const form = { seeds, equality: 'text' as const };
  return { today: await fingerprintTable(reader, table, { ...form, columns: await columns() }), printed: await fingerprintTable(reader, table, form) };
}

describe.each([
  ['regclass', "'object'", 'alter table object rename to thing', 'alter table thing rename to object', "'pg_class'", 'oid'],
  ['regclass[]', "array['object']::regclass[]", 'alter table object rename to thing', 'alter table thing rename to object', "'[2:2]={object}'", 'oid[]'],
  ['of_object', "'object'", 'alter table object set schema space', 'alter table space.object set schema public', "'pg_class'", 'oid'],
  ['objects', "array['object']::regclass[]", 'alter table object rename to thing', 'alter table thing rename to object', "'{}'", 'oid[]'],
  ['of_object[]', "array['object']::of_object[]", 'alter table object rename to thing', 'alter table thing rename to object', "'{}'", 'hash'],
  ['held', "row(1, 'object')", 'alter table object rename to thing', 'alter table thing rename to object', "row(2, 'object')", 'hash'],
  ['domained[]', "array[row(1, 'object')]::domained[]", 'alter table object rename to thing', 'alter table thing rename to object', "'{}'", 'hash'],
  ['regrole', "'person'", 'alter role person rename to other', 'alter role other rename to person', "'postgres'", 'oid'],
  ['regproc', "'made'", 'alter function made() rename to done', 'alter function done() rename to made', "'now'", 'oid'],
  ['regprocedure', "'made()'", 'alter function made() rename to done', 'alter function done() rename to made', "'now()'", 'oid'],
  ['regnamespace', "'space'", 'alter schema space rename to room', 'alter schema room rename to space', "'public'", 'oid'],
  ['aclitem', "'person=r/postgres'", 'alter role person rename to other', 'alter role other rename to person', "'person=w/postgres'", 'hash'],
  ['aclitem[]', "'{person=r/postgres}'", 'alter role person rename to other', 'alter role other rename to person', "'{}'", 'hash'],
])('%s', (type, value, rename, back, another, how) => {
  test('a renamed object leaves the fingerprint as it is; another value, or none, changes it', async () => {
    await admin.query(`drop table if exists naming; create table naming (c0 int, gone int, c1 ${type}, "t" json); alter table naming drop column gone`);
    await admin.query(`insert into naming values (1, ${value}, '{"a": 1}')`);
    expect((await columns())?.map((each) => each.how)).toEqual(['plain', how, 'plain']);
    const before = await prints();
    await admin.query(rename);
    const renamed = await prints();
    await admin.query(back);
    expect(renamed.today).toEqual(before.today);
    // as it prints it would differ: what is shown above can fail
    expect(renamed.printed).not.toEqual(before.printed);
    const seen = [before.today.sum];
    for (const change of [`c1 = ${another}`, 'c1 = null', `c1 = ${value}, t = '{"a":1}'`]) {
      await admin.query(`update naming set ${change}`);
      seen.push((await prints()).today.sum);
    }
    expect(new Set(seen).size).toBe(4);
  });
});

test('only tables with such columns are read that way; one that has names and no hash cannot be', async () => {
  await admin.query('drop table if exists naming; create table plain (a int, j json); create table ranged (s span, o oid); create table naming (h heavy)');
  const found = await textColumnsByTable(reader);
  expect([...found]).toEqual([[tableKey(table), [{ name: 'h', how: 'none' }]]]);
  const marker = await markerOf(cluster, 'postgres', { equality: 'text' });
  expect(told(marker)).toMatchObject({ 'public.plain': '0', 'public.ranged': '0', 'public.naming': 'unreadable-type' });
  expect(marker.notCovered.find(({ object }) => object === 'public.naming')?.detail).toContain('column h names other objects');
  await admin.query('drop table plain, ranged, naming');
});

describe('an object and a column renamed between the snapshot and the reading', () => {
  let copy: Standby;
  beforeAll(async () => {
    copy = await copyOf(cluster, 'copy');
    return () => copy.stop();
  });

  test('the clone, which never saw it, has the same fingerprints', async () => {
    await admin.query("create table noted (a int, o regclass, j json); insert into noted values (1, 'object', '{}')");
    const renaming: Way = async (...asked) => {
      const held = await bySlot(...asked);
      await admin.query('alter table object rename to thing; alter table noted rename column o to p');
      return held;
    };
    const source = { policy: policyOf(cluster), database: 'postgres', readSecret: () => '', signal: new AbortController().signal };
    const marker = await makeMarker(source, { equality: 'text', previous: null, ways: [renaming] }, () => {});
    expect(told(marker)).toMatchObject({ 'public.object': 'dropped-while-reading', 'public.noted': '1' });
    expect(marker.textForm).toBe('oids');
    await admin.query('select pg_current_xact_id()');
    await copy.walkTo(marker.lsn);
    const { equivalence, comparison } = await copy.judge(marker);
    expect(equivalence.verdict).toBe('equal');
    expect(comparison.differences).toEqual([]);
    const [row] = (await (await copy.session('postgres')).query('select o::text as printed from noted')).rows;
    expect(row.printed).toBe('object');
  });
});

import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { byQuietMoment } from '../../activities/backup/marker/by-quiet-moment.ts';
import { bySlot } from '../../activities/backup/marker/by-slot.ts';
import type { Way } from '../../activities/backup/marker/marker.ts';
import { sourceTables } from '../../activities/backup/marker/tables.ts';
import { applyObjects } from '../../activities/backup/source/objects.ts';
import { createSource } from '../../activities/backup/source/source.ts';
import { isCarriedOver } from '../../domain/backup/fingerprint.ts';
import { compareLsn } from '../../domain/backup/lsn.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { makeMarkers, markerBy, markerOf, policyOf, session, sessionOfTest, told } from './marker-support.ts';

let cluster: EmbeddedCluster;
let admin: pg.Client;
const HOSTILE = `"; drop table x; --.${'é'.repeat(21)}x`;
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off', max_prepared_transactions: '5' } });
  admin = await session(cluster);
  for (const database of ['kinds', 'empty', 'ways', 'modes']) await admin.query(`create database ${database}`);
  await admin.query('create database closed; ').then(() => admin.query('alter database closed allow_connections off'));
  await admin.query('create role reader login replication; grant pg_read_all_data, pg_monitor to reader');
});

afterAll(() => admin?.end());

const also = (database: string) => sessionOfTest(cluster, database);

describe('which tables a marker covers', () => {
  beforeAll(async () => {
    await cluster.sql(
      `create schema "a.b"; create table "a.b".${quoted(HOSTILE)} (${quoted(HOSTILE)} int); insert into "a.b".${quoted(HOSTILE)} values (1);
       create table no_key (a int, j json, p point[]); insert into no_key values (1, '{}', '{}'), (1, '{}', '{}');
       create table parent (a int); create table child () inherits (parent); insert into parent values (1); insert into child values (2), (3);
       create table parts (a int) partition by range (a); create table parts_1 partition of parts for values from (0) to (10) partition by range (a);
       create table parts_1_1 partition of parts_1 for values from (0) to (5); create unlogged table parts_2 partition of parts for values from (10) to (20);
       insert into parts values (1), (2), (12);
       create table generated (a int, b int generated always as (a * 2) stored); insert into generated values (1);
       create materialized view filled as select * from parent; create materialized view unfilled as select * from parent with no data;
       create view looked_at as select * from parent;
       create table nothing (); create unlogged table fast (a int);
       create extension postgres_fdw; create server far foreign data wrapper postgres_fdw; create foreign table away (a int) server far;
       create table secret (a int); alter table secret enable row level security; insert into secret values (1);
       create type pair as (a int, b json); create domain good as pair; create table nested (a good, b good[], c int4range); insert into nested values (row(1, '{}'), '{}', '[1,2)');
       create collation loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false); create table collated (a text collate loose); insert into collated values ('x');
       create sequence counted; select nextval('counted'); create sequence down increment -3; select nextval('down'); create sequence unused; create temporary sequence passing;
       create extension hstore; create table uses (h hstore)`,
      { database: 'kinds' },
    );
  });

  test('every kind of table is covered, or named with its reason', async () => {
    const temp = await also('kinds');
    await temp.query('create temporary table mine (a int); insert into mine values (1)');
    const marker = await markerOf(cluster, 'kinds', { user: 'reader' });
    expect(told(marker)).toEqual({
      [`a.b.${HOSTILE}`]: '1',
      'public.no_key': '2',
      'public.parent': '1',
      'public.child': '2',
      'public.parts_1_1': '2',
      'public.parts_2': 'unlogged',
      'public.generated': '1',
      'public.filled': '3',
      'public.nothing': '0',
      'public.fast': 'unlogged',
      'public.away': 'foreign-table',
      'public.secret': 'row-security',
      'public.nested': '1',
      'public.collated': '1',
      'public.uses': '0',
    });
    const texts = marker.fingerprints.filter(({ equality }) => equality === 'text').map(({ table }) => table);
    expect(texts.sort()).toEqual(['collated', 'nested', 'no_key']);
    expect(marker.fingerprints.every(({ seeds }) => !seeds.includes('0') && seeds[0] !== seeds[1])).toBe(true);
    expect(marker.sequences).toEqual([
      { schema: 'public', table: 'counted', lastValue: '1', increment: '1' },
      { schema: 'public', table: 'down', lastValue: '-1', increment: '-3' },
    ]);
  });

  test('a superuser also reads behind row security; a deep marker compares text everywhere', async () => {
    const marker = await markerOf(cluster, 'kinds', { equality: 'text' });
    expect(told(marker)['public.secret']).toBe('1');
    expect(marker.fingerprints.every(({ equality }) => equality === 'text')).toBe(true);
  });

  test('a role without rights on a table, or on large objects, says so', async () => {
    await cluster.sql('create role poor login replication');
    await cluster.sql("select lo_from_bytea(0, 'x'); grant usage on schema public to poor; grant select on parent to poor", { database: 'kinds' });
    const poor = told(await markerOf(cluster, 'kinds', { user: 'poor' }));
    expect([poor['public.parent'], poor['public.child'], poor[`a.b.${HOSTILE}`], poor['pg_catalog.pg_largeobject']]).toEqual([
      '1',
      'no-privilege',
      'no-privilege',
      'large-objects',
    ]);
    expect(told(await markerOf(cluster, 'kinds', { user: 'reader' }))['pg_catalog.pg_largeobject']).toBe('1');
  });

  test('a database without tables has a marker all the same; databases are in LSN order, what is left out is named', async () => {
    const { markers, notCovered } = await makeMarkers(cluster, { excludedDatabases: ['kinds'] });
    expect(markers.map(({ database }) => database)).toEqual(['empty', 'modes', 'postgres', 'ways']);
    expect([...markers].sort((a, b) => compareLsn(a.lsn, b.lsn))).toEqual(markers);
    expect(markers[0]).toMatchObject({ way: 'optimistic', fenceMs: 0, fingerprints: [], notCovered: [], witness: null, timeline: 1 });
    expect(new Set(markers.map(({ databaseOid: oid = 0, knownDatabases: all }) => all?.length === 6 && all.includes(oid) && oid)).size).toBe(4);
    expect(notCovered.map(({ database, object, reason }) => [database, object, reason])).toEqual([
      ['closed', null, 'database-excluded'],
      ['kinds', null, 'database-excluded'],
    ]);
  });

  test('the newest witness of the snapshot is in the marker, and the witness table is covered', async () => {
    await applyObjects(admin, 'reader');
    const witness = await createSource({ readSecret: () => '' }).writeWitness(policyOf(cluster, { user: 'reader' }));
    const marker = await markerOf(cluster, 'postgres', { user: 'reader' });
    expect(marker.witness).toEqual(witness);
    expect(told(marker)['assay.witness']).toBe('1');
  });
});

describe('tables that change under the snapshot', () => {
  /** Runs `ddl` between the snapshot and the reading of `late`: another table, read first, waits on a lock until then. */
  async function during(ddl: string, made = { types: '', late: 'create table late (a int); insert into late values (1)' }) {
    const other = await also('ways');
    await other.query(
      `drop table if exists big, late, later; ${made.types}; create table big (a int); ${made.late}; insert into big select generate_series(1, 5000)`,
    );
    await other.query('analyze big');
    const thenLocked: Way = async (...asked) => {
      const held = await bySlot(...asked);
      await other.query('begin; lock table big in access exclusive mode');
      return held;
    };
    const making = markerBy(cluster, 'ways', [thenLocked], { fingerprint: { parallel: 1 } });
    const changer = await also('ways');
    await Promise.race([untilBlocked(), making]);
    await changer.query(ddl);
    await other.query('commit');
    return told(await making);
  }
  const untilBlocked = async () => {
    for (;;) {
      const [row] = await cluster.sql<{ waiting: boolean }>('select exists (select from pg_locks where not granted and relation is not null) as waiting');
      if (row?.waiting) return;
    }
  };

  test('read undisturbed, both are covered', async () => {
    expect(await during('select 1')).toEqual({ 'public.big': '5000', 'public.late': '1' });
  });

  test.each([
    ['dropped', 'drop table late'],
    ['truncated', 'truncate late'],
    ['rewritten', 'alter table late alter a type bigint'],
    ['given a column', 'alter table late add b int default 5'],
    ['exchanged for another of the same name', 'alter table late rename to later; create table late (a int)'],
  ])('a table that was %s after the snapshot is not covered, never wrongly fingerprinted', async (_, ddl) => {
    expect(await during(ddl)).toEqual({ 'public.big': '5000', 'public.late': 'dropped-while-reading' });
  });

  test.each([
    ['a label of an enum was renamed', "alter type mood rename value 'glad' to 'happy'"],
    ['a label was added', "alter type mood add value 'sad' before 'glad'"],
    ['a composite type was given an attribute', 'alter type pair add attribute c int'],
    ['another table, whose row type a column has, was given a column', 'alter table rowed add column c int'],
  ])('where %s after the snapshot, tables of that type are not covered', async (_, ddl) => {
    const types = `drop table if exists late, big; drop type if exists mood, pair; drop table if exists rowed;
      create type mood as enum ('glad'); create type pair as (a int, b text); create table rowed (a int)`;
    const late = "create table late (m mood, p pair, r rowed, j json); insert into late values ('glad', row(1, 'x'), row(1), '[]')";
    expect(await during(ddl, { types, late })).toMatchObject({ 'public.big': '5000', 'public.late': 'dropped-while-reading' });
    expect(await during('select 1', { types, late })).toMatchObject({ 'public.big': '5000', 'public.late': '1' });
    await cluster.sql('drop table late, rowed', { database: 'ways' });
  });

  test('a table that was dropped before its turn in the list came is not called forbidden', async () => {
    const holder = await also('ways');
    await cluster.sql('create table gone (a int)', { database: 'ways' });
    await holder.query('begin isolation level repeatable read; select 1');
    await cluster.sql('drop table gone', { database: 'ways' });
    const found: [string, string | null][] = [];
    const types = { unhashable: [], named: new Map() };
    for await (const page of sourceTables(holder, types, { by: 'size' }))
      found.push(...page.map(({ table, obstacle }): [string, string | null] => [table, obstacle]));
    await holder.query('rollback');
    expect(found).toContainEqual(['gone', 'dropped-while-reading']);
  });

  test('a table locked exclusively at the moment of the snapshot is not covered, though it is free again when it is read', async () => {
    const other = await also('ways');
    await other.query('drop table if exists big, late, later; create table big (a int); create table late (a int)');
    await other.query('begin; lock table late in access exclusive mode');
    const thenFree: Way = async (...asked) => {
      const held = await byQuietMoment(...asked);
      await other.query('rollback');
      return held;
    };
    const marker = await markerBy(cluster, 'ways', [thenFree]);
    expect(told(marker)).toEqual({ 'public.big': '0', 'public.late': 'budget' });
    expect(marker.notCovered[0]?.detail).toContain('exclusive lock on it at that moment');
  });

  test('a table locked for good does not hold up the others', async () => {
    const other = await also('ways');
    await other.query('drop table if exists big, late, later; create table big (a int); create table late (a int)');
    await other.query('begin; lock table big in access exclusive mode');
    expect(told(await markerOf(cluster, 'ways'))).toEqual({ 'public.big': 'budget', 'public.late': '0' });
    await other.query('rollback');
  });
});

describe('budget', () => {
  const fingerprint = (mode: 'changed' | 'sample' | 'full', more: object = {}) => ({ fingerprint: { mode, ...more } });

  beforeAll(() =>
    cluster.sql(Array.from({ length: 6 }, (_, at) => `create table m${at} as select g from generate_series(1, 2000) g`).join(';'), { database: 'modes' }),
  );

  test('what does not fit into the snapshot’s age is named', async () => {
    const marker = await markerOf(cluster, 'modes', fingerprint('full', { maxSnapshotAgeMs: 1 }));
    expect(new Set(Object.values(told(marker)))).toEqual(new Set(['budget']));
  });

  test('changed: a table whose counters stood still keeps its fingerprint and its age', async () => {
    const first = await markerOf(cluster, 'modes', fingerprint('changed'));
    await cluster.sql('update m3 set g = g + 1 where g = 5', { database: 'modes' });
    await cluster.sql('alter table m4 add b int', { database: 'modes' });
    const second = await markerOf(cluster, 'modes', { ...fingerprint('changed'), previous: [first] });
    const read = second.fingerprints.filter((each) => !isCarriedOver(second, each)).map(({ table }) => table);
    expect(read.sort()).toEqual(['m3', 'm4']);
    expect(second.fingerprints.length).toBe(6);
    const deep = await markerOf(cluster, 'modes', { ...fingerprint('changed'), previous: [second], equality: 'text' });
    expect(deep.fingerprints.filter((each) => isCarriedOver(deep, each))).toEqual([]);
  });

  test('sample: goes round until every table was read', async () => {
    const seen = new Set<string>();
    let previous: Awaited<ReturnType<typeof markerOf>> | undefined;
    for (let round = 0; round < 3; round += 1) {
      previous = await markerOf(cluster, 'modes', { ...fingerprint('sample', { sampleShare: 0.3 }), ...(previous ? { previous: [previous] } : {}) });
      expect(previous.fingerprints.length).toBe(2);
      expect(previous.notCovered.map(({ reason }) => reason)).toEqual(Array(4).fill('budget'));
      for (const { table } of previous.fingerprints) seen.add(table);
    }
    expect(seen.size).toBe(6);
  });
});

/** A lab of an older moment gets the indexes that its source has now; two databases stand for the two. */
import type pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { madeAsOnSource } from '../../activities/optimizer/lab/as-on-source.ts';
import { connect } from '../../activities/pg.ts';
import { AssayError } from '../../domain/errors.ts';
import { quietIo } from '../backup/clone-support.ts';
import { testCluster } from '../support/cluster.ts';

let source: pg.Client;
let lab: pg.Client;

const schema = `create schema "odd ""s"".x"; create table "odd ""s"".x"."Größe; drop" (id int primary key, kind int, note text);
  create index "Kind!" on "odd ""s"".x"."Größe; drop" (kind);
  create table part (id int, at date) partition by range (at);
  create table part_1 partition of part for values from ('2026-01-01') to ('2026-07-01');
  create table part_2 partition of part for values from ('2026-07-01') to ('2027-01-01');
  create table twice (n int); insert into twice values (1), (1);`;

beforeAll(async () => {
  const cluster = await testCluster({ stanzaCreate: false });
  const open = async (database: string) => {
    await cluster.sql(`create database ${database}`);
    const client = await connect({ ...cluster.policy().connection, database }, () => '');
    await client.query(schema);
    return client;
  };
  source = await open('source');
  lab = await open('lab');
  return async () => Promise.all([source.end(), lab.end()]);
}, 60_000);

const fromSource = async <T>(use: (client: pg.Client) => Promise<T>) => {
  await source.query('begin read only');
  return use(source).finally(() => source.query('commit'));
};
const aligned = () => madeAsOnSource(lab, fromSource, quietIo());
const indexes = async (client: pg.Client) =>
  (await client.query(`select indexdef from pg_indexes where schemaname not like 'pg\\_%' order by indexdef collate "C"`)).rows.map(({ indexdef }) => indexdef);

test('nothing is said where both are alike but for names, however sessions write constants', async () => {
  for (const client of [source, lab]) await client.query(`create index half on part_1 (at) where at > '2026-03-04'; create table swapped (a int, b int)`);
  await source.query(`create index one on swapped (a); create index two on swapped (b); set datestyle = 'SQL, DMY'`);
  await lab.query('create index two on swapped (a); create index one on swapped (b); alter index "odd ""s"".x"."Kind!" rename to "another name"');
  expect(await aligned()).toEqual([]);
  await source.query('reset datestyle');
  expect(await indexes(lab)).toEqual(await indexes(source));
});

test('an index that replaced one of its name, which stays under another; and one of two alike that went', async () => {
  for (const client of [source, lab]) await client.query('create table moved (a int, b int); create index idx on moved (a); create index twin on moved (a)');
  await source.query('drop index twin; alter index idx rename to idx_old; create index idx on moved (a, b)');
  expect(await aligned()).toEqual([expect.stringMatching(/^1 .* were made .*: idx$/), expect.stringMatching(/^1 .* no longer on the source/)]);
  expect(await indexes(lab)).toEqual(await indexes(source));
});

test('an index that is being attached on the source, or that was detached, stays', async () => {
  for (const client of [source, lab]) await client.query('create index i1 on part_1 (id); create index whole on part (id, at)');
  await source.query('create index pi on only part (id); alter index pi attach partition i1; alter table part detach partition part_2');
  const before = await indexes(lab);
  expect(await aligned()).toEqual([]);
  expect(await indexes(lab)).toEqual(before);
  await source.query(
    `drop index pi, whole; alter table part attach partition part_2 for values from ('2026-07-01') to ('2027-01-01'); drop index if exists part_2_id_at_idx`,
  );
  await lab.query('drop index whole, i1');
});

test('a schema that the role may not use changes nothing', async () => {
  for (const client of [source, lab]) await client.query('create schema shut; create table shut.t (a int); create index on shut.t (a)');
  await source.query('create role reader login; create index on shut.t (a, a)');
  await source.query('set role reader');
  expect(await aligned()).toEqual([expect.stringMatching(/^1 .* were made .*: t_a_a1_idx$/)]);
  await source.query('reset role');
});

test('what came on the source is built, what went is dropped, and a second look finds nothing', async () => {
  await source.query(`drop index "odd ""s"".x"."Kind!"; create index "Kind!" on "odd ""s"".x"."Größe; drop" (kind desc, id) include (note) where kind > 3;
    create index on part (at); create index by_text on "odd ""s"".x"."Größe; drop" (lower(note));
    create statistics "Both?" on kind, note from "odd ""s"".x"."Größe; drop"; create table newer (id int primary key); create index on newer (id)`);
  await lab.query('create table older (id int); create index on older (id); create index assay_lab_1 on part_1 (id)');
  const path = async () => (await lab.query('show search_path')).rows;
  const before = await path();
  const notices = await aligned();
  expect(notices).toEqual([
    expect.stringMatching(/^4 index\(es\) or statistics were made on the source .*: Kind!, by_text, part_at_idx, Both\?$/),
    expect.stringMatching(/^1 index\(es\) or statistics are no longer on the source, .*: Kind!$/),
  ]);
  expect(await path()).toEqual(before);
  const own = (all: readonly string[]) => all.filter((each) => !/older|newer|assay_lab/.test(each));
  expect(own(await indexes(lab))).toEqual(own(await indexes(source)));
  // what only one of them has a table for, and the lab's own, stay
  expect((await indexes(lab)).filter((each) => /older|assay_lab/.test(each))).toHaveLength(2);
  expect((await lab.query('select stxname from pg_statistic_ext')).rows).toEqual([{ stxname: 'Both?' }]);
  expect(await aligned()).toEqual([]);
});

test('what the lab refuses is said without a value, and the rest is done', async () => {
  await source.query('delete from twice; create unique index only_one on twice (n); create index plain on twice (n desc)');
  expect(await aligned()).toEqual([
    expect.stringMatching(/^1 index\(es\) or statistics were made .*: plain$/),
    expect.stringMatching(/^the copy is without what the source has now, .*: only_one, .*23505/),
  ]);
  await source.query('drop index only_one');
});

test('a source that does not answer ends nothing', async () => {
  const away = () => Promise.reject(new AssayError('cluster-unreachable', { cluster: 'shop', reason: 'away' }));
  expect(await madeAsOnSource(lab, away, quietIo())).toEqual([expect.stringMatching(/^the source did not say which indexes it has now: /)]);
});

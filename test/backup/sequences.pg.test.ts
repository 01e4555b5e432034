/** Sequences as markers read them, on a real cluster: a value that a sound clone could lie behind must never be asked of it. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSequences, settleSequences } from '../../activities/backup/marker/sequences.ts';
import { testCluster } from '../support/cluster.ts';
import { session } from './marker-support.ts';

let watch: pg.Client;
beforeAll(async () => {
  watch = await session(await testCluster());
}, 60_000);
afterAll(() => watch?.end());

/** What is asked of a clone when `between` happens around the snapshot. */
async function settled(create: string, between: string) {
  await watch.query(`drop table if exists stage; drop sequence if exists s; ${create}`);
  const before = await readSequences(watch);
  await watch.query(between);
  return settleSequences(before, await readSequences(watch)).map(({ table, lastValue }) => ({ table, lastValue }));
}

const used = "create sequence s; select nextval('s'), nextval('s')";

test('the lesser of both readings counts', async () => {
  expect(await settled(used, "select nextval('s')")).toEqual([{ table: 's', lastValue: '2' }]);
  expect(await settled("create sequence s increment -1; select nextval('s')", "select nextval('s')")).toEqual([{ table: 's', lastValue: '-1' }]);
});

test.each([
  ['restarted and used beyond its old value', "alter sequence s restart; select nextval('s') from generate_series(1, 9)", used],
  [
    'restarted by TRUNCATE',
    "truncate stage restart identity; insert into stage (v) select 'x' from generate_series(1, 9)",
    "create table stage (id serial, v text); insert into stage (v) values ('x'), ('y')",
  ],
])('one that was %s is not asked for', async (_, between, create) => {
  expect(await settled(create, between)).toEqual([]);
});

test('one that cycles is never behind', async () => {
  expect(await settled("create sequence s maxvalue 3 cycle; select nextval('s'), nextval('s')", "select nextval('s'), nextval('s')")).toEqual([]);
});

import pg from 'pg';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { readTableFacts } from '../../activities/optimizer/catalogue.ts';
import { openHypoPg } from '../../activities/optimizer/what-if/hypopg.ts';
import type { WhatIf, WhatIfMode } from '../../activities/optimizer/what-if/what-if.ts';
import { btree, createIndexSql, indexText } from '../../domain/optimizer/index-sql.ts';
import type { Bound, TableFacts } from '../../domain/optimizer/model.ts';
import { testCluster } from '../support/cluster.ts';

const parts = { schema: 'S.x', relation: 'Pa"rts' };
let client: pg.Client;
let facts: TableFacts[];

// 2,000 makers in 50 lands, 100 parts of each scattered over the table, 4 of each for each of its 25 colours; `few` are the makers of one land
beforeAll(async () => {
  const cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off', max_parallel_workers_per_gather: '0' } });
  await cluster.sql(`create schema "S.x";
    create table lands as select n as id, 'land ' || n as name from generate_series(1, 50) n;
    create table makers as select n as id, n % 50 + 1 as land from generate_series(1, 2000) n;
    create table few as select id from makers where land = 7;
    create table "S.x"."Pa""rts" as select n % 2000 + 1 as "Maker", (n % 2000) % 25 as colour, repeat('x', 400) as note from generate_series(1, 200000) n`);
  await cluster.sql('vacuum analyze');
  client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database: 'postgres' });
  // the server stops before the session does
  client.on('error', () => {});
  await client.connect();
  await client.query('set enable_hashjoin = off; set enable_mergejoin = off; set enable_bitmapscan = off; set enable_memoize = off');
  facts = await readTableFacts(client);
  return () => client.end();
});

let whatIf: WhatIf;
const open = async (mode: WhatIfMode) => {
  whatIf = await openHypoPg({ sessions: [client], facts, mode });
  return whatIf;
};
beforeEach(() => () => whatIf?.close());

const bound = (text: string): Bound => ({
  statement: { id: text, database: 'postgres', text, kind: 'select', calls: 1, totalMs: 1, rows: 1, blocks: 1, tempBlocks: 0, walBytes: 0 },
  text,
  parameterTypes: [],
  bindings: [{ source: 'captured', case: 'common', values: [] }],
});
const byMaker = btree(parts, ['Maker']);
const throughMakers = bound(`select p.note from lands l join makers m on m.land = l.id join "S.x"."Pa""rts" p on p."Maker" = m.id where l.name = 'land 7'`);
// the planner knows how often it runs where one table stands outside
const fromFew = bound('select p.note from few m join "S.x"."Pa""rts" p on p."Maker" = m.id');

test('a loop that a join on the way makes shorter costs what PostgreSQL asks for as many runs of one table', async () => {
  const raw = await (await open('raw')).plan(throughMakers, [byMaker]);
  const { plan } = await open('corrected');
  const [corrected, known] = [await plan(throughMakers, [byMaker]), await plan(fromFew, [byMaker])];
  expect([raw.used, corrected.used, known.used]).toEqual(Array(3).fill([indexText(byMaker)]));
  expect(raw.cost / known.cost).toBeLessThan(0.4);
  expect(corrected.cost / known.cost).toBeGreaterThan(0.85);
  expect(corrected.cost / known.cost).toBeLessThan(1.15);
});

test('so does one over an index that is really there', async () => {
  await client.query(createIndexSql(byMaker, 'really.there', { concurrently: false }));
  facts = await readTableFacts(client);
  const { plan } = await open('corrected');
  const [corrected, known] = [await plan(throughMakers, []), await plan(fromFew, [])];
  await client.query('drop index "S.x"."really.there"');
  facts = await readTableFacts(client);
  expect(corrected.cost / known.cost).toBeGreaterThan(0.85);
  expect(corrected.cost / known.cost).toBeLessThan(1.15);
});

test('columns that belong together give more rows a run than as if they were independent', async () => {
  const both = bound(`select p.note from few m join "S.x"."Pa""rts" p on p."Maker" = m.id and p.colour = (m.id - 1) % 25`);
  const joined = bound(`select p.note from few m join makers c on c.id = m.id join "S.x"."Pa""rts" p on p."Maker" = m.id and p.colour = c.land`);
  const { plan } = await open('corrected');
  const byBoth = btree(parts, ['Maker', 'colour']);
  const [independent, together] = [await plan(both, [byBoth]), await plan(joined, [byBoth])];
  // 40 runs: of 4 rows each for the planner, of 100 each in the sample of the table
  expect(together.used).toEqual([indexText(byBoth)]);
  expect(together.cost).toBeGreaterThan(3 * independent.cost);
});

test('a constant is one that the planner knows: nothing is made of the average value', async () => {
  // an outer join: the index is asked once for each of the few
  const rare = bound(`select p.note from few m left join "S.x"."Pa""rts" p on p."Maker" = 5 and p.colour = m.id`);
  const byBoth = btree(parts, ['Maker', 'colour']);
  const cost = async (mode: WhatIfMode) => (await (await open(mode)).plan(rare, [byBoth])).cost;
  await client.query('set enable_material = off');
  const [raw, corrected] = [await cost('raw'), await cost('corrected')];
  await client.query('reset enable_material');
  expect(corrected).toBeLessThan(raw * 1.5);
});

test('what is empty, or was never looked at, keeps its cost: no statement costs NaN', async () => {
  await client.query('create table fresh (id int primary key, few_id int); create table loaded (id int primary key, few_id int)');
  await client.query('insert into loaded select n, n from generate_series(1, 20000) n');
  facts = await readTableFacts(client);
  const { plan } = await open('corrected');
  for (const table of ['fresh', 'loaded']) {
    const joined = bound(`select * from few f join ${table} e on e.id = f.id where f.id < 400`);
    const [without, having] = [await plan(joined, []), await plan(joined, [btree({ schema: 'public', relation: table }, ['few_id'])])];
    expect(without.cost).toBeGreaterThan(0);
    expect(having.cost).toBe(without.cost);
    expect(without.cost).toBeLessThan(2_000);
  }
  await client.query('drop table fresh, loaded');
  facts = await readTableFacts(client);
});

test('a column that is nearly always null gives no row for most, and IS NULL beside it is one more condition', async () => {
  await client.query(`create table jobs as select case when n % 100 = 0 then n / 100 % 10 end as few_id, case when n % 1000 > 0 then n end as done, n as id,
    repeat('x', 200) as note from generate_series(1, 100000) n; analyze jobs; update few set id = id; analyze few`);
  facts = await readTableFacts(client);
  const jobs = { schema: 'public', relation: 'jobs' };
  const costs = async (text: string, keys: readonly string[]) => {
    const raw = (await (await open('raw')).plan(bound(text), [btree(jobs, keys)])).cost;
    return (await (await open('corrected')).plan(bound(text), [btree(jobs, keys)])).cost / raw;
  };
  expect(await costs('select j.note from few f join jobs j on j.few_id = f.id and length(j.note) > 300', ['few_id'])).toBeLessThan(2);
  expect(await costs('select j.note from few f join jobs j on j.id = f.id and j.done is null', ['id', 'done'])).toBeLessThan(1.5);
  await client.query('drop table jobs');
  facts = await readTableFacts(client);
});

test('where the first match is enough an index is not priced as if all were read', async () => {
  const { plan } = await open('corrected');
  await client.query('reset enable_hashjoin; reset enable_mergejoin; reset enable_memoize');
  const exists = bound(
    `select m.id from lands l join makers m on m.land = l.id where l.name = 'land 7' and exists (select from "S.x"."Pa""rts" p where p."Maker" = m.id and length(p.note) > 3)`,
  );
  const [without, having] = [await plan(exists, []), await plan(exists, [byMaker])];
  await client.query('set enable_hashjoin = off; set enable_mergejoin = off; set enable_memoize = off');
  expect(having.used).toEqual([indexText(byMaker)]);
  expect(having.cost).toBeLessThan(without.cost / 5);
});

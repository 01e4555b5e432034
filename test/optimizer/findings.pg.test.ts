/** Each finding about a node on a plan that real PostgreSQL made, and the plan beside it where it must stay silent. */
import { describe, expect, test } from 'vitest';
import type { FindingFacts, FindingKind } from '../../domain/optimizer/finding.ts';
import { sayFinding } from '../../domain/optimizer/finding-words.ts';
import type { TableFacts } from '../../domain/optimizer/model.ts';
import { type FoundOptions, figure, findingsServer, foundIn } from './findings-support.ts';

const server = findingsServer();
const found = (kind: FindingKind, sql: string, options: FoundOptions = {}) => foundIn(server, { kind, sql, ...options });

const events: TableFacts = {
  table: { schema: 'public', relation: 'events' },
  kind: 'table',
  rows: 100_000,
  sizeBytes: 20_000_000,
  columns: [],
  indexes: [],
  writesPerRead: null,
};
const facts: FindingFacts = { tables: [events] };

describe('a whole table read for few rows', () => {
  test('is found with its rows and its share', async () => {
    const [finding] = await found('seq-scan-few-rows', 'select * from events where region = 7 and city = 7');
    expect(finding).toMatchObject({
      node: 'Seq Scan',
      isMeasured: true,
      relation: { schema: 'public', relation: 'events' },
      evidence: { tableRows: 100_000, keptRows: 1_000, scans: 1, condition: '((events.region = 7) AND (events.city = 7))' },
    });
    expect(finding?.share).toBeGreaterThan(0.9);
  });

  test('by parallel workers it is one pass over the table', async () => {
    const settings = { parallel_setup_cost: '0', parallel_tuple_cost: '0', max_parallel_workers_per_gather: '2' };
    const [finding] = await found('seq-scan-few-rows', 'select count(*) from events where region = 7', { settings });
    expect(finding?.evidence).toMatchObject({ keptRows: 1_000, scans: 1 });
    // averages over processes are rounded to whole rows
    expect(figure(finding, 'tableRows') / 100_000).toBeCloseTo(1, 3);
  });

  test('is said before it is executed only where the size of the table is known', async () => {
    const sql = 'select * from events where region = 7';
    const [finding] = await found('seq-scan-few-rows', sql, { analyze: false, facts });
    expect(finding).toMatchObject({ isMeasured: false, evidence: { tableRows: 100_000 } });
    expect(await found('seq-scan-few-rows', sql, { analyze: false })).toEqual([]);
  });

  test.each([
    'select * from events',
    'select * from events where kind = 1',
    'select * from tiny where id = 7',
    'select * from events where region = 7 limit 1',
  ])('silent: %s', async (sql) => {
    expect(await found('seq-scan-few-rows', sql, { facts })).toEqual([]);
    expect(await found('seq-scan-few-rows', sql, { facts, analyze: false })).toEqual([]);
  });
});

describe('rows that OFFSET skips', () => {
  test('are found with their part of the time; another text is said to be no equal one', async () => {
    const [finding] = await found('offset-skips', 'select * from events order by id limit 10 offset 50000');
    expect(finding).toMatchObject({ node: 'Limit', isMeasured: true, evidence: { skippedRows: 50_000, keptRows: 10 } });
    expect(finding?.share).toBeGreaterThan(0.9);
    expect(finding === undefined ? '' : sayFinding(finding).wayOut).toMatch(/keyset.*no such text is proposed as an equal one/);
  });
  test.each([
    'select * from events order by id limit 10',
    'select * from events order by id limit 1000 offset 2000',
    'select * from tiny order by id limit 1 offset 400',
    'select * from events where id > 50000 order by id limit 10',
  ])('silent: %s', async (sql) => expect(await found('offset-skips', sql)).toEqual([]));
});

describe('rows read in vain', () => {
  test('by the filter of an index scan', async () => {
    const settings = { enable_seqscan: 'off', enable_bitmapscan: 'off' };
    const [finding] = await found('rows-discarded', 'select * from events where kind = 1 and region = 7', { settings });
    expect(finding).toMatchObject({ node: 'Index Scan', evidence: { by: 'filter', condition: '(events.region = 7)' } });
    expect(figure(finding, 'discardedRows')).toBeGreaterThan(30_000);
  });

  test('by the filter of a join', async () => {
    const sql = 'select count(*) from tiny a join tiny b on a.id <> b.id and a.id + b.id = 3';
    const [finding] = await found('rows-discarded', sql, { settings: { enable_hashjoin: 'off', enable_mergejoin: 'off' } });
    expect(finding).toMatchObject({ node: 'Nested Loop', evidence: { by: 'join-filter', keptRows: 2 } });
  });

  test.each([
    'select id, count(*) from events group by id having count(*) > 1',
    'select * from events where actor = 7 and region = 7',
    "select * from events where at < timestamptz '2026-02-01' and kind < 2",
  ])('silent: %s', async (sql) => {
    expect(await found('rows-discarded', sql)).toEqual([]);
  });
});

describe('a wrong count of rows', () => {
  test('is named where it starts, not where it is inherited', async () => {
    // region and city are the same number: PostgreSQL multiplies their shares
    const sql = 'select a.name, count(*) from events e join actors a on a.id = e.actor where e.region = 7 and e.city = 7 group by 1 order by 2';
    const all = await found('misestimate', sql);
    expect(all).toMatchObject([{ node: 'Seq Scan', relation: { relation: 'events' }, evidence: { actualRows: 1_000 } }]);
    expect(figure(all[0], 'factor')).toBeGreaterThan(50);
  });

  test.each([
    ['Merge Join', { enable_hashjoin: 'off', enable_nestloop: 'off' }],
    ['Hash Join', { enable_mergejoin: 'off', enable_nestloop: 'off' }],
    ['Nested Loop', { enable_mergejoin: 'off', enable_hashjoin: 'off' }],
  ])('of a join whose inputs were right, at the %s', async (join, settings) => {
    await server.client.query(`drop table if exists skewed_a, skewed_b; create table skewed_a as select 1 as key from generate_series(1, 900) union all select n from generate_series(2, 1100) n;
      create table skewed_b as select 1 as key from generate_series(1, 900) union all select n from generate_series(2, 1100) n`);
    await server.client.query('analyze skewed_a, skewed_b');
    // an expression hides the frequent value from the planner, on both sides
    const all = await found('misestimate', 'select count(*) from skewed_a a join skewed_b b on a.key + 0 = b.key + 0', { settings });
    expect(all).toMatchObject([{ node: join, evidence: { actualRows: 811_099 } }]);
  });

  test('of a CTE is named inside it, not at its readers', async () => {
    const sql = 'with few as materialized (select * from events where region = 7 and city = 7) select count(*) from few a join few b using (id)';
    expect((await found('misestimate', sql)).map(({ node }) => node)).toEqual(['Seq Scan']);
  });

  test.each([
    ['the rest was not asked for', 'select * from events limit 5', {}],
    [
      'EXISTS is content with one',
      'select count(*) from actors a where exists (select from events e where e.actor = a.id)',
      { enable_hashjoin: 'off', enable_mergejoin: 'off' },
    ],
    [
      'a merge join ends with its shorter side',
      'select count(*) from events e join (select id from actors where id < 40) a on a.id = e.id',
      { enable_hashjoin: 'off', enable_nestloop: 'off' },
    ],
    ['the count is right', 'select * from events where region = 7', {}],
    ['few rows, however wrong', 'select * from tiny where id + 0 = 7 or id + 1 = 7 or what || $$y$$ = $$xy$$', {}],
  ])('silent: %s', async (_why, sql, settings) => {
    expect(await found('misestimate', sql, { settings })).toEqual([]);
  });

  test('silent where nothing was executed', async () => {
    expect(await found('misestimate', 'select * from events where region = 7 and city = 7', { analyze: false })).toEqual([]);
  });
});

describe('work on disk', () => {
  const small = { work_mem: '1MB', hash_mem_multiplier: '1' };

  test.each([
    ['sort', 'Sort', 'select * from events order by note', {}],
    ['hash-join', 'Hash', 'select count(*) from events a join events b on a.note = b.note', { enable_mergejoin: 'off', enable_nestloop: 'off' }],
    ['hash-aggregate', 'Aggregate', 'select note, count(*) from events group by note', { enable_sort: 'off' }],
    ['kept-rows', 'CTE Scan', 'with kept as materialized (select * from events) select count(*) from kept', {}],
  ])('of a %s', async (what, node, sql, settings) => {
    const all = await found('spill', sql, { settings: { ...small, ...settings } });
    expect(all).toMatchObject([{ node, evidence: { what } }]);
    expect(figure(all[0], 'diskBytes')).toBeGreaterThan(2_000_000);
  });

  test('silent: enough memory', async () => {
    const settings = { work_mem: '256MB' };
    for (const sql of [
      'select * from events order by note',
      'select count(*) from events a join events b on a.note = b.note',
      'select note, count(*) from events group by note',
    ]) {
      expect(await found('spill', sql, { settings })).toEqual([]);
      expect(await found('spill', sql, { settings, analyze: false })).toEqual([]);
    }
  });

  test('is expected before it is executed, by the size of the rows', async () => {
    const [finding] = await found('spill', 'select * from events order by note', { settings: small, analyze: false });
    expect(finding).toMatchObject({ isMeasured: false, evidence: { what: 'sort', memoryBytes: 1_048_576 } });
    expect(await found('spill', 'select * from events order by note limit 10', { settings: small, analyze: false })).toEqual([]);
  });
});

describe('a loop that grows', () => {
  const loops = { enable_hashjoin: 'off', enable_mergejoin: 'off', enable_material: 'off', enable_memoize: 'off' };

  test('that goes through a table for each outer row', async () => {
    // what the inner side does with each row takes nearly all of the time: a processor that is taken away elsewhere does not change the share
    const sql = 'select count(*) from actors a join tiny t on t.id + 0 = a.id + 0 where a.id < 300 and repeat(t.what, 2000) is not null';
    const [finding] = await found('loop-explodes', sql, { settings: loops });
    expect(finding).toMatchObject({ evidence: { loops: 300, expectedLoops: expect.any(Number), rowsPerLoop: 500 } });
    const [expected] = await found('loop-explodes', sql, { settings: loops, analyze: false });
    expect(expected).toMatchObject({ isMeasured: false, node: 'Seq Scan' });
  });

  test('that runs far more often than expected', async () => {
    const sql = 'select count(a.name) from tied t join actors a on a.id = t.id where t.x = 1 and t.y = 1 and t.z = 1';
    const [finding] = await found('loop-explodes', sql, { settings: loops });
    expect(finding).toMatchObject({ evidence: { loops: 1_250, rowsPerLoop: 1 }, node: 'Index Scan' });
  });

  test.each([
    ['an index finds each row, as expected', 'select count(a.name) from events e join actors a on a.id = e.actor where e.actor < 200'],
    ['a few loops', 'select count(*) from tiny t join actors a on t.id = a.id where a.id < 20'],
  ])('silent: %s', async (_why, sql) => {
    expect(await found('loop-explodes', sql, { settings: loops })).toEqual([]);
    expect(await found('loop-explodes', sql, { settings: loops, analyze: false })).toEqual([]);
  });
});

describe('lossy scans', () => {
  test('a bitmap that outgrew its memory', async () => {
    const settings = { work_mem: '64kB', enable_seqscan: 'off', enable_indexscan: 'off' };
    const [finding] = await found('bitmap-lossy', 'select count(note) from events where kind = 1', { settings });
    expect(finding).toMatchObject({ node: 'Bitmap Heap Scan', relation: { relation: 'events' } });
    expect(figure(finding, 'recheckedRows')).toBeGreaterThan(10_000);
    expect(await found('index-rechecked', 'select count(note) from events where kind = 1', { settings })).toEqual([]);
    expect(await found('bitmap-lossy', 'select count(note) from events where kind = 1', { settings: { ...settings, work_mem: '4MB' } })).toEqual([]);
  });

  test('an index whose answer must be checked again', async () => {
    const settings = { enable_seqscan: 'off' };
    // every row holds the trigrams abc and bcd, none abcd
    const [finding] = await found('index-rechecked', "select count(*) from trigrams where note like '%abcd%'", { settings });
    expect(finding).toMatchObject({ node: 'Bitmap Heap Scan', evidence: { recheckedRows: 20_000, keptRows: 0 } });
    expect(await found('index-rechecked', 'select count(*) from events where actor = 7', { settings })).toEqual([]);
  });

  test('an index-only scan that goes to the table', async () => {
    const sql = 'select count(actor) from visited where actor < 4000';
    const settings = { enable_seqscan: 'off', enable_bitmapscan: 'off' };
    await server.client.query('create table visited as select * from events; create index on visited (actor); analyze visited');
    expect(await found('heap-fetches', sql, { settings })).toMatchObject([{ node: 'Index Only Scan', evidence: { fetches: 80_000, rows: 80_000 } }]);
    await server.client.query('vacuum visited');
    expect(await found('heap-fetches', sql, { settings })).toEqual([]);
  });
});

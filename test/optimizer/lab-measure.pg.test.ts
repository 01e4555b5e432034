/** Building, hiding and measuring sets of indexes on a real server that stands for a lab. */

import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { execute, prepareUnits, type Unit } from '../../activities/optimizer/lab/execute.ts';
import { measureLeaveOneOut, measureSet } from '../../activities/optimizer/lab/experiment.ts';
import { buildSet, dropSets } from '../../activities/optimizer/lab/sets.ts';
import { connect } from '../../activities/pg.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import type { Bound, StatementKind } from '../../domain/optimizer/model.ts';
import { judgeStatement, judgeTotal } from '../../domain/optimizer/verdict.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { quietIo } from '../backup/clone-support.ts';
import { testCluster } from '../support/cluster.ts';

let cluster: EmbeddedCluster;
let client: pg.Client;

const table = { schema: 'odd "schema".x', relation: 'Größe; drop' };
const quoted = '"odd ""schema"".x"."Größe; drop"';

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false });
  await cluster.sql(`create schema "odd ""schema"".x"; create table ${quoted} as
    select n as id, n % 1000 as "who?", n % 7 as kind, repeat('x', 50) as note from generate_series(1, 60000) n; analyze`);
  client = await connect(cluster.policy().connection, () => '');
  await client.query('set plan_cache_mode = force_custom_plan');
  return async () => {
    await client.end();
  };
}, 60_000);

let prepared = 0;

async function unitsOf(text: string, values: readonly (readonly (string | null)[])[], kind: StatementKind = 'select', types: readonly string[] = ['integer']) {
  prepared += 1;
  const bound: Bound = {
    statement: { id: `s${prepared}`, database: 'postgres', text, kind, calls: 10, totalMs: 1, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 },
    text,
    parameterTypes: types,
    bindings: values.map((each) => ({ source: 'synthetic', case: 'common', values: each })),
  };
  return prepareUnits(client, bound, prepared);
}

const session = (statementTimeoutMs = 10_000) => ({ client, io: quietIo(), statementTimeoutMs });
const rounds = { repeats: 5, untilMs: Number.POSITIVE_INFINITY };
const byWho = `select note from ${quoted} where "who?" = $1`;

test('a set is built with its real size and build time, and gone without a trace', async () => {
  const built = await buildSet(client, [btree(table, ['who?']), btree(table, ['kind', 'id'])], quietIo());
  expect(built.map(({ name }) => name)).toEqual(['assay_lab_1', 'assay_lab_2']);
  const [real] = await cluster.sql<{ bytes: string }>(`select pg_relation_size('"odd ""schema"".x".assay_lab_2') as bytes`);
  expect(built[1]?.sizeBytes).toBe(Number(real?.bytes));
  expect(built[0]?.buildMs).toBeGreaterThan(0);
  // an attempt that died left them: the next one begins anew
  expect(await buildSet(client, [btree(table, ['id'])], quietIo())).toHaveLength(1);
  await dropSets(client);
  expect(await cluster.sql(`select from pg_class where relname like 'assay_lab%'`)).toHaveLength(0);
});

describe('with a set built', () => {
  test('a statement that it serves is faster, one that it does not touch is timed once and the same', async () => {
    const built = await buildSet(client, [btree(table, ['who?'])], quietIo());
    const units = [...(await unitsOf(byWho, [['5'], ['99999']])), ...(await unitsOf(`select count(*) from ${quoted} where kind > $1`, [['3']]))];
    const { statements, notJudged, units: times } = await measureSet(session(), units, { built, rounds });
    expect(notJudged).toEqual([]);
    expect(times.map(({ isTouched, pairs }) => [isTouched, pairs.length])).toEqual([
      [true, 5],
      [true, 5],
      [false, 1],
    ]);
    expect(statements.map((each) => judgeStatement(each).judged)).toEqual(['faster', 'same']);
    const [served] = statements;
    expect(served?.after.blocks).toBeLessThan(served?.before.blocks as number);
    expect(judgeTotal(statements).high).toBeLessThan(1);
    // away for each execution only
    expect(await cluster.sql(`select from pg_class where relname = 'assay_lab_1'`)).toHaveLength(1);
  });

  test('leave-one-out tells the index that serves from the one that does nothing', async () => {
    const built = await buildSet(client, [btree(table, ['who?']), btree(table, ['note'])], quietIo());
    const whole = await measureSet(session(), await unitsOf(byWho, [['5']]), { built, rounds });
    const places = await measureLeaveOneOut(session(), whole, { built, rounds });
    const [serves, idle] = built.map((index) => places.get(index));
    expect(serves?.low).toBeGreaterThan(2);
    expect(idle).toEqual({ ratio: 1, low: 1, high: 1 });
  });

  test('what is written is rolled back, and pays for the indexes in WAL', async () => {
    const built = await buildSet(client, [btree(table, ['kind', 'who?']), btree(table, ['note', 'kind'])], quietIo());
    const before = await cluster.sql(`select count(*), sum(kind) from ${quoted}`);
    const units = await unitsOf(`insert into ${quoted} select n, n, $1, 'new' from generate_series(1, 2000) n`, [['5']], 'insert');
    const { statements } = await measureSet(session(), units, { built, rounds });
    expect(statements[0]?.after.walBytes).toBeGreaterThan((statements[0]?.before.walBytes as number) * 1.5);
    expect(judgeStatement(statements[0] as NonNullable<(typeof statements)[0]>).judged).toBe('slower');
    expect(await cluster.sql(`select count(*), sum(kind) from ${quoted}`)).toEqual(before);
  });
});

test('what is short costs what it costs a session that has just run it: reading the catalogs anew is no upkeep', async () => {
  const built = await buildSet(client, [btree(table, ['who?', 'id'])], quietIo());
  const [unit] = await unitsOf(`insert into ${quoted} values ($1, 5, 1, 'new')`, [['7']], 'insert');
  const blocksOf = async (away: typeof built) => {
    // indexes that were away are there again
    await execute(client, unit as Unit, { away: built, timeoutMs: 10_000 });
    const done = await execute(client, unit as Unit, { away, timeoutMs: 10_000 });
    return done.kind === 'done' ? done.blocks : done;
  };
  // the heap's block; and the tree's root and leaf, whose page the heap's tells
  expect(await blocksOf(built)).toBe(1);
  expect(await blocksOf([])).toBeLessThanOrEqual(5);
});

test('a write elsewhere is not touched by a set, one inside a SELECT is', async () => {
  await cluster.sql('create table if not exists elsewhere as select 1 as id');
  const built = await buildSet(client, [btree(table, ['who?'])], quietIo());
  const units = [
    ...(await unitsOf('update elsewhere set id = id where id = $1', [['1']], 'update')),
    ...(await unitsOf(`with gone as (delete from ${quoted} where id = $1 returning id) select count(*) from gone`, [['5']])),
  ];
  const { units: times } = await measureSet(session(), units, { built, rounds });
  expect(times.map(({ isTouched }) => isTouched)).toEqual([false, true]);
});

describe('a statement that gets no verdict says why, and its values stay here', () => {
  const reasonOf = async (units: readonly Unit[], timeoutMs?: number) => {
    const built = await buildSet(client, [btree(table, ['who?'])], quietIo());
    const { notJudged, statements } = await measureSet(session(timeoutMs), units, { built, rounds });
    expect(statements).toEqual([]);
    return notJudged[0];
  };

  test('fails on the lab', async () => {
    const units = await unitsOf(`select note from ${quoted} where "who?" = $1::text::int`, [['my secret']], 'select', ['text']);
    expect(await reasonOf(units)).toMatchObject({ reason: 'failed-on-lab', detail: 'PostgreSQL error 22P02: invalid input syntax for type integer' });
  });

  test('reads no table: it is not executed at all', async () => {
    await cluster.sql('create sequence if not exists counted');
    const units = await unitsOf(`select nextval('counted') + $1`, [['1']]);
    expect(await reasonOf(units)).toMatchObject({
      reason: 'catalogue-only',
      detail: expect.stringMatching(/^it reads no table by itself; what functions run is counted/),
    });
    expect(await cluster.sql('select is_called from counted')).toEqual([{ is_called: false }]);
  });

  test('too slow with and without', async () => {
    const units = await unitsOf(`update ${quoted} set kind = kind where pg_sleep(1) is null and kind = $1`, [['1']], 'update');
    expect(await reasonOf(units, 100)).toMatchObject({ reason: 'too-slow-on-lab' });
  });
});

test('too slow without the set only: it took at least the limit', async () => {
  // a probe for each of 600 rows: one of the index, or one of the whole table
  const slow = `select sum((select count(*) from ${quoted} b where b."who?" = a.id)) from (select id from ${quoted} order by ctid limit 600) a where a.id > $1`;
  const timeoutMs = 1_000;
  const built = await buildSet(client, [btree(table, ['who?'])], quietIo());
  const units = await unitsOf(slow, [['0']]);
  expect(await execute(client, units[0] as Unit, { away: built, timeoutMs })).toMatchObject({ kind: 'too-slow' });
  const { statements } = await measureSet(session(timeoutMs), units, { built, rounds });
  expect(statements[0]?.bindings[0]?.pairs.every(({ beforeMs, afterMs }) => beforeMs === timeoutMs && afterMs < timeoutMs)).toBe(true);
});

/** Several sets at once on a real server: what each is judged by is what it would be judged by alone. */
import type pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { prepareUnits, type Unit } from '../../activities/optimizer/lab/execute.ts';
import { buildSet, dropSets } from '../../activities/optimizer/lab/sets.ts';
import { measureSets } from '../../activities/optimizer/lab/side-by-side.ts';
import { connect } from '../../activities/pg.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import type { StatementKind } from '../../domain/optimizer/model.ts';
import { judgeStatement, judgeTotal } from '../../domain/optimizer/verdict.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { quietIo } from '../backup/clone-support.ts';
import { testCluster } from '../support/cluster.ts';

let cluster: EmbeddedCluster;
let client: pg.Client;
const visit = { schema: 'public', relation: 'visit' };

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false });
  await cluster.sql(
    `create table visit as select n as id, n % 1000 as who, n % 700 as page, repeat('x', 50) as note from generate_series(1, 60000) n; analyze`,
  );
  client = await connect(cluster.policy().connection, () => '');
  await client.query('set plan_cache_mode = force_custom_plan');
  return () => client.end();
});

async function unitsOf(...texts: readonly (readonly [text: string, kind: StatementKind])[]): Promise<readonly Unit[]> {
  await client.query('deallocate all');
  const units: Unit[] = [];
  for (const [place, [text, kind]] of texts.entries()) {
    const counts = { calls: 1, totalMs: 1, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 };
    const statement = { id: String(place), database: 'postgres', text, kind, ...counts };
    const bound = { statement, text, parameterTypes: [], bindings: [{ source: 'captured' as const, case: 'captured' as const, values: [] }] };
    units.push(...(await prepareUnits(client, bound, place)));
  }
  return units;
}

const session = () => ({ client, io: quietIo(), statementTimeoutMs: 10_000 });
const rounds = { repeats: 5, untilMs: Number.POSITIVE_INFINITY };

test('each set counts by its own indexes; what it does not touch is executed once, and who writes pays for all of them', async () => {
  const built = await buildSet(client, [btree(visit, ['who']), btree(visit, ['page']), btree(visit, ['note'])], quietIo());
  const [byWho, byPage, idle] = built;
  if (byWho === undefined || byPage === undefined || idle === undefined) throw new TypeError('three are built');
  const units = await unitsOf(
    ['select note from visit where who = 7', 'select'],
    ['select note from visit where page = 7', 'select'],
    ['select count(note) from visit', 'select'],
    [`insert into visit select n, n, n, md5(n::text) from generate_series(1, 2000) n`, 'insert'],
  );
  const sets = [[byWho], [byPage, idle], [idle]];
  const measured = await measureSets(session(), units, { built, sets, rounds, isWarm: false });
  const judged = measured.map(({ statements }) => statements.map((each) => judgeStatement(each).judged));
  expect(judged.map(([who, page, all]) => [who, page, all])).toEqual([
    ['faster', 'same', 'same'],
    ['same', 'faster', 'same'],
    ['same', 'same', 'same'],
  ]);
  // in WAL, of which a busy machine makes no more
  expect(measured.map(({ statements: [, , , insert] }) => (insert?.after.walBytes ?? 0) > 1.1 * (insert?.before.walBytes ?? 0))).toEqual([true, true, true]);
  expect(judged.map((each) => each[3])).not.toContain('faster');
  expect(measured.map(({ units: times }) => times.map(({ isTouched }) => isTouched))).toEqual([
    [true, false, false, true],
    [false, true, false, true],
    [false, false, false, true],
  ]);
  // the third changes nothing but what writing costs
  expect(judgeTotal(measured[2]?.statements.slice(0, 3) ?? []).ratio).toBeCloseTo(1, 1);
  // without one that only warms
  const warm = await measureSets(session(), units.slice(0, 1), { built, sets, rounds: { ...rounds, repeats: 3 }, isWarm: true });
  expect(warm[0]?.units[0]?.pairs).toHaveLength(3);
  await dropSets(client);
});

test('what a step before built is not built again; what it did not finish is', async () => {
  const first = await buildSet(client, [btree(visit, ['who']), btree(visit, ['page'])], quietIo());
  await cluster.sql('comment on index assay_lab_2 is null');
  const oids = () => cluster.sql<{ oid: number; name: string }>(`select oid, relname as name from pg_class where relname like 'assay_lab%' order by 2`);
  const [kept] = await oids();
  const again = await buildSet(client, [btree(visit, ['page']), btree(visit, ['who'])], quietIo());
  expect(again.map(({ index }) => index.keys[0]?.column)).toEqual(['page', 'who']);
  const there = await oids();
  expect(there).toHaveLength(2);
  expect(there.filter(({ oid }) => oid === kept?.oid)).toEqual([kept]);
  expect(again[1]).toEqual(first[0]);
  await dropSets(client);
  expect(await oids()).toEqual([]);
});

/** From experiments that were really measured and kept to what a later search makes of its estimates. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, expect, test, vi } from 'vitest';
import { readSnapshot } from '../../activities/optimizer/workload/read.ts';
import { withConnection } from '../../activities/pg.ts';
import { accuracyByShape } from '../../domain/optimizer/accuracy.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { limitsOf } from '../../domain/optimizer/limits.ts';
import type { IndexDefinition, Statement } from '../../domain/optimizer/model.ts';
import type { QueriesReport, QueriesRequest } from '../../ops/cli/handlers.ts';
import { accuracyText } from '../../ops/cli/optimizer-accuracy.ts';
import { paintFor } from '../../ops/cli/paint.ts';
import { readQueries } from '../../workers/commands/optimizer-queries.ts';
import { policyText } from '../../workers/embedded/policy-text.ts';
import { controlUrlOf, useSteps } from './steps-support.ts';

const bench = useSteps(
  async (cluster) => {
    await cluster.sql('create extension pg_stat_statements');
    await cluster.sql(`create table visit (id int primary key, who int not null, page int not null, note text);
    insert into visit select n, n % 2000, n % 300, repeat('x', 60) || n from generate_series(1, 40000) n`);
    await cluster.sql('vacuum analyze visit');
  },
  { settings: { shared_preload_libraries: 'pg_stat_statements' } },
);
afterAll(() => {
  vi.unstubAllEnvs();
});

const sourced = <T>(use: (client: pg.Client) => Promise<T>) => withConnection(bench.cluster.policy().connection, () => '', {}, use);
const visit = { schema: 'public', relation: 'visit' };
const paint = paintFor({ color: false, columns: 120, zone: 'UTC', now: () => new Date(0) });
const limits = limitsOf({ repeats: 3 });
let number = 0;

async function runOf(texts: readonly string[], sets: readonly (readonly IndexDefinition[])[] = []) {
  number += 1;
  const run = `l-${number}`;
  const statements = texts.map(
    (text, place): Statement => ({
      ...{ id: `${place}`, database: 'postgres', text, kind: 'select', calls: 10, totalMs: 10, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 },
    }),
  );
  return { ...(await bench.begin(run, statements, { sets })), limits, experiment: `e-${run}` };
}

const texts = [
  'select page from visit where who = $1',
  'select who from visit where who = $1',
  'select page from visit where id > $1 - 100000 order by who limit 5',
  'select count(*) from visit where page <> $1',
];

test('a measured set says for each changed plan what was expected and what came of it; a later search reads it', async () => {
  const asked = await runOf(texts, [[btree(visit, ['who'])]]);
  await bench.steps.measureFinalist({ ...asked, finalist: 0 });
  const gains = await bench.store.gains('main');
  const shapes = Object.fromEntries(gains.map(({ statement, shape }) => [statement, shape]));
  // the fourth reads the whole table whatever there is
  expect(shapes).toEqual({
    '0': expect.stringMatching(/^Seq Scan → (Bitmap Heap|Index) Scan$/),
    '1': 'Seq Scan → Index Only Scan',
    '2': 'Seq Scan → Index Scan, Sort removed',
  });
  for (const { estimatedRatio, measuredRatio } of gains) {
    expect(estimatedRatio).toBeLessThan(0.5);
    expect(measuredRatio).toBeGreaterThan(0);
    expect(measuredRatio).toBeLessThan(1);
  }
  expect(await bench.store.gains('other')).toEqual([]);
  const shown = accuracyText(accuracyByShape(await bench.store.gains(null)), paint);
  expect(shown).toMatch(/Seq Scan → Index Only Scan +1 +9\d\.\d % +\d+\.\d % +\d\.\d\d +\d\.\d\d/);
});

test('a shape that brought much less than was expected of it counts less in the next search, and that is said', async () => {
  const first = await bench.steps.searchSets(await runOf(texts.slice(0, 2)));
  const { id, estimatedRatio } = await newest();
  // as if ten other statements had been measured so
  const wrong = Array.from({ length: 10 }, (_, n) => ({
    statement: `w${n}`,
    ...{ ratio: 0.9, low: 0.9, high: 0.9 },
    judged: 'same',
    bindingSource: 'synthetic',
  }));
  const shapes = [...new Set((await bench.store.gains('main')).map(({ shape }) => shape))];
  await bench.store.saveExperiment(
    id,
    {
      ...{ id: 'e-wrong', proofId: 'p', changes: [], total: { ratio: 1, low: 1, high: 1 } },
      statements: shapes.flatMap((shape) => wrong.map((each) => ({ ...each, plan: { shape, estimatedRatio: 0.1 } }) as never)),
    },
    { verdict: 'rejected', because: [] },
  );
  const second = await bench.steps.searchSets(await runOf(texts.slice(0, 2)));
  expect(first.sets).toBeGreaterThan(0);
  expect(first.notices).toEqual([]);
  expect(second.notices).toContainEqual(
    expect.stringMatching(/^estimated gains by "Seq Scan → Index Only Scan" count 0\.\d\d times: less of them was measured/),
  );
  const discounted = await newest();
  expect(discounted.estimatedRatio).toBeGreaterThan(estimatedRatio + 0.3);
});

test('queries: of the last run with verdicts and reasons, or of pg_stat_statements as it is now', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-queries-'));
  const file = join(folder, 'assay.yaml');
  writeFileSync(file, policyText({ cluster: bench.cluster, host: 'here', temporalAddress: '127.0.0.1:1', signingKeyFile: '/nowhere' }));
  vi.stubEnv('ASSAY_CONTROL_URL', controlUrlOf(bench.cluster));
  const ask = (over: Partial<QueriesRequest>) =>
    readQueries({ target: 'main', by: 'time', limit: 50, live: false, sinceLastRun: false, ...over }, { file, json: true });
  const asked = await runOf([...texts, 'select nowhere from visit where who = $1'], [[btree(visit, ['who'])]]);
  const { statement, ...counts } = { statement: 'v', calls: 3, totalMs: 900, rows: 0, blocks: 7, tempBlocks: 0, walBytes: 1 };
  await bench.store.saveSnapshot(asked.run, 'end', { cluster: 'main', snapshot: await sourced(readSnapshot) });
  await bench.steps.searchSets(asked);
  await bench.store.saveFinalists(asked.run, [{ indexes: [btree(visit, ['who'])], estimatedRatio: 0.5, estimatedBytes: 1 }]);
  await bench.steps.measureFinalist({ ...asked, finalist: 0 });
  await bench.control
    .em()
    .execute(`insert into assay_control.optimizer_statement (run, position, id, reason, detail, counts) values (?, 99, ?, 'utility', 'vacuum', ?)`, [
      ...[asked.run, statement, JSON.stringify(counts)],
    ]);
  const stored = await ask({});
  expect(stored).toMatchObject({ cluster: 'main', database: 'postgres', run: asked.run, statements: 6 });
  expect(stored.lines.map(({ statement: id, text, calls, verdict, reason }) => [id, text, calls, verdict?.judged ?? null, reason])).toEqual([
    ['v', null, 3, null, 'utility: vacuum'],
    ['0', texts[0], 10, 'faster', null],
    ['1', texts[1], 10, 'faster', null],
    ['2', texts[2], 10, 'faster', null],
    ['3', texts[3], 10, 'same', null],
    ['4', 'select nowhere from visit where who = $1', 10, null, expect.stringMatching(/^object-gone: /)],
  ]);
  await expect(ask({ target: 'main/other' })).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('no run of main/other is known') });
  await expect(ask({ target: 'other/x' })).rejects.toMatchObject({ code: 'cluster-unknown', message: expect.stringContaining('no cluster other in') });

  // one that was refused, or goes on, has nothing to tell: what is known of the one before it stays within reach
  const concluded = (run: string, outcome: 'nothing' | 'failed', because: readonly string[]) =>
    bench.store.concludeRun(run, { outcome, because, endedAt: new Date().toISOString() });
  await concluded(asked.run, 'nothing', []);
  const later = await runOf(texts, []);
  expect(await ask({})).toMatchObject({ run: asked.run, notices: [expect.stringContaining(`a later run, ${later.run}, has not come to its end`)] });
  await concluded(later.run, 'failed', ['no room for a clone']);
  const told = await ask({});
  expect(told.notices).toEqual([`a later run, ${later.run}, failed: no room for a clone`]);
  expect(told.lines.find(({ statement: id }) => id === '0')?.verdict?.judged).toBe('faster');

  await bench.cluster.sql('select note from visit where page = $1 limit 1', { params: [7] });
  await bench.cluster.sql(`select count(*) from visit where note = 'my whispered secret'`);
  const live = await ask({ live: true, by: 'calls', target: 'main/postgres', limit: 10_000 });
  const since = await ask({ live: true, sinceLastRun: true, limit: 10_000 });
  const found = (report: QueriesReport, part: string) => report.lines.find(({ text }) => text?.includes(part) === true);
  expect(found(live, 'page = $1 limit')).toMatchObject({ calls: 1, verdict: null });
  expect(found(live, 'insert into visit select')).toBeDefined();
  expect(found(since, 'insert into visit select')).toBeUndefined();
  expect(found(since, 'where note = $1')).toMatchObject({ calls: 1 });
  expect(JSON.stringify([live, since])).not.toContain('whispered');
  rmSync(folder, { recursive: true });
});

/** Best estimate of the last run's search. */
async function newest(): Promise<{ readonly id: string; readonly estimatedRatio: number }> {
  const { id, finalists } = await bench.store.load(`l-${number}`);
  return { id, estimatedRatio: finalists[0]?.estimatedRatio as number };
}

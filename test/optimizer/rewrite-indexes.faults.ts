/** Another text and the indexes that it allows, weighed together, by the step itself: a real control database, a real server that stands for the lab. Much is executed: beside the fault matrix. */
import { expect, test } from 'vitest';
import { alternativesTo } from '../../domain/optimizer/alternatives.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { limitsOf } from '../../domain/optimizer/limits.ts';
import type { IndexDefinition, Statement } from '../../domain/optimizer/model.ts';
import { type RewriteChange, recommendationSql } from '../../domain/optimizer/recommendation.ts';
import { sayRewrite } from '../../domain/optimizer/rewrite.ts';
import { useSteps } from './steps-support.ts';

const bench = useSteps(async (cluster) => {
  await cluster.sql(`create table event (id int primary key, at timestamp not null, seen timestamptz not null, pad text);
    insert into event select n, timestamp '2026-01-01' + n * interval '11 minutes', timestamptz '2026-01-01 UTC' + n * interval '11 minutes', repeat('x', 40) from generate_series(1, 40000) n`);
  await cluster.sql(`create table person (id int primary key, grp int not null, maybe int, pad text);
    insert into person select n, n % 100, nullif(n % 500, 0), repeat('x', 200) from generate_series(1, 4000) n`);
  await cluster.sql('vacuum analyze');
});

let number = 0;

/** `set`: what the run recommends beside. */
async function prove(text: string, set: readonly IndexDefinition[] = []) {
  number += 1;
  const run = `x-${number}`;
  const counts = { kind: 'select', calls: 20, totalMs: 100, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 } as const;
  const statements: readonly Statement[] = [{ id: `q-${number}`, database: 'postgres', text, ...counts }];
  const settings = { max_parallel_workers_per_gather: '0' };
  const limits = limitsOf({ repeats: 4, statementTimeoutMs: 3_000, searchMs: 2_000 });
  const on = { ...(await bench.begin(run, statements, { settings, sets: [set] })), limits };
  const index = { ...on, finalist: 0, experiment: `i-${run}`, recommendation: `index-${run}` };
  const beside = set.length > 0 && (await bench.steps.settleFinalist(index)).isRecommended ? [index.recommendation] : [];
  if (set.length > beside.length && beside.length === 0) throw new Error('the index was not worth it');
  const answer = await bench.steps.proveRewrites({ ...on, names: [{ experiment: `e-${run}`, recommendation: `r-${run}` }], beside });
  const made = await bench.store.findRecommendation(`r-${run}`);
  return { answer, made, advice: (made?.indexes[0] as RewriteChange | undefined)?.rewrite, run, index: index.recommendation };
}

test('a text that pays with an index only is recommended with it, beside the index alone and the text alone', async () => {
  const { answer, made, advice } = await prove('select count(*), max(pad) from event where seen::date = $1');
  expect(answer).toMatchObject({ tried: 1, recommendations: [made?.id], because: [expect.stringContaining('together with 1 index(es); the indexes alone')] });
  const [index, ...others] = advice?.indexes ?? [];
  expect([index?.index.keys.map(({ column }) => column), others]).toEqual([['seen'], []]);
  expect(index?.sizeBytes).toBeGreaterThan(100_000);
  const { both, indexesAlone, textAlone } = advice?.measured ?? {};
  expect([both?.high, indexesAlone?.ratio, textAlone?.ratio].map((each) => (each ?? 1) < 0.5)).toEqual([true, false, false]);
  // both are for people
  const file = made === null ? '' : recommendationSql(made);
  expect(file).toContain(`--   ${index?.sql}`);
  expect(file.split('\n').filter((line) => line !== '' && !line.startsWith('--'))).toEqual([]);
  expect(advice === undefined ? [] : sayRewrite(advice)).toContainEqual(expect.stringContaining('make them first, then change the text'));
  const [plans] = await bench.store.plans(`${made?.id}`);
  expect(JSON.stringify(plans?.after)).toContain(`"${index?.name}"`);
  expect(JSON.stringify(plans)).not.toContain('assay_lab');
  expect(await bench.cluster.sql(`select relname from pg_class where relname like 'assay_lab%'`)).toEqual([]);
}, 60_000);

test('is not where an index serves the statement as it is as well', async () => {
  const expression = { column: null, expression: '(at)::date', descending: false, nullsFirst: null, operatorClass: null };
  const set = [{ ...btree({ schema: 'public', relation: 'event' }, []), keys: [expression] }];
  const { answer, made } = await prove('select count(*), max(pad) from event where at::date = $1', set);
  expect(answer).toMatchObject({
    tried: 1,
    recommendations: [],
    // alone it is faster or not, as the machine has it: beside the run's index it is slower in any case
    because: expect.arrayContaining([expect.stringContaining('with indexes the statement as it is is as fast')]),
  });
  expect(made).toBeNull();
}, 60_000);

test('says of an index of the same run that it leaves without use, on both sides', async () => {
  const set = [btree({ schema: 'public', relation: 'person' }, ['grp'])];
  const text = 'select count(*) from person p where p.id <= 300 and maybe = (select max(maybe) from person q where q.grp = p.grp)';
  const { answer, advice, run, index } = await prove(text, set);
  expect(answer.recommendations).toHaveLength(1);
  const name = (await bench.store.findRecommendation(index))?.indexes[0]?.name;
  expect(advice).toMatchObject({ useless: [{ name, isOnly: true }], beside: { ratio: expect.any(Number) } });
  expect(advice === undefined ? [] : sayRewrite(advice)).toContainEqual(expect.stringContaining('take one of both'));
  const [found] = alternativesTo(index, await bench.store.foundIn(run));
  expect(found?.ways.find(({ kind }) => kind === 'rewrite')?.what).toContainEqual(expect.stringContaining(`${name} is not used with it`));
}, 60_000);

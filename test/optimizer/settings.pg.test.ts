/** Settings for single statements, with the step itself: a statement that really spills, one that compiling really slows, on a real server that stands for the lab. */
import { describe, expect, test } from 'vitest';
import { evidenceCheck } from '../../activities/optimizer/apply/evidence.ts';
import { withConnection } from '../../activities/pg.ts';
import { alternativesTo } from '../../domain/optimizer/alternatives.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { limitsOf } from '../../domain/optimizer/limits.ts';
import type { IndexDefinition, OptimizerLimits, Statement } from '../../domain/optimizer/model.ts';
import { type Explained, nodesOf } from '../../domain/optimizer/plan.ts';
import { type Recommendation, type RewriteChange, recommendationSql, type SettingChange } from '../../domain/optimizer/recommendation.ts';
import { useSteps } from './steps-support.ts';

const bench = useSteps(
  async (cluster) => {
    await cluster.sql('create extension pg_stat_statements');
    await cluster.sql(`create table visit (id int primary key, who int not null, page int not null, note text);
    insert into visit select n, n * 7919 % 50021, n % 300, md5(n::text) || repeat('x', 60) from generate_series(1, 40000) n`);
    await cluster.sql('vacuum analyze visit');
    await cluster.sql('create role app; grant select on visit to app');
  },
  { settings: { shared_preload_libraries: 'pg_stat_statements' } },
);

let number = 0;

interface Asked {
  readonly texts: readonly string[];
  readonly settings?: Readonly<Record<string, string>>;
  readonly limits?: Partial<OptimizerLimits>;
  readonly set?: readonly IndexDefinition[];
  /** As pg_stat_statements counts them; made up where left out. */
  readonly ids?: readonly string[];
}

async function runWith({ texts, settings = {}, limits = {}, set = [], ids = [] }: Asked) {
  number += 1;
  const run = `s-${number}`;
  const statements = texts.map(
    (text, place): Statement => ({
      ...{
        id: ids[place] ?? `${run}-${place}`,
        database: 'postgres',
        text,
        kind: 'select',
        calls: 10,
        totalMs: 100,
        rows: 1,
        blocks: 0,
        tempBlocks: 0,
        walBytes: 0,
      },
    }),
  );
  const lab = { ...(await bench.begin(run, statements, { settings, sets: [set] })), limits: limitsOf({ repeats: 3, ...limits }) };
  return { ...lab, experiment: `e-${run}`, recommendation: `r-${run}`, beside: [] as readonly string[] };
}

/** With too little memory for a hash table each row goes through what the sub-query gave, on disk. */
const notIn = 'select count(*) from visit where id <= 30 and who not in (select who + 1 from visit where id > 30000)';
const little = { work_mem: '64kB', max_parallel_workers_per_gather: '0' };
const settingsOf = (recommendation: Recommendation | null) => (recommendation?.indexes as readonly SettingChange[] | undefined)?.map(({ advice }) => advice);

const stale = async (recommendation: Recommendation | null) => {
  const asked = { recommendation: recommendation as Recommendation, policy: bench.cluster.policy(), now: new Date() };
  return (
    await withConnection(
      bench.cluster.policy().connection,
      () => '',
      { database: 'postgres' },
      (client) => evidenceCheck(client, asked),
    )
  ).because;
};

describe('work_mem', () => {
  test('just large enough is recommended for the statement that works on disk, with its memory and where to write it', async () => {
    const asked = await runWith({ texts: [notIn, 'select note from visit where id = $1'], settings: little });
    const summary = await bench.steps.proveSettings(asked);
    expect(summary).toEqual({ asked: 1, tried: 1, recommendation: asked.recommendation, recommendations: [asked.recommendation], because: summary.because });
    const found = await bench.store.findRecommendation(asked.recommendation);
    const [advice, ...others] = settingsOf(found) ?? [];
    expect([advice?.name, advice?.was, advice?.statement, others]).toEqual(['work_mem', '64kB', `${asked.run}-0`, []]);
    expect(advice?.value).toMatch(/^[12]MB$/);
    expect(advice?.memory).toEqual({ nodes: 1, hashMultiplier: 2, processes: 1, executionBytes: 2 * Number.parseInt(advice?.value ?? '', 10) * 1024 ** 2 });
    expect(advice?.connections).toBeGreaterThan(0);
    expect(found?.indexes[0]).toMatchObject({ sql: `SET LOCAL work_mem = '${advice?.value}';`, undo: '', table: { schema: 'public', relation: 'visit' } });
    expect(found?.experiment.statements.map(({ judged }) => judged)).toEqual(['faster', 'same']);
    const [plans] = await bench.store.plans(asked.recommendation);
    const kept = (explained: Explained | undefined) => nodesOf((explained as Explained).root).map(({ type }) => type);
    expect([kept(plans?.before), kept(plans?.after)]).toEqual([expect.arrayContaining(['Materialize']), expect.not.arrayContaining(['Materialize'])]);
    // the source gives more by now: what the value would add to that nobody knows
    expect(await stale(found)).toEqual(['work_mem is 4MB by now, it was 64kB when it was measured']);
    const file = recommendationSql(found as Recommendation);
    // nothing in it is run by a migration
    expect(file.split('\n').filter((line) => line !== '' && !line.startsWith('--'))).toEqual([]);
    for (const said of [`-- SET LOCAL work_mem = '${advice?.value}';`, 'of rows went to disk', 'memory: at most']) expect(file).toContain(said);
  });

  test('beyond the limit, or of more memory than one execution may take, is not recommended, and that is said', async () => {
    const asked = await runWith({ texts: [notIn], settings: little, limits: { workMemBytes: 128 * 1024 } });
    const beyond = await bench.steps.proveSettings(asked);
    expect(beyond).toMatchObject({ asked: 1, tried: 0, recommendation: null, because: [expect.stringContaining('work_mem beyond 128kB would be needed')] });
  });
});

test('each statement’s settings are a recommendation of their own, which can be decided by itself', async () => {
  const asked = await runWith({ texts: [notIn, notIn.replace('who + 1', 'who + 2')], settings: little });
  const names = ['a', 'b', 'c'].map((each) => ({ experiment: `e-${asked.run}-${each}`, recommendation: `r-${asked.run}-${each}` }));
  const summary = await bench.steps.proveSettings({ ...asked, names });
  expect(summary).toMatchObject({ tried: 2, recommendations: [names[0]?.recommendation, names[1]?.recommendation] });
  const found = await Promise.all(names.map(({ recommendation }) => bench.store.findRecommendation(recommendation)));
  const said = found.map((each) => settingsOf(each)?.map(({ statement }) => statement));
  expect(said.map((own) => own?.length)).toEqual([1, 1, undefined]);
  expect(new Set(said.flat()).size).toBe(3);
  // what the other one gains by its own is no part of it
  for (const each of found.slice(0, 2)) expect(each?.experiment.statements.filter(({ judged }) => judged === 'faster')).toHaveLength(1);
  expect((await bench.store.foundIn(asked.run)).settings.map(({ statement, refused }) => [statement, refused])).toEqual(
    expect.arrayContaining([0, 1].map((place) => [`${asked.run}-${place}`, null])),
  );
}, 60_000);

test('what a setting is worth to the other text that the same run recommends is told', async () => {
  const text = 'select count(*) from visit where id <= 30 and who not in (select who from visit where id > 30000)';
  // no room: the text by itself
  const asked = await runWith({ texts: [text], settings: little, limits: { budgetBytes: 0 } });
  const { recommendations } = await bench.steps.proveRewrites({ ...asked, names: [{ experiment: `w-${asked.run}`, recommendation: `text-${asked.run}` }] });
  expect(recommendations).toEqual([`text-${asked.run}`]);
  await bench.steps.proveSettings({ ...asked, rewrites: recommendations });
  const found = await bench.store.findRecommendation(asked.recommendation);
  expect(found?.indexes[0]?.because).toMatch(/of rows went to disk; of the other text that the same run recommends it leaves \d+\.\d % \(/);
  // of a text that needs an index of its own, that is there as long as it is executed
  const made = (await bench.store.findRecommendation(`text-${asked.run}`)) as Recommendation;
  const [change] = made.indexes as readonly [RewriteChange];
  const own = { index: btree({ schema: 'public', relation: 'visit' }, ['who']), name: 'own', sql: '', undo: '', sizeBytes: 1, buildMs: 1 };
  await bench.store.saveRecommendation({ ...made, id: 'with-own', indexes: [{ ...change, rewrite: { ...change.rewrite, indexes: [own] } }] });
  await bench.steps.proveSettings({ ...asked, experiment: `own-${asked.run}`, recommendation: `own-${asked.run}`, rewrites: ['with-own'] });
  const beside = (await bench.store.findRecommendation(`own-${asked.run}`))?.indexes[0]?.because;
  // its thirty rows are found by that index then, and nothing goes to disk
  expect(beside).toMatch(/of the other text with its own indexes that the same run recommends it leaves .*: take one of both/);
  expect(await bench.cluster.sql(`select relname from pg_class where relname like 'assay_lab%'`)).toEqual([]);
}, 60_000);

test('work_mem of which one execution could take more than an eighth of the source’s cache is not recommended, and that is said', async () => {
  const cache = async (to: string) => {
    await bench.cluster.sql(`alter system set effective_cache_size = '${to}'`);
    await bench.cluster.sql('select pg_reload_conf()');
    await expect.poll(() => bench.cluster.sql('show effective_cache_size'), { timeout: 10_000 }).toEqual([{ effective_cache_size: to }]);
  };
  await cache('8MB');
  try {
    const { because, ...summary } = await bench.steps.proveSettings(await runWith({ texts: [notIn], settings: little }));
    expect(summary).toMatchObject({ asked: 1, tried: 0, recommendation: null });
    // twice the value, since it hashes: 1 MB are allowed
    expect(because).toEqual([expect.stringMatching(/work_mem = [12]MB would let one execution take [24]\.\d MB, 1\.0 MB are allowed$/)]);
  } finally {
    await cache('4GB');
  }
});

describe('compiling that takes most of a statement', () => {
  const sums = 'select sum(id * 2 + page), avg(id), max(page), min(id), count(*) filter (where id % 7 = 3) from visit';
  const eager = { jit: 'on', jit_above_cost: '100', jit_inline_above_cost: '100', jit_optimize_above_cost: '100', max_parallel_workers_per_gather: '0' };

  test('is switched off for it, or for its role, whose other statements are looked at', async () => {
    const texts = [`${sums} where page * 3 + who > 17`, 'select max(note) from visit where page + who > 40000', 'select note from visit where id = 7'];
    await withConnection(
      bench.cluster.policy().connection,
      () => '',
      { database: 'postgres' },
      async (client) => {
        await client.query('set role app');
        for (const text of texts) await client.query(text);
      },
    );
    const counted = await bench.cluster.sql<{ id: string }>(
      `select queryid::text as id from pg_stat_statements s join pg_roles r on r.oid = s.userid where rolname = 'app' and query like 'select%visit%' order by query desc`,
    );
    // in the order of their texts: sums, note, max
    const [ofSums = '', ofNote = '', ofMax = ''] = counted.map(({ id }) => id);
    const asked = await runWith({ texts, ids: [ofSums, ofMax, ofNote], settings: eager });
    await bench.steps.proveSettings(asked);
    const found = await bench.store.findRecommendation(asked.recommendation);
    const own = settingsOf(found)?.find(({ statement }) => statement === ofSums);
    expect(own).toMatchObject({ name: 'jit', value: 'off', was: 'on', memory: null });
    expect(own?.roles).toEqual([{ role: 'app', others: expect.any(Number), share: expect.any(Number), trade: { looked: 2, faster: 1, slower: 0 } }]);
    expect(found?.indexes[0]?.because).toContain('went into compiling it');
    expect(await stale(found)).toEqual([]);
  });

  test('is left on beside an index that makes the statement too cheap for it; what it gains alone is kept, as an alternative', async () => {
    const set = [btree({ schema: 'public', relation: 'visit' }, ['who'])];
    const asked = await runWith({ texts: [`${sums} where who = 77`], settings: eager, set });
    const index = { ...asked, finalist: 0, experiment: `i-${asked.run}`, recommendation: `index-${asked.run}` };
    expect((await bench.steps.settleFinalist(index)).isRecommended).toBe(true);
    const summary = await bench.steps.proveSettings({ ...asked, beside: [index.recommendation] });
    expect(summary).toMatchObject({ tried: 1, recommendation: null, because: [expect.stringContaining('it adds nothing to what is recommended beside it')] });
    expect(await bench.store.findRecommendation(asked.recommendation)).toBeNull();
    expect(await bench.cluster.sql(`select relname from pg_class where relname like 'assay_lab%'`)).toEqual([]);
    const [found, ...others] = alternativesTo(index.recommendation, await bench.store.foundIn(asked.run));
    expect([found?.ways.map(({ kind, recommendation }) => [kind, recommendation]), others]).toEqual([
      [
        ['indexes', index.recommendation],
        ['settings', null],
      ],
      [],
    ]);
    expect([found?.preferred, found?.ways[1]?.what, (found?.ways[1]?.left.high ?? 1) < 0.95]).toEqual([0, ["SET LOCAL jit = 'off';"], true]);
    expect(found?.ways[0]?.sizeBytes).toBeGreaterThan(100_000);
  });
});

test('a plan for each value, where the kept one is that of the rare values and another one serves the common', async () => {
  await bench.cluster.sql(`drop table if exists skew; create table skew (id int primary key, kind int, ref int);
    insert into skew select n, case when n % 2 = 0 then 0 else n end, n * 7919 % 40000 + 1 from generate_series(1, 40000) n;
    create index on skew (kind)`);
  await bench.cluster.sql('vacuum analyze skew');
  const text = 'select sum(length(b.note)) from skew a join visit b on b.id = a.ref where a.kind = $1';
  const asked = await runWith({ texts: [text], settings: { max_parallel_workers_per_gather: '0', random_page_cost: '4' }, limits: { repeats: 7 } });
  expect(await bench.steps.proveSettings(asked)).toMatchObject({ recommendation: asked.recommendation });
  const found = await bench.store.findRecommendation(asked.recommendation);
  expect(settingsOf(found)).toMatchObject([{ name: 'plan_cache_mode', value: 'force_custom_plan', was: 'auto' }]);
  expect(found?.experiment.statements.map(({ judged }) => judged)).toEqual(['faster']);
  expect(found?.indexes[0]?.because).toContain('prepared, it would keep one plan for all values');
});

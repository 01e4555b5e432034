/** Settings for single statements, with the step itself: a statement that really spills, one that compiling really slows, on a real server that stands for the lab. */
import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Control, openControl } from '../../activities/control/control-database.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import { bindStatements } from '../../activities/optimizer/bind/bind.ts';
import type { OptimizerStore } from '../../activities/optimizer/ports.ts';
import { searchSets } from '../../activities/optimizer/search-sets.ts';
import { createOptimizerSteps, type OptimizerSteps } from '../../activities/optimizer/steps.ts';
import { workloadFromFiles } from '../../activities/optimizer/workload/files.ts';
import { withConnection } from '../../activities/pg.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { limitsOf } from '../../domain/optimizer/limits.ts';
import type { IndexDefinition, OptimizerLimits, Statement } from '../../domain/optimizer/model.ts';
import { type Recommendation, recommendationSql, type SettingChange } from '../../domain/optimizer/recommendation.ts';
import type { TriedSettings } from '../../domain/optimizer/setting.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { quietIo } from '../backup/clone-support.ts';
import { testCluster } from '../support/cluster.ts';
import { unusedApply } from './apply-support.ts';

let cluster: EmbeddedCluster;
let control: Control;
let store: OptimizerStore;
let steps: OptimizerSteps;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  await cluster.sql('create database control');
  await cluster.sql(`create table visit (id int primary key, who int not null, page int not null, note text);
    insert into visit select n, n * 7919 % 50021, n % 300, md5(n::text) || repeat('x', 60) from generate_series(1, 40000) n`);
  await cluster.sql('vacuum analyze visit');
  control = await openControl(`postgres://postgres@localhost:${cluster.port}/control?host=${encodeURIComponent(cluster.socketDirectory)}`);
  await control.migrate();
  store = createOptimizerStore(control);
  steps = createOptimizerSteps({
    ...{ store, bind: bindStatements, search: searchSets, workloadFromFiles, io: quietIo, now: () => new Date() },
    labSession: ({ policy }, options, use) => withConnection(policy.connection, () => '', options, use),
    sourceSession: (policy, database, use) => withConnection(policy.connection, () => '', { database }, use),
    ...unusedApply,
    observe: () => {},
  });
}, 60_000);
afterAll(() => control?.close());

let number = 0;

interface Asked {
  readonly texts: readonly string[];
  readonly settings?: Readonly<Record<string, string>>;
  readonly limits?: Partial<OptimizerLimits>;
  readonly set?: readonly IndexDefinition[];
}

async function runWith({ texts, settings = {}, limits = {}, set = [] }: Asked) {
  number += 1;
  const run = `s-${number}`;
  const statements = texts.map(
    (text, place): Statement => ({
      ...{ id: `${run}-${place}`, database: 'postgres', text, kind: 'select', calls: 10, totalMs: 100, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 },
    }),
  );
  const head = { id: run, cluster: 'main', database: 'postgres', owner: 'test', source: 'files', startedAt: new Date().toISOString(), settings } as const;
  await store.begin(head, { statements, notJudged: [], notices: [] });
  await store.saveFinalists(run, [{ indexes: set, estimatedRatio: 0.5, estimatedBytes: 1 }]);
  const clone = { id: 'c', cluster: 'main', host: hostname(), directory: '/nowhere' };
  const lab = { policy: cluster.policy(), clone, run, limits: limitsOf({ repeats: 5, ...limits }), workload: null, proof: 'p-1', backup: 'B1' };
  return { ...lab, experiment: `e-${run}`, recommendation: `r-${run}`, beside: [] as readonly string[] };
}

const joined = 'select count(*) from visit a join visit b on a.who = b.who and a.note = b.note';
const distinct = 'select count(*) from (select distinct who, page, note from visit) x';
const little = { work_mem: '64kB', max_parallel_workers_per_gather: '0' };
const settingsOf = (recommendation: Recommendation | null) => (recommendation?.indexes as readonly SettingChange[] | undefined)?.map(({ advice }) => advice);

async function tried(run: string): Promise<readonly TriedSettings[]> {
  const rows = await control
    .em()
    .execute<{ settings: readonly TriedSettings[] | null }[]>(`select document->'settings' as settings from assay_control.experiment where run = ?`, [run]);
  return rows.flatMap(({ settings }) => settings ?? []);
}

describe('work_mem', () => {
  test('just large enough is recommended for the statement that works on disk, with its memory and where to write it', async () => {
    const asked = await runWith({ texts: [joined, 'select note from visit where id = $1'], settings: little });
    expect(await steps.proveSettings(asked)).toMatchObject({ tried: 1, recommendation: asked.recommendation });
    const found = await store.findRecommendation(asked.recommendation);
    const [advice, ...others] = settingsOf(found) ?? [];
    expect([advice?.name, advice?.was, advice?.statement, others]).toEqual(['work_mem', '64kB', `${asked.run}-0`, []]);
    // one hash table of 40,000 rows of some 100 bytes, twice of which hashing may have
    const megabytes = Number.parseInt(advice?.value ?? '', 10);
    expect(megabytes).toBeGreaterThanOrEqual(2);
    expect(megabytes).toBeLessThanOrEqual(6);
    expect(advice?.memory).toEqual({ nodes: 1, hashMultiplier: 2, processes: 1, executionBytes: 2 * megabytes * 1024 ** 2 });
    expect(advice?.connections).toBeGreaterThan(0);
    expect(found?.indexes[0]).toMatchObject({ sql: `SET LOCAL work_mem = '${advice?.value}';`, undo: '', table: { schema: 'public', relation: 'visit' } });
    expect(found?.experiment.statements.map(({ judged }) => judged)).toEqual(['faster', 'same']);
    const file = recommendationSql(found as Recommendation);
    // nothing in it is run by a migration
    expect(file.split('\n').filter((line) => line !== '' && !line.startsWith('--'))).toEqual([]);
    for (const said of [`-- SET LOCAL work_mem = '${advice?.value}';`, 'of rows went to disk', 'memory: at most']) expect(file).toContain(said);
  });

  test('beyond the limit, or of more memory than one execution may take, is not recommended, and that is said', async () => {
    const asked = await runWith({ texts: [joined], settings: little, limits: { workMemBytes: 1024 ** 2 } });
    const beyond = await steps.proveSettings(asked);
    expect(beyond).toMatchObject({ tried: 0, recommendation: null, because: [expect.stringContaining('work_mem beyond 1MB would be needed')] });
  });

  test('that an index makes needless is not recommended beside it, and kept as what it is alone', async () => {
    const set = [btree({ schema: 'public', relation: 'visit' }, ['who', 'page', 'note'])];
    const asked = await runWith({ texts: [distinct], settings: little, set });
    const index = { ...asked, finalist: 0, experiment: `i-${asked.run}`, recommendation: `index-${asked.run}` };
    expect((await steps.settleFinalist(index)).isRecommended).toBe(true);
    const summary = await steps.proveSettings({ ...asked, beside: [index.recommendation] });
    expect(summary).toMatchObject({ tried: 1, recommendation: null, because: [expect.stringContaining('it adds nothing to what is recommended beside it')] });
    const [found] = await tried(asked.run);
    expect(found?.alone?.high).toBeLessThan(0.95);
    expect(found?.beside.ratio).toBeGreaterThan(0.9);
    expect(await store.findRecommendation(asked.recommendation)).toBeNull();
    expect(await cluster.sql(`select relname from pg_class where relname like 'assay_lab%'`)).toEqual([]);
  });
});

test('compiling that takes most of a statement is switched off for it', async () => {
  const text = 'select sum(who * 2 + page), avg(who), max(page), min(id), count(*) filter (where who % 7 = 3) from visit where page * 3 + who > 17';
  const eager = { jit: 'on', jit_above_cost: '10', jit_inline_above_cost: '10', jit_optimize_above_cost: '10', max_parallel_workers_per_gather: '0' };
  const asked = await runWith({ texts: [text], settings: eager });
  await steps.proveSettings(asked);
  const found = await store.findRecommendation(asked.recommendation);
  expect(settingsOf(found)).toMatchObject([{ name: 'jit', value: 'off', was: 'on', memory: null }]);
  expect(found?.indexes[0]?.because).toContain('went into compiling it');
});

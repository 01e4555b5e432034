/** The optimizer's whole path on real parts: a workload nobody made for it, a proven backup, a lab, a recommendation that holds on the source. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { beforeAll, expect, test } from 'vitest';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import { type Progress, queries } from '../../domain/backup/requests.ts';
import { defaultOptimizerPolicy } from '../../domain/optimizer/policy.ts';
import { recommendationSql, undoSql } from '../../domain/optimizer/recommendation.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { asAssayError } from '../../ops/client/failures.ts';
import { assay } from '../support/assay-command.ts';
import { startBackup, useFleet } from '../support/fleet.ts';
import { counting, makeShop, makeTraffic, pinned, SECRET, startRun, statementsOf, storedRecommendation } from './optimizer-support.ts';

const fleet = useFleet(counting);
const clones = () => readdirSync(fleet.get().policy().clone.directory);
let proof: ProofSummary | null;

beforeAll(async () => {
  await makeShop(fleet.get());
  await makeTraffic(fleet.get());
}, 180_000);

/** The policy with values captured, by a key in a file. */
function capturing(): ClusterPolicy {
  const key = join(fleet.get().directory, 'capture-key');
  writeFileSync(key, randomBytes(32).toString('base64'), { mode: 0o600 });
  return { ...fleet.get().policy(), optimizer: { ...defaultOptimizerPolicy, capture: { values: true, keepMs: 86_400_000, key: `file:${key}` } } };
}

const errorOf = async (run: Promise<{ result(): Promise<unknown> }>) =>
  asAssayError(await (await run).result().catch((error: unknown) => error), { address: '', what: '' });

test('without a proven backup there is no lab, and the way out is said', async () => {
  const error = await errorOf(startRun(fleet.get()));
  expect(error).toMatchObject({ code: 'lab-unproven', exit: 5, message: expect.stringContaining('none of its backups has been restored and proven yet') });
  expect(error.hint).toContain('assay backup run shop');
  ({ proof } = await (await startBackup(fleet.get())).result());
  expect(proof?.verdict).toBe('proven');
});

test('a slow statement becomes a recommendation: measured on the lab, true on the source', async () => {
  const { cluster } = fleet.get();
  const result = await (await startRun(fleet.get(), { limits: { repeats: 5 }, policy: capturing() })).result();
  expect(result).toMatchObject({ proof: proof?.id, backup: proof?.backup });
  const recommendation = await storedRecommendation(fleet.get(), result.recommendation);
  // values that were really sent, the secret one among them, were at hand
  const captured = recommendation.experiment.statements.filter(({ bindingSource }) => bindingSource === 'captured');
  for (const part of ['customer_id = $1', 'note = $1'])
    expect(captured.map(({ statement }) => recommendation.texts[statement])).toContainEqual(expect.stringContaining(part));
  const named = recommendation.indexes.map(({ index }) => `${index?.table.relation} ${index?.keys[0]?.column}`);
  expect(named).toContain('Order customer_id');
  expect(named.filter((each) => each.startsWith('customer'))).toEqual([]);
  expect(recommendation.capturesValues).toBe(true);
  expect(recommendation.experiment.total.high).toBeLessThan(0.8);
  expect(recommendation.experiment.wallTotal?.high).toBeLessThan(0.9);
  expect(recommendation.experiment.changes.every(({ leaveOneOutLow }) => (leaveOneOutLow ?? 0) > 1)).toBe(true);

  const slow = 'explain (analyze, format json) select id, state from "Order" where customer_id = 77 order by placed_at desc limit 20';
  const time = async () => {
    const [plan] = await cluster.sql<{ 'QUERY PLAN': { 'Execution Time': number }[] }>(slow);
    return plan?.['QUERY PLAN'][0]?.['Execution Time'] ?? Number.NaN;
  };
  const before = await time();
  for (const statement of statementsOf(recommendationSql(recommendation))) await cluster.sql(statement);
  expect(await time()).toBeLessThan(before / 3);
  const marked = `select from pg_class c join pg_index on indexrelid = c.oid where indisvalid and obj_description(c.oid) = $1`;
  expect(await cluster.sql(marked, { params: [`assay ${recommendation.id}`] })).toHaveLength(recommendation.indexes.length);
  for (const statement of statementsOf(undoSql(recommendation))) await cluster.sql(statement);
  expect(await cluster.sql(`select from pg_class where relname = any ($1)`, { params: [recommendation.indexes.map(({ name }) => name)] })).toEqual([]);
});

test('the command, with a workload of files: SQL files of the recommendation, and it is found again', async () => {
  const folder = join(fleet.get().directory, 'workload');
  mkdirSync(folder);
  const texts = [`select id, note from "Order" where placed_at > now() - interval '2 hours' and note <> '${SECRET}'`, `select 1`, `vacuum`];
  writeFileSync(join(folder, 'app.sql'), `${texts.join(';\n')};\n`);
  const said = await assay(['optimizer', 'run', 'shop/postgres', '--workload', folder, '--repeats', '5', '--out', join(folder, 'out')], fleet.get().env);
  expect(said, said.err).toMatchObject({ exit: 0, json: { database: 'postgres', workload: { notJudged: { utility: 1 } } } });
  const { recommendation: id } = said.json;
  const sql = readFileSync(join(folder, 'out', `assay-${id}.sql`), 'utf8');
  expect(sql).toMatch(/ON "public"\."Order" USING (btree|brin) \("placed_at"/);
  expect(sql).not.toContain(SECRET);
  expect(said.json.files).toEqual([join(folder, 'out', `assay-${id}.sql`), join(folder, 'out', `assay-${id}.undo.sql`)]);
  const html = join(folder, 'recommendation.html');
  const shown = await assay(['optimizer', 'show', id, '--html', html], fleet.get().env);
  const page = readFileSync(html, 'utf8');
  // the plan was made with the value
  for (const there of ['Plans before and after', '&lt;&gt; ?::text', `--digest ${shown.json.digest}`]) expect(page).toContain(there);
  expect(page).not.toContain(SECRET);
  expect(shown.json).toMatchObject({
    sql,
    recommendation: { id, experiment: { statements: expect.arrayContaining([expect.objectContaining({ bindingSource: 'captured' })]) } },
  });
  expect(JSON.stringify(shown.json)).not.toContain(SECRET);
  const listed = await assay(['optimizer', 'recommendations', 'shop'], fleet.get().env);
  expect(listed.json.recommendations.map((each: { id: string }) => each.id)[0]).toBe(id);
  expect(await assay(['optimizer', 'show', 'nowhere'], fleet.get().env)).toMatchObject({ exit: 2 });
});

test('a run counts what it was asked to: since the last run, or in a window of its own; what was built since the backup is not proposed again', async () => {
  const { cluster } = fleet.get();
  const since = await (await startRun(fleet.get(), { since: 'last-run' })).result();
  expect(since, JSON.stringify(since)).toMatchObject({ workload: { statements: 0 }, recommendation: null, backup: '' });

  const run = await startRun(fleet.get(), { windowMs: 4_000, limits: { repeats: 3 } });
  while (!(await run.query<Progress>(queries.progress)).detail.includes('for 4 s')) await pause(50);
  await cluster.sql('create index "Built since!" on "Order" (customer_id, placed_at desc)');
  const slow = `select id, state from "Order" where customer_id = $1 order by placed_at desc limit 20`;
  for (let n = 1; n <= 5; n += 1) await cluster.sql(slow, { params: [n] });
  const { workload, search, recommendation } = await run.result();
  expect(workload).toMatchObject({ statements: 1, calls: 5 });
  expect(search.notices).toContainEqual(expect.stringContaining('built on it as well: Built since!'));
  expect(recommendation).toBeNull();
  await cluster.sql('drop index "Built since!"');
});

test('approved from a shell: built under guard while traffic goes on, watched, kept', async () => {
  const { cluster } = fleet.get();
  const guard = { windowMs: 4_000, windows: 1, minCalls: 5 };
  const policy = { ...fleet.get().policy(), optimizer: { ...defaultOptimizerPolicy, apply: 'execute' as const, guard } };
  const { recommendation: id } = await (await startRun(fleet.get(), { policy, limits: { repeats: 3 } })).result();
  const made = await storedRecommendation(fleet.get(), id);
  const { env } = fleet.get();
  // as much of it as no other shares
  const shown = await assay(['optimizer', 'show', made.id.slice(0, 8)], env);
  const blind = await assay(['optimizer', 'approve', made.id], env);
  expect([blind.exit, JSON.stringify(blind.json)]).toEqual([2, expect.stringContaining(shown.json.digest)]);

  const applying = assay(['optimizer', 'approve', made.id, '--digest', shown.json.digest, '--by', 'ann'], env);
  let isOver = false;
  void applying.then(() => {
    isOver = true;
  });
  while (!isOver) {
    await cluster.sql(`select id, state from "Order" where customer_id = $1 order by placed_at desc limit 20`, {
      params: [1 + Math.floor(Math.random() * 20_000)],
    });
  }
  const done = await applying;
  expect(done, done.err).toMatchObject({ exit: 0, json: { recommendation: made.id, state: 'kept' } });
  const valid = 'select from pg_class c join pg_index on indexrelid = c.oid where indisvalid and relname = any ($1)';
  expect(await cluster.sql(valid, { params: [made.indexes.map(({ name }) => name)] })).toHaveLength(made.indexes.length);
  const { json } = await assay(['optimizer', 'history', 'shop'], env);
  const states = json.history.filter((each: { recommendation: string }) => each.recommendation === made.id).map((each: { state: string }) => each.state);
  expect(states.toReversed()).toEqual(['proposed', 'approved', 'applying', 'applied', 'kept']);
  const late = await assay(['optimizer', 'approve', made.id, '--yes', '--by', 'bob'], env);
  expect([late.exit, JSON.stringify(late.json)]).toEqual([5, expect.stringContaining('it is over: kept')]);
  expect((await assay(['optimizer', 'history', 'shop'], env)).json).toEqual({ history: json.history });
  const metrics = await (await fetch(fleet.get().worker?.metricsUrl ?? '')).text();
  const told = ['recommendation_states_total{cluster="shop",state="kept"} 1', 'guard_verdicts_total{cluster="shop",verdict="keep"} 1'];
  for (const each of [...told, `change_duration_seconds_count{cluster="shop",change="create-index"} ${made.indexes.length}`]) expect(metrics).toContain(each);
  for (const statement of statementsOf(undoSql(made))) await cluster.sql(statement);
}, 300_000);

test('a database without the extension is counted where another one has it', async () => {
  await fleet.get().cluster.sql('create database app');
  const result = await (await startRun(fleet.get(), { database: 'app' })).result();
  expect(result).toMatchObject({ database: 'app', workload: { statements: 0 }, recommendation: null });
  expect(result.workload.notJudged['other-database']).toBeGreaterThan(0);
});

test('a run that is cancelled in its lab leaves none', async () => {
  const run = await startRun(fleet.get(), { limits: { repeats: 100 } });
  while (!['measuring', 'settling'].includes((await run.query<Progress>(queries.progress)).phase)) await pause(200);
  expect(clones()).toHaveLength(1);
  await run.cancel();
  await expect(run.result()).rejects.toThrow();
  expect(clones()).toEqual([]);
});

test('a proof that is older than allowed makes no lab', async () => {
  expect(await errorOf(startRun(fleet.get(), { maxProofAgeMs: 1 }))).toMatchObject({ code: 'lab-unproven', message: expect.stringMatching(/0 h are allowed/) });
});

test('limits that cannot be, a database that is excluded: refused before anything starts', async () => {
  expect(await errorOf(startRun(fleet.get(), { limits: { repeats: 0 } }))).toMatchObject({ code: 'usage', message: expect.stringContaining('repeats') });
  const policy = { ...fleet.get().policy(), excludedDatabases: ['scratch'] };
  expect(await errorOf(startRun(fleet.get(), { policy, database: 'scratch' }))).toMatchObject({ code: 'usage', message: expect.stringContaining('excluded') });
});

test('nothing is left behind: no clone, no pin', async () => {
  expect(clones()).toEqual([]);
  expect(await pinned(fleet.get())).toEqual([]);
});

test('no text of a statement and no value is in any history, none in the log', async () => {
  const client = await fleet.get().client();
  let runs = 0;
  for await (const { workflowId } of client.workflow.list({ query: 'WorkflowType = "optimizerRun" OR WorkflowType = "optimizerRecommendation"' })) {
    runs += 1;
    const history = historyToJSON(await client.workflow.getHandle(workflowId).fetchHistory());
    const payloads = [...history.matchAll(/"data":\s*"([A-Za-z0-9+/=]+)"/g)].map(([, data]) => Buffer.from(data ?? '', 'base64').toString());
    const whole = `${history}\n${payloads.join('\n')}`;
    // the check sees what payloads hold
    expect(whole).toContain('"cluster":"shop"');
    for (const hidden of [SECRET, 'customer_id', 'placed_at']) expect(whole).not.toContain(hidden);
  }
  expect(runs).toBeGreaterThan(4);
  expect(readFileSync(fleet.get().logFile, 'utf8')).not.toContain(SECRET);
});

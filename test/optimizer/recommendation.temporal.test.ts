/**
 * A recommendation's workflow on a real Temporal server and a real control database. What touches a source answers from a script here:
 * real changes and real guards are in apply.pg.test.ts and guard.faults.ts, the whole path in optimizer.e2e.test.ts.
 */
import { Context } from '@temporalio/activity';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Control, openControl } from '../../activities/control/control-database.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import type { OptimizerDependencies } from '../../activities/optimizer/ports.ts';
import { decideSteps } from '../../activities/optimizer/steps/decide.ts';
import { observeSteps } from '../../activities/optimizer/steps/observe.ts';
import { recommendationDigest } from '../../activities/recommendation-digest.ts';
import { fleetQueue, hostQueue, workflowIds } from '../../domain/ids.ts';
import type { DecisionRequest } from '../../domain/optimizer/decision.ts';
import type { RecommendationState } from '../../domain/optimizer/model.ts';
import { defaultOptimizerPolicy, type OptimizerPolicy } from '../../domain/optimizer/policy.ts';
import type { Recommendation } from '../../domain/optimizer/recommendation.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { type AssayClient, connectAssay } from '../../ops/client/connect.ts';
import { type EmbeddedControl, startControl } from '../../workers/embedded/control.ts';
import { stepInterceptor } from '../../workers/step-interceptor.ts';
import { policy as example } from '../doctor/facts.ts';
import { recommendation as made } from './plan-examples.ts';
import { resetSource, scripted, source } from './scripted-source.ts';

let temporal: TestWorkflowEnvironment;
let embedded: EmbeddedControl;
let control: Control;
let client: AssayClient;
let store: ReturnType<typeof createOptimizerStore>;
const ends: (() => Promise<unknown>)[] = [];

let optimizer: OptimizerPolicy = defaultOptimizerPolicy;

beforeEach(() => {
  resetSource();
  optimizer = { ...defaultOptimizerPolicy, apply: 'execute', guard: { windowMs: 24, windows: 2, minCalls: 2 } };
});

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } } });
  const path = new URL('../../.tools/temporal', import.meta.url).pathname;
  const server = TestWorkflowEnvironment.createLocal({ server: { executable: { type: 'existing-path', path }, log: { format: 'pretty', level: 'error' } } });
  [temporal, embedded] = await Promise.all([server, startControl()]);
  control = await openControl(embedded.url);
  await control.migrate();
  store = createOptimizerStore(control);
  const steps = decideSteps({ store, now: () => new Date(), observe: () => {} } as unknown as OptimizerDependencies); // what these steps use of it
  const enterState: typeof steps.enterState = async (next) => {
    source.written.push(next.state);
    await source.writing;
    return steps.enterState(next);
  };
  const openRecommendation: typeof steps.openRecommendation = async (asked) => {
    const opened = await steps.openRecommendation(asked);
    for (const older of opened.supersedes) await source.meanwhile.get(older)?.();
    return opened;
  };
  const backup = {
    planLab: async () => ({}),
    unpin: async () => void source.done.push('unpin'),
    createRestorePoint: async ({ name }: { name: string }) => void source.done.push(`restore point ${name.slice(0, 8)}`),
  };
  // a run made again finds nothing
  const run = {
    lookAtIndexes: async ({ run: id }: { run: string }) => source.inRun?.(id) ?? null,
    proposedBy: observeSteps({ store } as unknown as OptimizerDependencies).proposedBy, // what this step uses of it
    observeWorkload: async () => ({ statements: 0, calls: 0, totalMs: 0, notJudged: {}, notices: [] }),
    concludeRun: async () => {},
  };
  const common = {
    connection: temporal.nativeConnection,
    namespace: temporal.namespace ?? 'default',
    interceptors: { activity: [stepInterceptor(() => {}, null)] },
  };
  const workflowsPath = new URL('../../workflows/index.ts', import.meta.url).pathname;
  const fleet = await Worker.create({ ...common, taskQueue: fleetQueue, workflowsPath, activities: { appliedPolicy: async () => policyNow() } });
  const host = await Worker.create({
    ...common,
    taskQueue: hostQueue(example.host),
    activities: { ...steps, enterState, openRecommendation, ...scripted, ...backup, ...run },
  });
  for (const worker of [fleet, host]) {
    const running = worker.run();
    ends.push(async () => {
      worker.shutdown();
      await running;
    });
  }
  client = await connectAssay({ address: temporal.address });
}, 120_000);
afterAll(async () => {
  await client?.close();
  for (const end of ends) await end();
  await control?.close();
  await Promise.all([temporal?.teardown(), embedded?.destroy()]);
}, 60_000);

const policyNow = (): ClusterPolicy => ({ ...example, cluster: 'shop', optimizer });

let count = 0;

/** Stored, with a workflow that waits with it. */
async function proposed(
  given: Partial<Recommendation> = {},
): Promise<{ id: string; digest: string; end: Promise<{ state: string; because: readonly string[] }> }> {
  count += 1;
  const recommendation: Recommendation = { ...made, id: `rec-${count}`, run: 'o-1', cluster: 'shop', database: `db${count}`, state: 'proposed', ...given };
  if (count === 1) {
    const head = { id: 'o-1', cluster: 'shop', database: 'db', owner: 'test', source: 'files', startedAt: made.createdAt, settings: {} } as const;
    await store.begin(head, { statements: [], notJudged: [], notices: [] });
  }
  await store.saveRecommendation(recommendation);
  const { id } = recommendation;
  const handle = await temporal.client.workflow.start('optimizerRecommendation', {
    workflowId: workflowIds.optimizerRecommendation('shop', id),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', recommendation: id }],
  });
  return { id, digest: recommendationDigest(recommendation), end: handle.result() as Promise<{ state: string; because: readonly string[] }> };
}

const decide = (id: string, digest: string, more: Partial<DecisionRequest> = {}) =>
  client.optimizer.decide({ cluster: 'shop', recommendation: id, digest, verdict: 'approve', by: 'ann', reason: null, ...more });

const statesOf = async (id: string): Promise<RecommendationState[]> => (await store.history({ recommendation: id }, 20)).map(({ state }) => state).reverse();

const changes = made.indexes.map((_, place) => place);

test('approved and executed: a window before, a restore point, each change, windows after, kept', async () => {
  source.windows = [{ verdict: 'undecided', because: [] }];
  const { id, digest, end } = await proposed();
  expect(await decide(id, digest)).toEqual({ state: 'approved', apply: 'execute', because: [], again: null });
  expect(await end).toEqual({ recommendation: id, state: 'kept', because: ['faster'] });
  const point = `restore point assay-${id}`.slice(0, 22);
  expect(source.done).toEqual(['window 0', point, ...changes.map((place) => `apply ${place}`), 'window 1', 'window 2', 'unpin']);
  expect(await statesOf(id)).toEqual(['proposed', 'approved', 'applying', 'applied', 'kept']);
  expect((await store.history({ recommendation: id }, 20)).find(({ state }) => state === 'approved')).toMatchObject({ by: 'ann', cluster: 'shop' });
});

test('a regression is undone in reverse, and said', async () => {
  source.windows = [{ verdict: 'roll-back', because: ['statement 7 is 2.1 times as slow'] }];
  const { id, digest, end } = await proposed();
  await decide(id, digest);
  expect(await end).toMatchObject({ state: 'rolled-back', because: ['statement 7 is 2.1 times as slow'] });
  expect(source.done.filter((each) => each.startsWith('undo'))).toEqual(changes.toReversed().map((place) => `undo ${place}`));
});

test('a change that fails takes what was made before it away again', async () => {
  const last = changes.length - 1;
  source.failsAt = last;
  const { id, digest, end } = await proposed();
  await decide(id, digest);
  expect(await end).toMatchObject({ state: 'failed', because: [expect.stringContaining('its table is gone'), 'what to do: none'] });
  expect(source.done.slice(-changes.length - 1)).toEqual([...changes.toReversed().map((place) => `undo ${place}`), 'unpin']);
});

test('what nobody can watch is not changed', async () => {
  source.isBlind = true;
  const { id, digest, end } = await proposed();
  await decide(id, digest);
  expect(await end).toMatchObject({
    state: 'failed',
    because: [expect.stringContaining('the extension is not created there'), expect.stringContaining('create it')],
  });
  expect(source.done).toEqual(['unpin']);
});

test('cancelled while it is watched: undone', async () => {
  optimizer = { ...optimizer, guard: { windowMs: 600_000, windows: 2, minCalls: 2 } };
  const { id, digest, end } = await proposed();
  await decide(id, digest);
  await expect.poll(() => source.done.includes('window 0')).toBe(true);
  await temporal.client.workflow.getHandle(workflowIds.optimizerRecommendation('shop', id)).cancel();
  await expect(end).rejects.toThrow();
  expect(await statesOf(id)).toEqual(['proposed', 'approved', 'applying', 'failed']);
});

test('where the policy hands out SQL, an approval is the end and nothing is touched', async () => {
  optimizer = { ...optimizer, apply: 'sql' };
  const { id, digest, end } = await proposed();
  expect(await decide(id, digest, { reason: 'looks right' })).toMatchObject({ state: 'approved', apply: 'sql', because: ['looks right'] });
  expect(await end).toMatchObject({ state: 'approved' });
  expect(source.done).toEqual([]);
});

test('another digest is refused, by name; the right one is still taken', async () => {
  const { id, digest, end } = await proposed();
  await expect(decide(id, 'f'.repeat(64))).rejects.toMatchObject({
    code: 'refused-by-guard',
    message: expect.stringContaining('not what the digest was made of'),
  });
  await expect(decide(id, 'nonsense')).rejects.toMatchObject({ code: 'usage' });
  expect(await statesOf(id)).toEqual(['proposed']);
  expect(await decide(id, digest, { verdict: 'refuse', reason: 'not before Christmas' })).toMatchObject({ state: 'refused' });
  expect(await end).toMatchObject({ state: 'refused', because: ['not before Christmas'] });
  // it is over: a later decision is told so, by a workflow that is started only for that
  await expect(decide(id, digest)).rejects.toMatchObject({ code: 'refused-by-guard', message: expect.stringContaining('it is over: refused') });
});

test('evidence that went stale: nothing is done, and it is measured again', async () => {
  source.evidence = { fresh: false, because: ['public.orders grew by 60 %'] };
  const { id, digest, end } = await proposed();
  const answer = await decide(id, digest);
  expect(answer).toMatchObject({ state: 'stale', because: ['public.orders grew by 60 %'], again: workflowIds.optimizerRun('shop', `again-${id}`) });
  expect(await temporal.client.workflow.getHandle(answer.again ?? '').result()).toMatchObject({ cluster: 'shop', because: ['no statement was seen'] });
  expect(await end).toMatchObject({ state: 'stale' });
  expect(source.done).toEqual([]);
});

test('one at a time in a database: the second approval is refused and may be given again', async () => {
  let go = () => {};
  source.blocked = new Promise((resolve) => {
    go = resolve;
  });
  const database = 'one';
  const first = await proposed({ database });
  const second = await proposed({ database, indexes: made.indexes.slice(0, 1), createdAt: '2026-12-01T00:00:00.000Z' });
  await decide(first.id, first.digest);
  await expect.poll(() => statesOf(first.id)).toContain('applying');
  await expect(decide(second.id, second.digest)).rejects.toMatchObject({ code: 'refused-by-guard', message: expect.stringContaining(first.id) });
  go();
  expect(await first.end).toMatchObject({ state: 'kept' });
  expect(await decide(second.id, second.digest)).toMatchObject({ state: 'approved' });
  expect(await second.end).toMatchObject({ state: 'kept' });
});

test('a newer one that holds all of its changes takes the place of an older one', async () => {
  const database = 'two';
  const older = await proposed({ database, indexes: made.indexes.slice(0, 1) });
  const newer = await proposed({ database, createdAt: '2026-12-01T00:00:00.000Z' });
  expect(await older.end).toMatchObject({ state: 'superseded', because: [expect.stringContaining(newer.id)] });
  expect(await statesOf(newer.id)).toEqual(['proposed']);
  await decide(newer.id, newer.digest, { verdict: 'refuse' });
});

test('an older one that is refused at the same moment stays refused', async () => {
  const database = 'moment';
  const older = await proposed({ database, indexes: made.indexes.slice(0, 1) });
  source.meanwhile.set(older.id, async () => {
    source.meanwhile.delete(older.id);
    await decide(older.id, older.digest, { verdict: 'refuse', reason: 'not this one' });
    await older.end;
  });
  const newer = await proposed({ database, createdAt: '2026-12-01T00:00:00.000Z' });
  expect(await decide(newer.id, newer.digest, { verdict: 'refuse' })).toMatchObject({ state: 'refused' });
  expect(source.written).toEqual(['refused', 'superseded', 'refused']);
  expect(await statesOf(older.id)).toEqual(['proposed', 'refused']);
  expect((await store.findRecommendation(older.id))?.state).toBe('refused');
});

test('nobody decides: it expires', async () => {
  optimizer = { ...optimizer, decisionMs: 50 };
  const { end } = await proposed();
  expect(await end).toMatchObject({ state: 'expired' });
});

test('a decision that comes while it expires is told so', async () => {
  let go = () => {};
  source.writing = new Promise((resolve) => {
    go = resolve;
  });
  optimizer = { ...optimizer, decisionMs: 50 };
  const { id, digest, end } = await proposed();
  await expect.poll(() => source.written, { timeout: 20_000 }).toContain('expired');
  await expect(decide(id, digest)).rejects.toMatchObject({ code: 'refused-by-guard', message: expect.stringContaining('it is over: expired') });
  go();
  expect(await end).toMatchObject({ state: 'expired' });
});

test('one that was approved stays so where nobody decides anew', async () => {
  optimizer = { ...optimizer, apply: 'sql' };
  const { id, digest, end } = await proposed();
  await decide(id, digest);
  expect(await end).toMatchObject({ state: 'approved' });
  optimizer = { ...optimizer, decisionMs: 50 };
  await expect(decide(id, 'f'.repeat(64))).rejects.toMatchObject({ code: 'refused-by-guard' });
  expect(await (await client.optimizer.recommendation('shop', id)).result()).toMatchObject({ state: 'approved', because: ['nobody decided anew'] });
  expect(await statesOf(id)).toEqual(['proposed', 'approved']);
});

test('several that the policy approves at once are carried out one after the other', async () => {
  optimizer = { ...optimizer, unattended: ['create-index'] };
  const each = await Promise.all(made.indexes.map((index) => proposed({ database: 'three', indexes: [index] })));
  expect(each.length).toBeGreaterThan(1);
  for (const { end } of each) expect(await end).toMatchObject({ state: 'kept' });
  expect(source.most).toBe(1);
});

test('what the policy leaves to no person is approved by the policy', async () => {
  optimizer = { ...optimizer, unattended: ['create-index'] };
  const { id, end } = await proposed();
  expect(await end).toMatchObject({ state: 'kept' });
  expect((await store.history({ recommendation: id }, 20)).find(({ state }) => state === 'approved')).toMatchObject({ by: 'the policy' });
});

test('a decision finds its workflow anew where Temporal was set up again', async () => {
  const { id, digest, end } = await proposed();
  const isEnded = expect(end).rejects.toThrow();
  await temporal.client.workflow.getHandle(workflowIds.optimizerRecommendation('shop', id)).terminate();
  await isEnded;
  expect(await decide(id, digest)).toMatchObject({ state: 'approved' });
  expect(await (await client.optimizer.recommendation('shop', id)).result()).toMatchObject({ state: 'kept' });
});

test('terminated while it is carried out: approved again, it goes on', async () => {
  let go = () => {};
  source.blocked = new Promise((resolve) => {
    go = resolve;
  });
  const { id, digest, end } = await proposed();
  const isEnded = expect(end).rejects.toThrow();
  await decide(id, digest);
  await expect.poll(() => source.done.includes('window 0'), { timeout: 20_000 }).toBe(true);
  await temporal.client.workflow.getHandle(workflowIds.optimizerRecommendation('shop', id)).terminate();
  await isEnded;
  go();
  expect(await decide(id, digest)).toMatchObject({ state: 'approved' });
  expect(await (await client.optimizer.recommendation('shop', id)).result()).toMatchObject({ state: 'kept' });
});

test.each([
  ['hands it over', false],
  ['leaves it with the workflow that it has', true],
])('a run that is cancelled after it had made a recommendation %s', async (_, hasWorkflow) => {
  const recommendation: Recommendation = { ...made, id: `rec-of-a-run-${hasWorkflow}`, cluster: 'shop', database: 'cut short', state: 'proposed' };
  const workflowId = workflowIds.optimizerRecommendation('shop', recommendation.id);
  let saved = () => {};
  const isSaved = new Promise<void>((resolve) => {
    saved = resolve;
  });
  source.inRun = async (run) => {
    const head = { id: run, cluster: 'shop', database: 'cut short', owner: 'test', source: 'files', startedAt: made.createdAt, settings: {} } as const;
    await store.begin(head, { statements: [], notJudged: [], notices: [] });
    await store.saveRecommendation({ ...recommendation, run, createdAt: new Date().toISOString() });
    if (hasWorkflow)
      await temporal.client.workflow.start('optimizerRecommendation', {
        workflowId,
        taskQueue: fleetQueue,
        args: [{ cluster: 'shop', recommendation: recommendation.id }],
      });
    saved();
    const context = Context.current();
    context.heartbeat();
    return context.cancelled;
  };
  const run = await temporal.client.workflow.start('optimizerRun', {
    workflowId: workflowIds.optimizerRun('shop', recommendation.id),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', requestKey: recommendation.id }],
  });
  await isSaved;
  await run.cancel();
  await expect(run.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
  const handle = temporal.client.workflow.getHandle(workflowId);
  expect((await handle.describe()).status.name).toBe('RUNNING');
  const digest = recommendationDigest((await store.findRecommendation(recommendation.id)) as Recommendation);
  expect(await decide(recommendation.id, digest, { verdict: 'refuse' })).toMatchObject({ state: 'refused' });
});

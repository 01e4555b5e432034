/**
 * A recommendation's workflow on a real Temporal server and a real control database. What touches a source answers from a script here:
 * real changes and real guards are in apply.pg.test.ts and guard.faults.ts, the whole path in optimizer.e2e.test.ts.
 */
import { Context } from '@temporalio/activity';
import { expect, test } from 'vitest';
import { recommendationDigest } from '../../activities/recommendation-digest.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import { changeKinds, type Recommendation, type RecommendedIndex } from '../../domain/optimizer/recommendation.ts';
import { recommendedSetting } from '../../domain/optimizer/setting.ts';
import { recommendation as made } from './plan-examples.ts';
import { changes, decide, proposed, statesOf, useWorld, world } from './recommendation-support.ts';
import { source } from './scripted-source.ts';

useWorld();

test('approved and executed: a window before, a restore point, each change, windows after, kept', async () => {
  source.windows = [{ verdict: 'undecided', because: [] }];
  const { id, digest, end } = await proposed();
  expect(await decide(id, digest)).toEqual({ state: 'approved', apply: 'execute', because: [], again: null });
  expect(await end).toEqual({ recommendation: id, state: 'kept', because: ['faster'] });
  const point = `restore point assay-${id}`.slice(0, 22);
  expect(source.done).toEqual(['window 0', point, ...changes.map((place) => `apply ${place}`), 'window 1', 'window 2', 'unpin']);
  expect(await statesOf(id)).toEqual(['proposed', 'approved', 'applying', 'applied', 'kept']);
  expect((await world.store.history({ recommendation: id }, 20)).find(({ state }) => state === 'approved')).toMatchObject({ by: 'ann', cluster: 'shop' });
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
  world.optimizer = { ...world.optimizer, guard: { windowMs: 600_000, windows: 2, minCalls: 2 } };
  const { id, digest, end } = await proposed();
  await decide(id, digest);
  await expect.poll(() => source.done.includes('window 0')).toBe(true);
  await world.temporal.client.workflow.getHandle(workflowIds.optimizerRecommendation('shop', id)).cancel();
  await expect(end).rejects.toThrow();
  expect(await statesOf(id)).toEqual(['proposed', 'approved', 'applying', 'failed']);
});

test('where the policy hands out SQL, an approval is the end and nothing is touched', async () => {
  world.optimizer = { ...world.optimizer, apply: 'sql' };
  const { id, digest, end } = await proposed();
  expect(await decide(id, digest, { reason: 'looks right' })).toMatchObject({ state: 'approved', apply: 'sql', because: ['looks right'] });
  expect(await end).toMatchObject({ state: 'approved' });
  expect(source.done).toEqual([]);
});

test('advice is noted where the policy executes, and never approved by it: an application or a role is not Assay’s to change', async () => {
  world.optimizer = { ...world.optimizer, unattended: [...changeKinds] };
  const advice = { name: 'jit', value: 'off', was: 'on', statement: 's1', memory: null, roles: [], connections: null } as const;
  const setting = recommendedSetting(advice, { table: { schema: 'public', relation: 'Order' }, because: 'most went into compiling it' });
  const { id, digest, end } = await proposed({ indexes: [setting] });
  expect(await decide(id, digest)).toMatchObject({ state: 'approved', apply: 'sql' });
  expect(await end).toMatchObject({ state: 'approved' });
  expect(source.done).toEqual([]);
  expect(await statesOf(id)).toEqual(['proposed', 'approved']);
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
  expect(await world.temporal.client.workflow.getHandle(answer.again ?? '').result()).toMatchObject({ cluster: 'shop', because: ['no statement was seen'] });
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
  // an approval that was in hand is told what to look at instead, which may have been superseded in its turn
  const late = () => decide(older.id, older.digest);
  await expect(late()).rejects.toMatchObject({ message: expect.stringContaining(`superseded, recommendation ${newer.id} takes its place (proposed)`) });
  const newest = await proposed({ database, createdAt: '2026-12-02T00:00:00.000Z' });
  expect(await newer.end).toMatchObject({ state: 'superseded' });
  await expect(late()).rejects.toMatchObject({ values: { hint: `look at that one: assay optimizer show ${newest.id}` } });
  await decide(newest.id, newest.digest, { verdict: 'refuse' });
});

test('a newer one that was measured beside it and preferred takes its place; another kind of change, or one of fewer statements, does not', async () => {
  const database = 'beside';
  const [first, second] = ['made_first', 'made_second'].map((name) => ({ ...(made.indexes[0] as RecommendedIndex), name, sql: `CREATE INDEX ${name}` }));
  const older = await proposed({ database, indexes: [first as RecommendedIndex] });
  const advice = { name: 'jit', value: 'off', was: 'on', statement: 's1', memory: null, roles: [], connections: null } as const;
  const setting = recommendedSetting(advice, { table: { schema: 'public', relation: 'Order' }, because: 'most went into compiling it' });
  const other = await proposed({ database, indexes: [setting], createdAt: '2026-12-01T00:00:00.000Z' });
  await world.store.saveFinalists(
    'o-1',
    [older, other].map(({ id }) => ({ indexes: [], estimatedRatio: 0.5, estimatedBytes: 1, proposedBy: id })),
  );
  const ofFewer = { ...made.experiment, statements: [] };
  const fewer = await proposed({ database, indexes: [second as RecommendedIndex], experiment: ofFewer, createdAt: '2026-12-02T00:00:00.000Z' });
  // whoever decides is answered once it is open, and what it takes the place of was told before
  await decide(fewer.id, fewer.digest, { verdict: 'refuse' });
  expect(await statesOf(older.id)).toEqual(['proposed']);
  const newer = await proposed({ database, indexes: [second as RecommendedIndex], createdAt: '2026-12-03T00:00:00.000Z' });
  expect(await older.end).toMatchObject({ state: 'superseded', because: [expect.stringContaining(newer.id)] });
  expect(await statesOf(other.id)).toEqual(['proposed']);
  await world.store.saveFinalists('o-1', []);
  for (const { id, digest } of [other, newer]) await decide(id, digest, { verdict: 'refuse' });
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
  expect((await world.store.findRecommendation(older.id))?.state).toBe('refused');
});

test('nobody decides: it expires', async () => {
  world.optimizer = { ...world.optimizer, decisionMs: 50 };
  const { end } = await proposed();
  expect(await end).toMatchObject({ state: 'expired' });
});

test('a decision that comes while it expires is told so', async () => {
  let go = () => {};
  source.writing = new Promise((resolve) => {
    go = resolve;
  });
  world.optimizer = { ...world.optimizer, decisionMs: 50 };
  const { id, digest, end } = await proposed();
  await expect.poll(() => source.written, { timeout: 20_000 }).toContain('expired');
  await expect(decide(id, digest)).rejects.toMatchObject({ code: 'refused-by-guard', message: expect.stringContaining('it is over: expired') });
  go();
  expect(await end).toMatchObject({ state: 'expired' });
});

test('one that was approved stays so where nobody decides anew', async () => {
  world.optimizer = { ...world.optimizer, apply: 'sql' };
  const { id, digest, end } = await proposed();
  await decide(id, digest);
  expect(await end).toMatchObject({ state: 'approved' });
  world.optimizer = { ...world.optimizer, decisionMs: 50 };
  await expect(decide(id, 'f'.repeat(64))).rejects.toMatchObject({ code: 'refused-by-guard' });
  expect(await (await world.client.optimizer.recommendation('shop', id)).result()).toMatchObject({ state: 'approved', because: ['nobody decided anew'] });
  expect(await statesOf(id)).toEqual(['proposed', 'approved']);
});

test('several that the policy approves at once are carried out one after the other', async () => {
  world.optimizer = { ...world.optimizer, unattended: ['create-index'] };
  const each = await Promise.all(made.indexes.map((index) => proposed({ database: 'three', indexes: [index] })));
  expect(each.length).toBeGreaterThan(1);
  for (const { end } of each) expect(await end).toMatchObject({ state: 'kept' });
  expect(source.most).toBe(1);
});

test('what the policy leaves to no person is approved by the policy', async () => {
  world.optimizer = { ...world.optimizer, unattended: ['create-index'] };
  const { id, end } = await proposed();
  expect(await end).toMatchObject({ state: 'kept' });
  expect((await world.store.history({ recommendation: id }, 20)).find(({ state }) => state === 'approved')).toMatchObject({ by: 'the policy' });
});

test('a decision finds its workflow anew where Temporal was set up again', async () => {
  const { id, digest, end } = await proposed();
  const isEnded = expect(end).rejects.toThrow();
  await world.temporal.client.workflow.getHandle(workflowIds.optimizerRecommendation('shop', id)).terminate();
  await isEnded;
  expect(await decide(id, digest)).toMatchObject({ state: 'approved' });
  expect(await (await world.client.optimizer.recommendation('shop', id)).result()).toMatchObject({ state: 'kept' });
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
  await world.temporal.client.workflow.getHandle(workflowIds.optimizerRecommendation('shop', id)).terminate();
  await isEnded;
  go();
  expect(await decide(id, digest)).toMatchObject({ state: 'approved' });
  expect(await (await world.client.optimizer.recommendation('shop', id)).result()).toMatchObject({ state: 'kept' });
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
    await world.store.begin(head, { statements: [], notJudged: [], notices: [] });
    await world.store.saveRecommendation({ ...recommendation, run, createdAt: new Date().toISOString() });
    if (hasWorkflow)
      await world.temporal.client.workflow.start('optimizerRecommendation', {
        workflowId,
        taskQueue: fleetQueue,
        args: [{ cluster: 'shop', recommendation: recommendation.id }],
      });
    saved();
    const context = Context.current();
    context.heartbeat();
    return context.cancelled;
  };
  const run = await world.temporal.client.workflow.start('optimizerRun', {
    workflowId: workflowIds.optimizerRun('shop', recommendation.id),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', requestKey: recommendation.id }],
  });
  await isSaved;
  await run.cancel();
  await expect(run.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
  const handle = world.temporal.client.workflow.getHandle(workflowId);
  expect((await handle.describe()).status.name).toBe('RUNNING');
  const digest = recommendationDigest((await world.store.findRecommendation(recommendation.id)) as Recommendation);
  expect(await decide(recommendation.id, digest, { verdict: 'refuse' })).toMatchObject({ state: 'refused' });
});

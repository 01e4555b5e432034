/** A worker that dies by SIGKILL before and after each step of a recommendation's way: it is carried out once all the same, and no invalid index is left. */
import { beforeAll, describe, expect, test } from 'vitest';
import { openControl } from '../../activities/control/control-database.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import { recommendationDigest } from '../../activities/recommendation-digest.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import type { RecommendationInput, RecommendationResult } from '../../domain/optimizer/decision.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { defaultOptimizerPolicy } from '../../domain/optimizer/policy.ts';
import { type Recommendation, recommendedIndex } from '../../domain/optimizer/recommendation.ts';
import { connectAssay } from '../../ops/client/connect.ts';
import { startBackup, startDoomedWorker, useFleet } from '../support/fleet.ts';
import { counting, makeShop, pinned } from './optimizer-support.ts';
import { recommendation as made } from './plan-examples.ts';

/** In the order of the way; those of the backup agent are killed where it is tested. */
const STEPS = [
  'openRecommendation',
  'checkEvidence',
  'enterState',
  'prepareApply',
  'lookAtStatements',
  'createRestorePoint',
  'applyChange',
  'guardWindow',
] as const;

const fleet = useFleet({ ...counting, worker: false });
let count = 0;

beforeAll(async () => {
  await makeShop(fleet.get(), 40_000);
  const worker = await fleet.get().startWorker();
  await (await startBackup(fleet.get())).result();
  await worker.kill('SIGTERM');
}, 300_000);

/** Proposed and approved; a worker does the rest. */
async function approved() {
  count += 1;
  const indexes = ['customer_id', 'state'].map((column) =>
    recommendedIndex(btree({ schema: 'public', relation: 'Order' }, [column, 'id']), { sizeBytes: 1, buildMs: 50, leaveOneOut: null }),
  );
  const recommendation: Recommendation = {
    ...made,
    id: `crash-${count}`,
    run: 'o-1',
    cluster: 'shop',
    database: 'postgres',
    createdAt: new Date().toISOString(),
    indexes,
  };
  const control = await openControl(fleet.get().control.url);
  const store = createOptimizerStore(control);
  const head = { id: 'o-1', cluster: 'shop', database: 'postgres', owner: 'test', source: 'files', startedAt: made.createdAt, settings: {} } as const;
  if (count === 1) await store.begin(head, { statements: [], notJudged: [], notices: [] });
  await store.saveRecommendation(recommendation);
  await control.close();
  const optimizer = { ...defaultOptimizerPolicy, apply: 'execute' as const, guard: { windowMs: 800, windows: 1, minCalls: 2 } };
  const client = await fleet.get().client();
  const handle = await client.workflow.start<(input: RecommendationInput) => Promise<RecommendationResult>>('optimizerRecommendation', {
    workflowId: workflowIds.optimizerRecommendation('shop', recommendation.id),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', recommendation: recommendation.id, policy: { ...fleet.get().policy(), optimizer } }],
  });
  const assay = await connectAssay({ address: fleet.get().temporal.address, workerPatienceMs: 0 });
  const decision = {
    cluster: 'shop',
    recommendation: recommendation.id,
    verdict: 'approve',
    digest: recommendationDigest(recommendation),
    by: 'ann',
    reason: null,
  } as const;
  const answer = assay.optimizer.decide(decision).finally(() => assay.close());
  return { recommendation, handle, answer };
}

const indexesOf = () =>
  fleet
    .get()
    .cluster.sql<{ name: string; valid: boolean }>(`select c.relname as name, i.indisvalid as valid from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indrelid = '"Order"'::regclass and not i.indisprimary order by 1`);

async function restarted<T>(use: () => Promise<T>): Promise<T> {
  const next = await fleet.get().startWorker();
  try {
    return await use();
  } finally {
    await next.kill('SIGTERM');
  }
}

const dropAll = async () => {
  for (const { name } of await indexesOf()) await fleet.get().cluster.sql(`drop index "${name}"`);
};

describe.each(STEPS)('%s', (step) => {
  test.each(['before', 'after'] as const)(`killed %s ${step}`, async (when) => {
    const doomed = await startDoomedWorker(fleet.get(), `${step}:${when}`);
    const { recommendation, handle, answer } = await approved();
    expect(await doomed.ended()).toBe(`${step}:${when}`);
    await restarted(async () => {
      expect(await answer).toMatchObject({ state: 'approved', apply: 'execute' });
      expect(await handle.result()).toMatchObject({ state: 'kept' });
    });
    expect(await indexesOf()).toEqual(recommendation.indexes.map(({ name }) => ({ name, valid: true })).toSorted((a, b) => (a.name < b.name ? -1 : 1)));
    expect(await pinned(fleet.get())).toEqual([]);
    await dropAll();
  });
});

test.each(['before', 'after'] as const)('killed %s undoChange, which a cancellation asked for: both changes are gone', async (when) => {
  const doomed = await startDoomedWorker(fleet.get(), `undoChange:${when}`);
  const { handle, answer } = await approved();
  await answer;
  await expect.poll(indexesOf, { timeout: 60_000, interval: 50 }).toHaveLength(2);
  await handle.cancel();
  expect(await doomed.ended()).toBe(`undoChange:${when}`);
  await restarted(() => expect(handle.result()).rejects.toThrow());
  expect(await indexesOf()).toEqual([]);
});

/** A recommendation's workflow on a real Temporal server and a real control database; what touches a source answers from a script. */
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach } from 'vitest';
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
import { workflowBundle } from '../../workers/bundle.ts';
import { type EmbeddedControl, startControl } from '../../workers/embedded/control.ts';
import { stepInterceptor } from '../../workers/step-interceptor.ts';
import { policy as example } from '../doctor/facts.ts';
import { recommendation as made } from './plan-examples.ts';
import { resetSource, scripted, source } from './scripted-source.ts';

export interface World {
  temporal: TestWorkflowEnvironment;
  client: AssayClient;
  store: ReturnType<typeof createOptimizerStore>;
  /** Of the cluster, as it is now; anew before each test. */
  optimizer: OptimizerPolicy;
}

/** Filled before the first test of a file that calls `useWorld`. */
export const world = { optimizer: defaultOptimizerPolicy } as World;

let embedded: EmbeddedControl;
let control: Control;
const ends: (() => Promise<unknown>)[] = [];

export function useWorld(): void {
  beforeEach(anew);
  beforeAll(started, 120_000);
  afterAll(ended, 60_000);
}

function anew(): void {
  resetSource();
  world.optimizer = { ...defaultOptimizerPolicy, apply: 'execute', guard: { windowMs: 24, windows: 2, minCalls: 2 } };
}

async function started(): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } } });
  const path = new URL('../../.tools/temporal', import.meta.url).pathname;
  const server = TestWorkflowEnvironment.createLocal({ server: { executable: { type: 'existing-path', path }, log: { format: 'pretty', level: 'error' } } });
  [world.temporal, embedded] = await Promise.all([server, startControl()]);
  const { temporal } = world;
  control = await openControl(embedded.url);
  await control.migrate();
  const store = createOptimizerStore(control);
  world.store = store;
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
  const activities = { appliedPolicy: async () => policyNow() };
  const fleet = await Worker.create({ ...common, taskQueue: fleetQueue, workflowBundle: await workflowBundle(), activities });
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
  world.client = await connectAssay({ address: temporal.address });
}

async function ended(): Promise<void> {
  await world.client?.close();
  for (const end of ends) await end();
  await control?.close();
  await Promise.all([world.temporal?.teardown(), embedded?.destroy()]);
}

const policyNow = (): ClusterPolicy => ({ ...example, cluster: 'shop', optimizer: world.optimizer });

let count = 0;

/** Stored, with a workflow that waits with it. */
export async function proposed(
  given: Partial<Recommendation> = {},
): Promise<{ id: string; digest: string; end: Promise<{ state: string; because: readonly string[] }> }> {
  count += 1;
  const recommendation: Recommendation = { ...made, id: `rec-${count}`, run: 'o-1', cluster: 'shop', database: `db${count}`, state: 'proposed', ...given };
  if (count === 1) {
    const head = { id: 'o-1', cluster: 'shop', database: 'db', owner: 'test', source: 'files', startedAt: made.createdAt, settings: {} } as const;
    await world.store.begin(head, { statements: [], notJudged: [], notices: [] });
  }
  await world.store.saveRecommendation(recommendation);
  const { id } = recommendation;
  const handle = await world.temporal.client.workflow.start('optimizerRecommendation', {
    workflowId: workflowIds.optimizerRecommendation('shop', id),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', recommendation: id }],
  });
  return { id, digest: recommendationDigest(recommendation), end: handle.result() as Promise<{ state: string; because: readonly string[] }> };
}

export const decide = (id: string, digest: string, more: Partial<DecisionRequest> = {}) =>
  world.client.optimizer.decide({ cluster: 'shop', recommendation: id, digest, verdict: 'approve', by: 'ann', reason: null, ...more });

export const statesOf = async (id: string): Promise<RecommendationState[]> =>
  (await world.store.history({ recommendation: id }, 20)).map(({ state }) => state).reverse();

export const changes = made.indexes.map((_, place) => place);

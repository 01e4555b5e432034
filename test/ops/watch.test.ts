import { beforeEach, expect, test } from 'vitest';
import type { ScheduleName } from '../../domain/ids.ts';
import type { Observation, RecommendationCounts } from '../../domain/observation.ts';
import { defaultOptimizerPolicy } from '../../domain/optimizer/policy.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { createWatch, type Watch } from '../../workers/watch.ts';

// what a watch reads of a policy
const policy = (cluster: string, rpoMs: number | null = 60_000) =>
  ({ cluster, objectives: { rpoMs, rtoMs: null, proofAgeMs: 86_400_000 } }) as unknown as ClusterPolicy;

let seen: Observation[];
let missed: Map<ScheduleName, number>;
let counts: Map<string, RecommendationCounts>;
let watch: Watch;

beforeEach(() => {
  seen = [];
  missed = new Map();
  counts = new Map();
  watch = createWatch({ observe: (each) => seen.push(each), repositoriesOf: async () => [1, 2], missedRuns: async () => missed, counts: async () => counts });
});

test('a cluster is watched once, again when its objectives change, and forgotten when it is gone', async () => {
  await watch.clusters([policy('shop'), policy('billing')]);
  await watch.clusters([policy('shop'), policy('billing')]);
  await watch.clusters([policy('shop', null)]);
  await watch.clusters([policy('shop', null)]);
  expect(seen.map((each) => [each.kind, 'cluster' in each && each.cluster])).toEqual([
    ['cluster-watched', 'shop'],
    ['cluster-watched', 'billing'],
    ['cluster-forgotten', 'billing'],
    ['cluster-watched', 'shop'],
  ]);
  expect(seen[0]).toMatchObject({ repositories: [1, 2], objectives: { rpoSeconds: 60, rtoSeconds: null, proofAgeSeconds: 86_400 } });
});

test("the first look tells Temporal's whole count, later ones what was added, a schedule made anew begins again", async () => {
  await watch.clusters([policy('shop')]);
  seen.length = 0;
  for (const total of [3, 3, 5, 1, 1]) {
    missed.set('full', total);
    await watch.missed();
  }
  expect(seen.map((each) => each.kind === 'schedule-missed' && each.missed)).toEqual([3, 2, 1]);
});

test('a schedule that never missed gets its series all the same', async () => {
  await watch.clusters([policy('shop')]);
  missed.set('expire', 0);
  await watch.missed();
  await watch.missed();
  expect(seen.slice(1)).toEqual([{ kind: 'schedule-missed', cluster: 'shop', schedule: 'expire', missed: 0 }]);
});

test('a schedule of the optimizer allows its workload twice its longest pause; without one nothing is too old', async () => {
  const weekdays = { cron: '0 3 * * 1-5', timeZone: 'UTC', jitterMs: 0, catchUpMs: 60_000 };
  await watch.clusters([policy('shop'), { ...policy('billing'), optimizer: { ...defaultOptimizerPolicy, schedule: weekdays } }]);
  const ages = seen.map((each) => each.kind === 'cluster-watched' && each.objectives.workloadAgeSeconds);
  expect(ages).toEqual([null, 2 * 3 * 86_400]); // Friday to Monday
  const guards = seen.map((each) => each.kind === 'cluster-watched' && each.objectives.guardSeconds);
  expect(guards).toEqual([8 * 3600, 8 * 3600]); // an hour before, two after, one more where that was disturbed
  seen.length = 0;
  const short = { ...defaultOptimizerPolicy, guard: { windowMs: 10_000, windows: 1, minCalls: 5 } };
  await watch.clusters([{ ...policy('shop'), optimizer: short }]);
  expect(seen.map((each) => each.kind === 'cluster-watched' && each.objectives.guardSeconds)).toContain(6 * 3600);
});

test('what the control database counts is told for each watched cluster, also where it knows nothing', async () => {
  await watch.clusters([policy('shop'), policy('billing')]);
  const kept = { states: { kept: 2 }, oldestAt: {}, lastAt: {}, regressedAt: null, collectedAt: '2026-11-21T05:00:00.000Z', ratio: 0.5 };
  counts.set('shop', kept);
  counts.set('left-long-ago', { ...kept, collectedAt: null });
  seen.length = 0;
  await watch.recommendations();
  expect(seen).toEqual([
    { kind: 'recommendations-counted', cluster: 'shop', ...kept },
    { kind: 'recommendations-counted', cluster: 'billing', states: {}, oldestAt: {}, lastAt: {}, regressedAt: null, collectedAt: null, ratio: null },
  ]);
});

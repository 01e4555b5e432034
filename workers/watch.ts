/** What the metrics must know beside what happens: which clusters there are, and which runs never happened. */
import { isDeepStrictEqual } from 'node:util';
import { type ScheduleClient, ScheduleNotFoundError } from '@temporalio/client';
import { type ScheduleName, scheduleIdsOf, scheduleNames } from '../domain/ids.ts';
import type { Observe, RecommendationCounts } from '../domain/observation.ts';
import { type OptimizerPolicy, optimizerPolicyOf } from '../domain/optimizer/policy.ts';
import type { ClusterPolicy, SchedulePolicy } from '../domain/policy.ts';
import { plannedRuns } from './commands/plan-runs.ts';

export interface WatchPorts {
  readonly observe: Observe;
  /** Ids of the repositories that the cluster's engine writes to. */
  repositoriesOf(policy: ClusterPolicy): Promise<readonly number[]>;
  /** Runs that Temporal skipped since each schedule was made; 0 where there is no such schedule. */
  missedRuns(cluster: string, repositories: readonly number[]): Promise<ReadonlyMap<ScheduleName, number>>;
  /** What the control database holds of each cluster's recommendations; a cluster that it knows nothing of is missing. */
  counts(): Promise<ReadonlyMap<string, RecommendationCounts>>;
}

export interface Watch {
  /** Call with every fresh list of this host's policies; observes what is new, changed or gone, once. */
  clusters(policies: readonly ClusterPolicy[]): Promise<void>;
  /** Observes runs that were skipped since the last look; at the first look all of them, so that a restart of the worker hides none. */
  missed(): Promise<void>;
  /** Observes, for each cluster watched, how its recommendations stand and when its workload was last collected. */
  recommendations(): Promise<void>;
}

export function createWatch({ observe, repositoriesOf, missedRuns, counts }: WatchPorts): Watch {
  const known = new Map<string, Seen>();
  const counted = new Map<string, number>();
  return {
    async clusters(policies) {
      for (const cluster of known.keys()) {
        if (policies.some((policy) => policy.cluster === cluster)) continue;
        known.delete(cluster);
        for (const id of counted.keys()) if (id.startsWith(`${cluster}/`)) counted.delete(id);
        observe({ kind: 'cluster-forgotten', cluster });
      }
      for (const policy of policies) {
        const { cluster } = policy;
        const seen = { repositories: await repositoriesOf(policy), objectives: objectivesOf(policy) };
        if (isDeepStrictEqual(known.get(cluster), seen)) continue;
        known.set(cluster, seen);
        observe({ kind: 'cluster-watched', cluster, ...seen });
      }
    },
    async missed() {
      for (const [cluster, { repositories }] of known) {
        for (const [schedule, total] of await missedRuns(cluster, repositories)) {
          const before = counted.get(`${cluster}/${schedule}`);
          counted.set(`${cluster}/${schedule}`, total);
          // a schedule that was made anew counts from zero again
          const missed = before === undefined || total < before ? total : total - before;
          if (missed > 0 || before === undefined) observe({ kind: 'schedule-missed', cluster, schedule, missed });
        }
      }
    },
    async recommendations() {
      const all = await counts();
      for (const cluster of known.keys()) observe({ kind: 'recommendations-counted', cluster, ...(all.get(cluster) ?? NOTHING) });
    },
  };
}

/** What the metrics are told of a cluster. */
interface Seen {
  readonly repositories: readonly number[];
  readonly objectives: ReturnType<typeof objectivesOf>;
}

const NOTHING: RecommendationCounts = { states: {}, oldestAt: {}, lastAt: {}, regressedAt: null, collectedAt: null, ratio: null };

const objectivesOf = ({ objectives, optimizer }: ClusterPolicy) => ({
  rpoSeconds: objectives.rpoMs === null ? null : objectives.rpoMs / 1000,
  rtoSeconds: objectives.rtoMs === null ? null : objectives.rtoMs / 1000,
  proofAgeSeconds: objectives.proofAgeMs / 1000,
  workloadAgeSeconds: optimizer?.schedule == null ? null : (2 * longestPauseMs(optimizer.schedule)) / 1000,
  guardSeconds: Math.max(SHORTEST_GUARD_MS, 2 * guardMs(optimizerPolicyOf({ optimizer }).guard)) / 1000,
});

/** Windows may be short; a proof and a build on a large table are not. */
const SHORTEST_GUARD_MS = 6 * 3_600_000;

/** The baseline before, the windows after, and one more where the last was disturbed. */
const guardMs = ({ windowMs, windows }: OptimizerPolicy['guard']) => (windows + 2) * windowMs;

/** Runs looked at: enough for a month of a schedule that runs each hour. */
const RUNS = 750;
/** Any moment would do, as long as it is always the same one. */
const FROM = new Date('2026-01-01T00:00:00Z');
const pauses = new Map<string, number>();

/** Longest time between two runs, remembered: each tick asks. */
function longestPauseMs({ cron, timeZone }: SchedulePolicy): number {
  const key = `${timeZone} ${cron}`;
  const pause = pauses.get(key) ?? longest(plannedRuns({ id: key, when: { kind: 'cron', cron, timeZone } }, FROM, RUNS).next.map(Date.parse));
  pauses.set(key, pause);
  return pause;
}

const longest = (times: readonly number[]): number => Math.max(0, ...times.slice(1).map((at, before) => at - (times[before] ?? at)));

/** Temporal's own count for each schedule of a cluster, over its repositories. Throws Temporal's errors where it does not answer. */
export async function missedRunsOf(client: ScheduleClient, cluster: string, repositories: readonly number[] = []): Promise<ReadonlyMap<ScheduleName, number>> {
  const missedBy = async (name: ScheduleName) => {
    const counts = await Promise.all(scheduleIdsOf(cluster, name, repositories.length > 1 ? repositories : []).map((id) => missedOf(client, id)));
    return [name, counts.reduce((sum, count) => sum + count, 0)] as const;
  };
  return new Map(await Promise.all(scheduleNames.map(missedBy)));
}

async function missedOf(client: ScheduleClient, id: string): Promise<number> {
  try {
    return (await client.getHandle(id).describe()).info.numActionsMissedCatchupWindow;
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    return 0;
  }
}

/** What the metrics must know beside what happens: which clusters there are, and which runs never happened. */
import { type ScheduleClient, ScheduleNotFoundError } from '@temporalio/client';
import { type ScheduleName, scheduleId, scheduleNames } from '../domain/ids.ts';
import type { Observe } from '../domain/observation.ts';
import type { ClusterPolicy } from '../domain/policy.ts';

export interface WatchPorts {
  readonly observe: Observe;
  /** Ids of the repositories that the cluster's engine writes to. */
  repositoriesOf(policy: ClusterPolicy): Promise<readonly number[]>;
  /** Runs that Temporal skipped since each schedule was made; 0 where there is no such schedule. */
  missedRuns(cluster: string): Promise<ReadonlyMap<ScheduleName, number>>;
}

export interface Watch {
  /** Call with every fresh list of this host's policies; observes what is new, changed or gone, once. */
  clusters(policies: readonly ClusterPolicy[]): Promise<void>;
  /** Observes runs that were skipped since the last look; at the first look all of them, so that a restart of the worker hides none. */
  missed(): Promise<void>;
}

export function createWatch({ observe, repositoriesOf, missedRuns }: WatchPorts): Watch {
  const known = new Map<string, string>();
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
        if (known.get(cluster) === JSON.stringify(seen)) continue;
        known.set(cluster, JSON.stringify(seen));
        observe({ kind: 'cluster-watched', cluster, ...seen });
      }
    },
    async missed() {
      for (const cluster of known.keys()) {
        for (const [schedule, total] of await missedRuns(cluster)) {
          const before = counted.get(`${cluster}/${schedule}`);
          counted.set(`${cluster}/${schedule}`, total);
          // a schedule that was made anew counts from zero again
          const missed = before === undefined || total < before ? total : total - before;
          if (missed > 0 || before === undefined) observe({ kind: 'schedule-missed', cluster, schedule, missed });
        }
      }
    },
  };
}

const objectivesOf = ({ objectives }: ClusterPolicy) => ({
  rpoSeconds: objectives.rpoMs === null ? null : objectives.rpoMs / 1000,
  rtoSeconds: objectives.rtoMs === null ? null : objectives.rtoMs / 1000,
  proofAgeSeconds: objectives.proofAgeMs / 1000,
});

/** Temporal's own count for each schedule of a cluster. Throws Temporal's errors where it does not answer. */
export async function missedRunsOf(client: ScheduleClient, cluster: string): Promise<ReadonlyMap<ScheduleName, number>> {
  const missed = new Map<ScheduleName, number>();
  for (const name of scheduleNames) {
    try {
      missed.set(name, (await client.getHandle(scheduleId(cluster, name)).describe()).info.numActionsMissedCatchupWindow);
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
      missed.set(name, 0);
    }
  }
  return missed;
}

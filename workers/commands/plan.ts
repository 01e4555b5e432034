/** `assay plan`: what `assay apply` would change, its SQL, the next runs. Reads only. */
import { reasonOf } from '../../domain/errors.ts';
import { type Change, clusterChanges, desiredSchedules, type FoundCluster, removalChanges } from '../../domain/plan.ts';
import type { ClusterPolicy, FleetPolicy } from '../../domain/policy.ts';
import type { PlanDependencies } from './plan-ports.ts';
import { type PlannedRuns, plannedRuns } from './plan-runs.ts';
import { findSchedules, scheduledClusters } from './plan-schedules.ts';

export interface FleetPlan {
  /** In the order `apply` makes them; empty: everything is as the file says. */
  readonly changes: readonly Change[];
  readonly runs: readonly PlannedRuns[];
  /** Clusters that did not answer: what must change in them is not known. */
  readonly unseen: readonly string[];
  /** What could not be looked at, and what stays as it is although one may not expect it. */
  readonly notes: readonly string[];
}

/** Compares the file with Temporal, the control database, the clusters and this host. Throws temporal-unreachable, control-unreachable. */
export async function planFleet(dependencies: PlanDependencies, fleet: FleetPolicy): Promise<FleetPlan> {
  const kept = await Promise.all(fleet.clusters.map((policy) => planCluster(dependencies, policy)));
  const dropped = await droppedClusters(dependencies, fleet);
  const removals = await Promise.all(dropped.map((cluster) => planRemoval(dependencies, cluster, `${cluster} is no longer in ${fleet.file}`)));
  const now = dependencies.now();
  return {
    changes: [...kept, ...removals].flatMap(({ changes }) => changes),
    runs: fleet.clusters.flatMap(desiredSchedules).map((schedule) => plannedRuns(schedule, now)),
    unseen: kept.filter(({ isWhole }) => !isWhole).map(({ found }) => found.cluster),
    notes: [...kept, ...removals].flatMap(({ notes }) => notes),
  };
}

export interface ClusterPlan {
  readonly found: FoundCluster;
  /** All of it answered. */
  readonly isWhole: boolean;
  readonly changes: readonly Change[];
  readonly notes: readonly string[];
}

async function planCluster(dependencies: PlanDependencies, policy: ClusterPolicy): Promise<ClusterPlan> {
  const notes: string[] = [];
  const crons = desiredSchedules(policy).flatMap(({ when }) => (when.kind === 'cron' ? [when.cron] : []));
  const [schedules, applied, objects, configuration] = await Promise.all([
    findSchedules(dependencies.schedules, policy.cluster, crons),
    dependencies.evidence.appliedPolicy(policy.cluster),
    unlessUnreachable(() => dependencies.objects.missing(policy), policy.cluster, notes),
    findConfiguration(dependencies, policy, notes),
  ]);
  for (const { id, paused } of schedules) if (paused) notes.push(`${id} is paused in Temporal; it stays so until someone resumes it`);
  const found = { cluster: policy.cluster, schedules, policy: applied, objects, configuration: configuration === 'unseen' ? null : configuration };
  return { found, isWhole: objects !== null && configuration !== 'unseen', changes: clusterChanges(policy, found), notes };
}

/** What taking a cluster away would change. `policy`: the file's, where the file still has it; else the one that was applied. */
export async function planRemoval(dependencies: PlanDependencies, cluster: string, why: string, policy?: ClusterPolicy): Promise<ClusterPlan> {
  const notes: string[] = [];
  const [schedules, applied] = await Promise.all([findSchedules(dependencies.schedules, cluster, []), dependencies.evidence.appliedPolicy(cluster)]);
  const known = applied ?? policy;
  const objects = known === undefined ? null : await unlessUnreachable(() => dependencies.objects.present(known), cluster, notes);
  if (known === undefined && schedules.length > 0) notes.push(`no policy of ${cluster} is known: its SQL objects cannot be looked for`);
  const found = { cluster, schedules, policy: applied, objects, configuration: null };
  const changes = removalChanges(found, why);
  if (changes.length > 0) notes.push(`backups and certificates of ${cluster} stay where they are`);
  return { found, isWhole: objects !== null, changes, notes };
}

async function droppedClusters({ schedules, evidence }: PlanDependencies, fleet: FleetPolicy): Promise<readonly string[]> {
  const [scheduled, applied] = await Promise.all([scheduledClusters(schedules), evidence.listPolicies()]);
  const known = new Set([...scheduled, ...applied.map(({ cluster }) => cluster)]);
  for (const { cluster } of fleet.clusters) known.delete(cluster);
  return [...known].sort();
}

// one cluster that is down must not hide the plan of all others
async function unlessUnreachable<T>(look: () => Promise<T>, cluster: string, notes: string[]): Promise<T | null> {
  try {
    return await look();
  } catch (error) {
    notes.push(`SQL objects of ${cluster} were not looked at: ${reasonOf(error)}`);
    return null;
  }
}

async function findConfiguration(
  { configuration, host }: PlanDependencies,
  policy: ClusterPolicy,
  notes: string[],
): Promise<FoundCluster['configuration'] | 'unseen'> {
  const { ownership, config } = policy.engine;
  if (ownership === 'adopted') return null;
  if (policy.host !== host) {
    notes.push(`${config} belongs to host ${policy.host}: run \`assay apply\` there too`);
    return null;
  }
  try {
    const [desired, current] = await Promise.all([configuration.desired(policy), configuration.current(policy)]);
    return { file: config, same: desired === current, exists: current !== null };
  } catch (error) {
    notes.push(`${config} was not looked at: ${reasonOf(error)}`);
    return 'unseen';
  }
}

/** `assay plan`: what `assay apply` would change, its SQL, the next runs. Reads only. */
import { AssayError, isAssayError, reasonOf } from '../../domain/errors.ts';
import { type Change, clusterChanges, desiredSchedules, type FoundCluster, type ObjectSql, removalChanges } from '../../domain/plan.ts';
import type { ClusterPolicy, FleetPolicy } from '../../domain/policy.ts';
import type { PlanDependencies } from './plan-ports.ts';
import { type PlannedRuns, plannedRuns } from './plan-runs.ts';
import { findSchedules, scheduledClusters } from './plan-schedules.ts';

export interface FleetPlan {
  /** In the order `apply` makes them; empty: everything is as the file says. */
  readonly changes: readonly Change[];
  readonly runs: readonly PlannedRuns[];
  /** Clusters that could not be looked at, and why: what must change in them is not known, so nothing is planned for them. */
  readonly obstacles: ReadonlyMap<string, AssayError>;
  /** Those of them that are in the file. */
  readonly unseen: readonly string[];
  /** What could not be looked at, and what stays as it is although one may not expect it. */
  readonly notes: readonly string[];
}

/** Compares the file with Temporal, the control database, the clusters and this host. Throws temporal-unreachable, control-unreachable. */
export async function planFleet(dependencies: PlanDependencies, fleet: FleetPolicy): Promise<FleetPlan> {
  const kept = await Promise.all(fleet.clusters.map((policy) => planCluster(dependencies, policy)));
  const dropped = await droppedClusters(dependencies, fleet);
  const removals = await Promise.all(dropped.map((cluster) => planRemoval(dependencies, cluster, { why: `${cluster} is no longer in ${fleet.file}` })));
  const now = dependencies.now();
  const obstacles = new Map([...kept, ...removals].flatMap(({ found, obstacle }) => (obstacle === null ? [] : [[found.cluster, obstacle] as const])));
  return {
    changes: [...kept, ...removals].flatMap(({ changes }) => changes),
    runs: fleet.clusters.flatMap(desiredSchedules).map((schedule) => plannedRuns(schedule, now)),
    obstacles,
    unseen: kept.flatMap(({ found, obstacle }) => (obstacle === null ? [] : [found.cluster])),
    notes: [...kept, ...removals].flatMap(({ notes }) => notes),
  };
}

export interface ClusterPlan {
  readonly found: FoundCluster;
  /** Why it could not be looked at; `changes` is empty then. */
  readonly obstacle: AssayError | null;
  readonly changes: readonly Change[];
  readonly notes: readonly string[];
}

async function planCluster(dependencies: PlanDependencies, policy: ClusterPolicy): Promise<ClusterPlan> {
  const { cluster } = policy;
  const notes: string[] = [];
  const crons = desiredSchedules(policy).flatMap(({ when }) => (when.kind === 'cron' ? [when.cron] : []));
  const [schedules, applied, objects] = await Promise.all([
    findSchedules(dependencies.schedules, cluster, crons),
    dependencies.evidence.appliedPolicy(cluster),
    unlessObstructed(() => dependencies.objects.missing(policy)),
  ]);
  const configuration = objects instanceof AssayError ? null : await unlessObstructed(() => findConfiguration(dependencies, policy, { objects, notes }));
  for (const { id, paused } of schedules) if (paused) notes.push(`${id} is paused in Temporal; it stays so until someone resumes it`);
  const obstacle = [objects, configuration].find((each) => each instanceof AssayError) ?? null;
  const found = { cluster, schedules, policy: applied, objects: orNull(objects), configuration: orNull(configuration) };
  return obstacle === null ? { found, obstacle, changes: clusterChanges(policy, found), notes } : obstructed(found, obstacle, notes);
}

export interface RemovalOptions {
  readonly why: string;
  /** The file's policy, where the file still has it; else the one that was applied counts. */
  readonly policy?: ClusterPolicy;
  /** The cluster is not asked: what Assay made in it stays. */
  readonly leaveSql?: boolean;
}

/** What taking a cluster away would change. */
export async function planRemoval(dependencies: PlanDependencies, cluster: string, { why, policy, leaveSql = false }: RemovalOptions): Promise<ClusterPlan> {
  const notes: string[] = [];
  const [schedules, applied] = await Promise.all([findSchedules(dependencies.schedules, cluster, []), dependencies.evidence.appliedPolicy(cluster)]);
  const known = applied ?? policy;
  const objects = known === undefined || leaveSql ? null : await unlessObstructed(() => dependencies.objects.present(known));
  if (known === undefined && schedules.length > 0) notes.push(`no policy of ${cluster} is known: its SQL objects cannot be looked for`);
  if (leaveSql) notes.push(`what Assay made in ${cluster} itself was not looked for and stays`);
  const found = { cluster, schedules, policy: applied, objects: orNull(objects), configuration: null };
  if (objects instanceof AssayError) return obstructed(found, objects, [...notes, `where its server is gone for good: assay remove ${cluster} --leave-sql`]);
  const changes = removalChanges(found, why, known?.connection);
  if (changes.length > 0) notes.push(`backups and certificates of ${cluster} stay where they are`);
  if (changes.length > 0 && known?.engine.ownership === 'managed') notes.push(`${known.engine.config} stays: archive_command reads it as long as it names it`);
  return { found, obstacle: null, changes, notes };
}

/** Half of a plan would leave half of a cluster: schedules whose backups cannot work. */
function obstructed(found: FoundCluster, obstacle: AssayError, notes: readonly string[]): ClusterPlan {
  return { found, obstacle, changes: [], notes: [`${found.cluster} could not be looked at, nothing is planned for it: ${obstacle.message}`, ...notes] };
}

async function droppedClusters({ schedules, evidence }: PlanDependencies, fleet: FleetPolicy): Promise<readonly string[]> {
  const [scheduled, applied] = await Promise.all([scheduledClusters(schedules), evidence.listPolicies()]);
  const known = new Set([...scheduled, ...applied.map(({ cluster }) => cluster)]);
  for (const { cluster } of fleet.clusters) known.delete(cluster);
  return [...known].sort();
}

// one cluster that is down must not hide the plan of all others
async function unlessObstructed<T>(look: () => Promise<T>): Promise<T | AssayError> {
  try {
    return await look();
  } catch (error) {
    return isAssayError(error) ? error : new AssayError('internal', { reason: reasonOf(error) }, { cause: error });
  }
}

const orNull = <T>(looked: T | AssayError): T | null => (looked instanceof AssayError ? null : looked);

async function findConfiguration(
  { configuration, host }: PlanDependencies,
  policy: ClusterPolicy,
  { objects, notes }: { objects: readonly ObjectSql[]; notes: string[] },
): Promise<FoundCluster['configuration']> {
  const { ownership, config } = policy.engine;
  if (ownership === 'adopted') return null;
  if (policy.host !== host) {
    notes.push(`${config} belongs to host ${policy.host}: run \`assay apply\` there too`);
    return null;
  }
  const current = await configuration.current(policy);
  const desired = await unlessObstructed(() => configuration.desired(policy));
  if (!(desired instanceof AssayError)) return { file: config, same: desired === current, exists: current !== null };
  if (desired.code === 'privilege-missing' && objects.length > 0) return { file: config, same: 'unknown', exists: current !== null };
  throw desired;
}

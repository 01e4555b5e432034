/** `assay apply` and `assay remove`: carry out what `plan` shows. Applying twice changes nothing. */
import { AssayError, isAssayError, reasonOf } from '../../domain/errors.ts';
import { type Change, desiredSchedules } from '../../domain/plan.ts';
import type { ClusterPolicy, FleetPolicy } from '../../domain/policy.ts';
import { type FleetPlan, planFleet, planRemoval } from './plan.ts';
import type { PlanDependencies } from './plan-ports.ts';
import { dropSchedule, putSchedule } from './plan-schedules.ts';

export interface ApplyOptions {
  /** Takes away clusters that the file no longer has; without it they are left and named in `refused`. */
  readonly confirmRemovals: boolean;
  /** Called before each change is made, so that its SQL is seen first. */
  readonly onChange?: (change: Change) => void;
}

/** A cluster that was not brought to what the file says; the others were. */
export interface FailedCluster {
  readonly cluster: string;
  readonly error: AssayError;
  readonly made: readonly Change[];
  readonly left: readonly Change[];
}

export interface Applied {
  readonly done: readonly Change[];
  /** Removals that nobody confirmed. */
  readonly refused: readonly Change[];
  readonly failed: readonly FailedCluster[];
  /** Clusters that could not be looked at: nothing was made for them. */
  readonly unseen: readonly string[];
  readonly notes: readonly string[];
  readonly runs: FleetPlan['runs'];
}

/** Makes everything as the file says, one cluster after the other; where one fails the next goes on. A second run goes on from there. */
export async function applyFleet(dependencies: PlanDependencies, fleet: FleetPolicy, options: ApplyOptions): Promise<Applied> {
  const { changes, obstacles, unseen, notes, runs } = await planFleet(dependencies, fleet);
  const inFile = new Set(fleet.clusters.map(({ cluster }) => cluster));
  const refused = options.confirmRemovals ? [] : changes.filter(({ cluster }) => !inFile.has(cluster));
  const todo = changes.filter((change) => !refused.includes(change));
  const removedPolicies = new Map((await dependencies.evidence.listPolicies()).map((policy) => [policy.cluster, policy]));
  const policyOf = (name: string) => fleet.clusters.find(({ cluster }) => cluster === name) ?? removedPolicies.get(name) ?? null;
  const failed: FailedCluster[] = [...obstacles]
    .filter(([cluster]) => inFile.has(cluster) || options.confirmRemovals)
    .map(([cluster, error]) => ({ cluster, error, made: [], left: [] }));
  const done: Change[] = [];
  for (const cluster of new Set(todo.map((change) => change.cluster))) {
    const wanted = todo.filter((change) => change.cluster === cluster);
    const { made, error } = await makeAll(dependencies, wanted, { policy: policyOf(cluster), onChange: options.onChange });
    done.push(...made);
    if (error !== null) failed.push({ cluster, error, made, left: wanted.slice(made.length) });
  }
  return { done, refused, failed, unseen, notes, runs };
}

export interface RemoveOptions {
  readonly dryRun: boolean;
  /** The file's policy of the cluster, where the file still has it. */
  readonly policy?: ClusterPolicy;
  /** The cluster is gone for good, or is not to be touched: what Assay made in it stays. Default false. */
  readonly leaveSql?: boolean;
  readonly onChange?: (change: Change) => void;
}

/**
 * Takes away schedules, SQL objects and the applied policy of a cluster; never its backups and certificates. Nothing is taken away where it does
 * not answer, or its SQL may not be run. Throws cluster-unknown where nothing is left, cluster-unreachable, privilege-missing.
 */
export async function removeCluster(
  dependencies: PlanDependencies,
  cluster: string,
  options: RemoveOptions,
): Promise<{ readonly changes: readonly Change[]; readonly notes: readonly string[] }> {
  const { policy: ofFile, leaveSql, dryRun, onChange } = options;
  const plan = await planRemoval(dependencies, cluster, {
    why: `${cluster} is removed`,
    ...(ofFile === undefined ? {} : { policy: ofFile }),
    ...(leaveSql === undefined ? {} : { leaveSql }),
  });
  const { found, obstacle, changes, notes } = plan;
  if (obstacle !== null) throw obstacle;
  if (changes.length === 0 && ofFile === undefined) {
    const known = (await dependencies.evidence.listPolicies()).map((policy) => policy.cluster).join(', ');
    throw new AssayError('cluster-unknown', { cluster, where: 'Temporal or the control database', known: known === '' ? 'none' : known });
  }
  if (dryRun) return { changes, notes };
  const { error } = await makeAll(dependencies, changes, { policy: found.policy ?? ofFile ?? null, onChange });
  if (error !== null) throw error;
  return { changes, notes };
}

interface Making {
  readonly policy: ClusterPolicy | null;
  readonly onChange?: ((change: Change) => void) | undefined;
}

/** Of one cluster, in order, until one fails. */
async function makeAll(
  dependencies: PlanDependencies,
  changes: readonly Change[],
  { policy, onChange }: Making,
): Promise<{ readonly made: readonly Change[]; readonly error: AssayError | null }> {
  const made: Change[] = [];
  try {
    // SQL is dropped after the schedules that need it are gone: so whether it may be dropped is known before the first of them goes
    if (policy !== null && changes.some(({ subject, kind }) => subject === 'sql' && kind === 'remove')) await dependencies.objects.rehearseRemoval(policy);
    for (const change of changes) {
      onChange?.(change);
      await make(dependencies, change, policy);
      made.push(change);
    }
    return { made, error: null };
  } catch (error) {
    return { made, error: isAssayError(error) ? error : new AssayError('internal', { reason: reasonOf(error) }, { cause: error }) };
  }
}

async function make(dependencies: PlanDependencies, change: Change, policy: ClusterPolicy | null): Promise<void> {
  const { schedules, evidence, objects, configuration } = dependencies;
  if (change.subject === 'schedule' && change.kind === 'remove') return dropSchedule(schedules, change.what);
  if (change.subject === 'policy' && change.kind === 'remove') return evidence.removePolicy(change.cluster);
  if (policy === null) throw new AssayError('policy-not-applied', { cluster: change.cluster });
  switch (change.subject) {
    case 'engine-configuration':
      return configuration.write(policy, await configuration.desired(policy));
    case 'sql':
      return change.kind === 'remove' ? objects.remove(policy) : objects.apply(policy);
    case 'policy':
      return evidence.savePolicy(policy);
    case 'schedule': {
      const schedule = desiredSchedules(policy).find(({ id }) => id === change.what);
      if (schedule !== undefined) await putSchedule(schedules, schedule);
      return;
    }
  }
}

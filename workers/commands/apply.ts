/** `assay apply` and `assay remove`: carry out what `plan` shows. Applying twice changes nothing. */
import { AssayError } from '../../domain/errors.ts';
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

export interface Applied {
  readonly done: readonly Change[];
  /** Removals that nobody confirmed. */
  readonly refused: readonly Change[];
  /** Clusters that did not answer: nothing was made in them. */
  readonly unseen: readonly string[];
  readonly notes: readonly string[];
  readonly runs: FleetPlan['runs'];
}

/** Makes everything as the file says. Stops at the first change that fails; a second run goes on from there. */
export async function applyFleet(dependencies: PlanDependencies, fleet: FleetPolicy, options: ApplyOptions): Promise<Applied> {
  const { changes, unseen, notes, runs } = await planFleet(dependencies, fleet);
  const inFile = new Set(fleet.clusters.map(({ cluster }) => cluster));
  const refused = options.confirmRemovals ? [] : changes.filter(({ cluster }) => !inFile.has(cluster));
  const todo = changes.filter((change) => !refused.includes(change));
  const removedPolicies = new Map((await dependencies.evidence.listPolicies()).map((policy) => [policy.cluster, policy]));
  for (const change of todo) {
    options.onChange?.(change);
    await make(dependencies, change, fleet.clusters.find(({ cluster }) => cluster === change.cluster) ?? removedPolicies.get(change.cluster) ?? null);
  }
  return { done: todo, refused, unseen, notes, runs };
}

export interface RemoveOptions {
  readonly dryRun: boolean;
  /** The file's policy of the cluster, where the file still has it. */
  readonly policy?: ClusterPolicy;
  readonly onChange?: (change: Change) => void;
}

/** Takes away schedules, SQL objects and the applied policy of a cluster; never its backups and certificates. Throws cluster-unknown where nothing is left. */
export async function removeCluster(
  dependencies: PlanDependencies,
  cluster: string,
  options: RemoveOptions,
): Promise<{ readonly changes: readonly Change[]; readonly notes: readonly string[] }> {
  const { found, changes, notes } = await planRemoval(dependencies, cluster, `${cluster} is removed`, options.policy);
  if (changes.length === 0 && options.policy === undefined) {
    const known = (await dependencies.evidence.listPolicies()).map((policy) => policy.cluster).join(', ');
    throw new AssayError('cluster-unknown', { cluster, where: 'Temporal or the control database', known: known === '' ? 'none' : known });
  }
  if (options.dryRun) return { changes, notes };
  for (const change of changes) {
    options.onChange?.(change);
    await make(dependencies, change, found.policy ?? options.policy ?? null);
  }
  return { changes, notes };
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

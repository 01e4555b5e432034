/** Steps that need only Temporal and the control database; any worker does them. */
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import { workflowOf } from '../../domain/backup/pins.ts';
import { AssayError } from '../../domain/errors.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { EvidenceStore } from '../backup/ports.ts';

export interface FleetDependencies {
  readonly client: Client;
  readonly evidence: EvidenceStore;
}

export interface LockHolder {
  readonly workflowId: string;
  readonly runId: string;
}

export function fleetSteps(deps: FleetDependencies) {
  return {
    /** What `assay apply` stored. Throws cluster-unknown; policy-not-applied where none is known at all. */
    async appliedPolicy(cluster: string): Promise<ClusterPolicy> {
      const policy = await deps.evidence.appliedPolicy(cluster);
      if (policy !== null) return policy;
      const known = (await deps.evidence.listPolicies()).map((each) => each.cluster);
      if (known.length === 0) throw new AssayError('policy-not-applied', { cluster });
      throw new AssayError('cluster-unknown', {
        cluster,
        where: 'the policies that were applied (`assay apply` adds those of assay.yaml)',
        known: known.join(', '),
      });
    },

    isRunning: ({ workflowId, runId }: LockHolder): Promise<boolean> => isRunning(deps.client, workflowId, runId),

    /** What a run needed that was terminated, or whose history is gone, holds retention back no longer. Returns the owners. Idempotent. */
    releasePins: (cluster: string): Promise<readonly string[]> => releasePins(deps, cluster),

    /** Puts the holder in line; the lock workflow signals it when its turn has come. Idempotent by run. */
    async askForLock({ cluster, holder }: { cluster: string; holder: LockHolder }): Promise<void> {
      await deps.client.workflow.signalWithStart('clusterLock', {
        workflowId: workflowIds.clusterLock(cluster),
        taskQueue: fleetQueue,
        args: [cluster],
        signal: 'requestLock',
        signalArgs: [holder],
        staticSummary: `Lock of ${cluster}`,
      });
    },
  };
}

export type FleetSteps = ReturnType<typeof fleetSteps>;

/** Throws what asking Temporal throws: in doubt nothing is released. */
export async function releasePins({ client, evidence }: FleetDependencies, cluster: string): Promise<readonly string[]> {
  const released: string[] = [];
  for (const owner of new Set((await evidence.pins(cluster)).map((pin) => pin.owner))) {
    if (await isRunning(client, workflowOf(owner))) continue;
    await evidence.unpin(cluster, owner);
    released.push(owner);
  }
  return released;
}

/** False for a workflow that has ended or never was. */
export async function isRunning(client: Client, workflowId: string, runId?: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(workflowId, runId).describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

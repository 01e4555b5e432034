/**
 * A lab: a promoted, running clone of the newest proven backup, for work that must touch nothing of production.
 *
 *   choose the proven backup → open → restore → recover → promote → work → wipe, whatever happened
 *
 * Archiving is off in it, nothing listens but its private socket, and it belongs to the workflow that asked: the sweeper takes it where that is gone.
 */
import { uuid4, workflowInfo } from '@temporalio/workflow';
import type { BackupSteps } from '../../activities/backup/steps.ts';
import type { LabPlan } from '../../domain/backup/lab.ts';
import type { CloneRef } from '../../domain/backup/model.ts';
import { describeTarget } from '../../domain/backup/proof-plan.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { Surroundings } from './prove-recipe.ts';

export interface LabRequest {
  readonly policy: ClusterPolicy;
  readonly repository: number;
  /** A proof older than this is refused. */
  readonly maxProofAgeMs: number;
  /** Room for what will be built in it. */
  readonly extraBytes: number;
}

export interface Lab {
  readonly clone: CloneRef;
  /** Id of the proof it rests on. */
  readonly proof: string;
  /** Label of the backup it was made of. */
  readonly backup: string;
}

export interface LabSite {
  readonly steps: BackupSteps;
  readonly around: Surroundings;
}

/** Throws lab-unproven, disk-full, clone-limit, and what `work` throws. */
export async function withLab<T>({ steps, around }: LabSite, request: LabRequest, work: (lab: Lab) => Promise<T>): Promise<T> {
  const { policy, repository, maxProofAgeMs, extraBytes } = request;
  const owner = workflowInfo().workflowId;
  around.report('planning', 'the newest proven backup');
  const chosen = await steps.planLab({ policy, repository, labId: uuid4(), owner, maxProofAgeMs });
  try {
    // not to be cancelled half-way: what nobody knows of, nobody wipes
    const clone = await around.always(() => steps.openLab({ policy, lab: chosen, owner, extraBytes }));
    try {
      await restoreLab({ steps, around }, { policy, chosen, clone });
      return await work({ clone, proof: chosen.proof, backup: chosen.plan.backup.label });
    } finally {
      await around.always(() => steps.wipeClone({ policy, clone }));
    }
  } finally {
    await around.always(() => steps.unpin({ policy, owner }));
  }
}

async function restoreLab({ steps, around }: LabSite, { policy, chosen, clone }: { policy: ClusterPolicy; chosen: LabPlan; clone: CloneRef }): Promise<void> {
  const { plan } = chosen;
  around.report('restoring', `${plan.backup.label} into a lab`);
  await steps.restoreClone({ policy, plan, clone });
  for (const [index, { target }] of plan.stops.entries()) {
    around.report('replaying', `to ${describeTarget(target)}`);
    await steps.recoverClone({ policy, clone, target, first: index === 0 });
  }
  await steps.promoteClone({ policy, clone });
}

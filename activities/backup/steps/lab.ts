/** Steps of a lab: a promoted clone of a proven backup that another agent works on (workflows/backup/lab.ts). Restoring and recovering are those of a proof. */

import { type LabPlan, type LabQuestion, provenForLab } from '../../../domain/backup/lab.ts';
import type { CloneRef } from '../../../domain/backup/model.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BackupDependencies } from '../ports.ts';
import { planProof } from './plan.ts';
import { HEADROOM, pinChain } from './prove.ts';

export interface OpenLab {
  readonly policy: ClusterPolicy;
  readonly lab: LabPlan;
  readonly owner: string;
  /** Room for what will be built in it, beside the data. */
  readonly extraBytes: number;
}

export function labSteps(deps: BackupDependencies) {
  return {
    /** The newest proven backup that is still there, and the newest moment behind it that a marker and archived WAL lead to. Throws lab-unproven. */
    planLab: (question: LabQuestion): Promise<LabPlan> => planLab(deps, question),

    /** What it needs is pinned, room checked, private folders made. Idempotent by lab. */
    async openLab({ policy, lab, owner, extraBytes }: OpenLab): Promise<CloneRef> {
      const { plan } = lab;
      await pinChain(deps, { policy, plan, owner });
      return deps.clones.open(policy, plan.proofId, owner, Math.ceil(plan.backup.databaseBytes * HEADROOM) + extraBytes);
    },

    /** Opens the clone for writing and leaves it running. Idempotent; a server that died is started again. */
    promoteClone: ({ policy, clone }: { policy: ClusterPolicy; clone: CloneRef }): Promise<void> => deps.clones.promote(policy, clone, deps.io()),
  };
}

async function planLab(deps: BackupDependencies, question: LabQuestion): Promise<LabPlan> {
  const { policy, repository, labId, owner, maxProofAgeMs } = question;
  const proof = provenForLab({
    cluster: policy.cluster,
    proofs: await deps.evidence.provenBackups(policy.cluster),
    labels: (await deps.engineFor(policy).info(repository)).backups.map(({ label }) => label),
    maxProofAgeMs,
    now: deps.now().toISOString(),
  });
  const plan = await planProof(deps, {
    ...{ policy, proofId: labId, owner, label: proof.backup, repository, depth: 'plain', level: 'content' },
    ...{ target: null, archivedLsn: null, randomShare: null, into: null },
  });
  // nothing is compared on the way: recovery goes straight to the last stop
  return { proof: proof.id, provenAt: proof.finishedAt, plan: { ...plan, stops: plan.stops.slice(-1) } };
}

/** Retention: a decision with reasons, then exactly that. Alone on its cluster, since it takes away what others may need. */
import { patched, workflowInfo } from '@temporalio/workflow';
import type { BackupExpireInput, BackupExpireResult, RetentionReason } from '../../domain/backup/requests.ts';
import { policyOf, repositoryOf, surroundings } from './around.ts';
import { withClusterLock } from './lock.ts';
import { backupSteps, fleetSteps } from './steps.ts';

type Decision = Pick<BackupExpireResult, 'kept' | 'expired'>;

export async function backupExpire(input: BackupExpireInput): Promise<BackupExpireResult> {
  const around = surroundings(`expiry of backups of ${input.cluster}`);
  const policy = await policyOf(input);
  const steps = backupSteps(policy.host);
  const repository = repositoryOf(policy, input.repository);
  const dryRun = input.dryRun ?? false;
  around.report('waiting', 'for the lock of the cluster');
  return withClusterLock(input.cluster, async () => {
    if (patched('release-pins')) await fleetSteps.releasePins(input.cluster);
    around.report('deciding', 'what the policy keeps, and why');
    const decision = await steps.decideExpiry({ policy, repository, askedAt: new Date().toISOString() });
    const labels = decision.expired.map((each) => each.label);
    if (dryRun) return { ...decision, dryRun };
    let outcome = decision;
    if (labels.length > 0) {
      around.report('expiring', labels.join(', '));
      const removed = await steps.expireBackups({ policy, repository, labels, owner: workflowInfo().workflowId });
      outcome = whatBecameOf(decision, removed);
    }
    if (!patched('prune-markers')) return { ...outcome, dryRun };
    around.report('expiring', 'markers that no backup left needs');
    return { ...outcome, dryRun, markersRemoved: await steps.pruneMarkers({ policy }) };
  });
}

/** Between deciding and doing, a clone or a restore may have begun from one of them. */
function whatBecameOf(decision: Decision, removed: readonly string[]): Decision {
  const isGone = ({ label }: RetentionReason) => removed.includes(label);
  const spared = decision.expired.filter((each) => !isGone(each)).map(({ label }) => ({ label, because: 'a clone or a restore took it up meanwhile' }));
  return { kept: [...decision.kept, ...spared], expired: decision.expired.filter(isGone) };
}

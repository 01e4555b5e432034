/** Retention: a decision with reasons, then exactly that. Alone on its cluster, since it takes away what others may need. */
import type { BackupExpireInput, BackupExpireResult } from '../../domain/backup/requests.ts';
import { policyOf, repositoryOf, surroundings } from './around.ts';
import { withClusterLock } from './lock.ts';
import { backupSteps } from './steps.ts';

export async function backupExpire(input: BackupExpireInput): Promise<BackupExpireResult> {
  const around = surroundings(`expiry of backups of ${input.cluster}`);
  const policy = await policyOf(input);
  const steps = backupSteps(policy.host);
  const repository = repositoryOf(policy, input.repository);
  const dryRun = input.dryRun ?? false;
  around.report('waiting', 'for the lock of the cluster');
  return withClusterLock(input.cluster, async () => {
    around.report('deciding', 'what the policy keeps, and why');
    const decision = await steps.decideExpiry({ policy, repository });
    const labels = decision.expired.map((each) => each.label);
    if (!dryRun && labels.length > 0) {
      around.report('expiring', labels.join(', '));
      await steps.expireBackups({ policy, repository, labels });
    }
    return { ...decision, dryRun };
  });
}

/** Somebody else's expiry takes backups and WAL away at any moment: what is missing then is no fault of what was there. */
import type { ProofPlan } from '../../../domain/backup/proof-plan.ts';
import { AssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BackupDependencies } from '../ports.ts';

/** To be asked where something is missing. Throws backup-expiring where the catalogue lists the chain no more; one that cannot be read says nothing. */
export async function refuseTakenAway(
  deps: Pick<BackupDependencies, 'engineFor'>,
  { policy, plan }: { readonly policy: ClusterPolicy; readonly plan: ProofPlan },
): Promise<void> {
  const info = await deps
    .engineFor(policy)
    .info(plan.repository)
    .catch(() => null);
  const listed = info?.backups.map(({ label }) => label);
  const lost = plan.chain.find(({ label }) => listed?.includes(label) === false);
  // another try would find the same
  if (lost !== undefined) throw new AssayError('backup-expiring', { label: lost.label, cluster: policy.cluster }, { retryable: false });
}

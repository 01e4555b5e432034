/** Retention: what goes and why is a pure decision; carrying it out is the engine's. */

import type { BackupExpireResult, RetentionReason } from '../../../domain/backup/requests.ts';
import { decideRetention, type Reasoned } from '../../../domain/backup/retention.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BackupDependencies } from '../ports.ts';

interface OfRepository {
  readonly policy: ClusterPolicy;
  readonly repository: number;
}

export function expireSteps(deps: BackupDependencies) {
  return {
    async decideExpiry({ policy, repository }: OfRepository): Promise<Omit<BackupExpireResult, 'dryRun'>> {
      const { backups } = await deps.engineFor(policy).info(repository);
      const { keep, expire } = decideRetention({
        backups,
        policy: policy.retention,
        proofs: await deps.evidence.provenBackups(policy.cluster),
        pinned: await deps.evidence.pinned(policy.cluster),
        now: deps.now().toISOString(),
      });
      return { kept: keep.map(reasoned), expired: expire.map(reasoned) };
    },

    /** Exactly these labels, then the WAL that nothing left needs. What was pinned meanwhile stays. */
    async expireBackups({ policy, repository, labels }: OfRepository & { labels: readonly string[] }): Promise<readonly string[]> {
      const pinned = new Set(await deps.evidence.pinned(policy.cluster));
      const free = labels.filter((label) => !pinned.has(label));
      const { removed } = await deps.engineFor(policy).expire(repository, free, false, deps.io());
      deps.observe({ kind: 'backups-expired', cluster: policy.cluster, labels: removed, dryRun: false });
      return removed;
    },
  };
}

const reasoned = ({ label, because }: Reasoned): RetentionReason => ({ label, because: because.join('; ') });

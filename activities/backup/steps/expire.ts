/** Retention: what goes and why is a pure decision; carrying it out is the engine's. */

import { expiringOwner } from '../../../domain/backup/pins.ts';
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

    /** Of these labels all that nobody needs, then the WAL that nothing left needs. Returns what is gone, by whichever attempt. */
    expireBackups: (request: ExpireRequest): Promise<readonly string[]> => expireBackups(deps, request),
  };
}

export interface ExpireRequest extends OfRepository {
  readonly labels: readonly string[];
  /** Workflow that expires. */
  readonly owner: string;
}

/** Announced first: a clone that pins a backup from here on sees it and waits, one that pinned it before is seen here. */
async function expireBackups(deps: BackupDependencies, { policy, repository, labels, owner }: ExpireRequest): Promise<readonly string[]> {
  const { evidence } = deps;
  const engine = deps.engineFor(policy);
  await evidence.pin(policy.cluster, expiringOwner(owner), labels);
  try {
    const pinned = await evidence.pinned(policy.cluster);
    const free = labels.filter((label) => !pinned.includes(label));
    await engine.expire(repository, free, false, deps.io());
    const left = (await engine.info(repository)).backups.map((backup) => backup.label);
    const removed = labels.filter((label) => !left.includes(label));
    deps.observe({ kind: 'backups-expired', cluster: policy.cluster, labels: removed, dryRun: false });
    return removed;
  } finally {
    await evidence.unpin(policy.cluster, expiringOwner(owner));
  }
}

const reasoned = ({ label, because }: Reasoned): RetentionReason => ({ label, because: because.join('; ') });

/** What a restore in this process asks of the recipe. */
import { randomUUID } from 'node:crypto';
import type { ProveQuestion } from '../../domain/backup/proof-draft.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { ColdRestoreRequest } from '../../ops/cli/handlers.ts';

export interface ColdQuestion {
  readonly request: ColdRestoreRequest;
  readonly policy: ClusterPolicy;
  readonly repository: number;
  readonly level: 'content' | 'structure';
}

export function restoreQuestion({ request, policy, repository, level }: ColdQuestion): ProveQuestion {
  const { backup = null, target, into } = request;
  const proofId = randomUUID();
  return {
    ...{ policy, proofId, repository, level, target, into },
    owner: coldOwner(process.pid, proofId),
    label: backup,
    depth: 'plain',
    archivedLsn: null,
    randomShare: null,
  };
}

const OWNER = /^cold-restore\/(\d+)\//;

/** Who a clone belongs to that no workflow watches: the process that makes it. */
const coldOwner = (pid: number, proofId: string): string => `cold-restore/${pid}/${proofId}`;

/** Process behind such an owner; null for any other one. */
export const processOfOwner = (owner: string): number | null => Number(OWNER.exec(owner)?.[1] ?? 0) || null;

/** What people ask: where do the backups of this cluster stand? */
import type { ProofSummary } from '../../../domain/backup/proof.ts';
import type { ArchiveLag, BackupStatus, UnreachableRepository, WindowGap } from '../../../domain/backup/status.ts';
import type { Gap, RestorableWindow } from '../../../domain/backup/window.ts';
import { windowParts } from '../../../domain/backup/window-parts.ts';
import { reasonOf } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BackupDependencies } from '../ports.ts';
import { type Survey, surveyRepository } from '../survey.ts';

export function reportSteps(deps: BackupDependencies) {
  return {
    async reportStatus({ policy }: { policy: ClusterPolicy }): Promise<BackupStatus> {
      const proofs = await deps.evidence.provenBackups(policy.cluster);
      const { surveys, unreachable } = await surveyAll(deps, policy);
      return {
        cluster: policy.cluster,
        environment: policy.environment,
        at: deps.now().toISOString(),
        backups: surveys.flatMap(({ info }) => info.backups),
        proofs,
        provenAt: newestProven(proofs),
        window: surveys.flatMap(({ repository, window, info: { backups } }) =>
          window.intervals.flatMap((interval) => windowParts({ repository, interval, backups, proofs })),
        ),
        gaps: surveys.flatMap(({ repository, window }) => window.gaps.map((gap) => gapOf(repository, gap))),
        archive: surveys.flatMap(({ repository, window }) => lagOf(repository, window)),
        clones: await deps.clones.list(policy),
        running: [],
        objectives: policy.objectives,
        ...(unreachable.length === 0 ? {} : { unreachable }),
      };
    },
  };
}

/** When somebody asks because one repository is down, what the others hold matters the most. Throws only where none answers. */
async function surveyAll(deps: BackupDependencies, policy: ClusterPolicy) {
  const surveys: (Survey & { readonly repository: number })[] = [];
  const unreachable: UnreachableRepository[] = [];
  const failures: unknown[] = [];
  for (const repository of await deps.engineFor(policy).repositories()) {
    try {
      surveys.push({ repository, ...(await surveyRepository(deps, policy, repository)) });
    } catch (error) {
      failures.push(error);
      unreachable.push({ repository, reason: reasonOf(error) });
    }
  }
  if (surveys.length === 0 && failures.length > 0) throw failures[0];
  return { surveys, unreachable };
}

const newestProven = (proofs: readonly ProofSummary[]): string | null =>
  proofs
    .filter((proof) => proof.verdict === 'proven')
    .map((proof) => proof.finishedAt)
    .sort()
    .at(-1) ?? null;

function gapOf(repository: number, gap: Gap): WindowGap {
  const { firstMissing, lastMissing, segments, before, reachableAgain } = gap;
  return { repository, firstMissing, lastMissing, segments, after: before, until: reachableAgain?.at ?? null };
}

const lagOf = (repository: number, { lag }: RestorableWindow): ArchiveLag[] => (lag === null ? [] : [{ repository, ...lag }]);

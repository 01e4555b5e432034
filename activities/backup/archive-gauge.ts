/** From where to where each repository reaches, how far it is behind the source, how many holes it has: what gauges and alerts live on. */
import type { RestorableWindow } from '../../domain/backup/window.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { BackupDependencies } from './ports.ts';
import { surveyRepository } from './survey.ts';

type Looking = Pick<BackupDependencies, 'engineFor' | 'source' | 'observe'>;

/** One look at each repository, for all of it; one that does not answer hides no other. Throws what asking the engine threw first. */
export async function observeArchive(deps: Looking, policy: ClusterPolicy): Promise<void> {
  const failures: unknown[] = [];
  for (const repository of await deps.engineFor(policy).repositories()) {
    await observeRepository(deps, policy, repository).catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

async function observeRepository(deps: Looking, policy: ClusterPolicy, repository: number): Promise<void> {
  const { cluster } = policy;
  const { window } = await surveyRepository(deps, policy, repository);
  deps.observe({ kind: 'window-measured', cluster, repository, ...reachOf(window) });
  if (window.lag === null) return;
  deps.observe({ kind: 'archive-measured', cluster, repository, lagBytes: window.lag.bytes, lagSeconds: window.lag.seconds, gaps: window.gaps.length });
}

/** Instants of one form sort as text. */
function reachOf({ intervals }: RestorableWindow): { readonly oldest: string | null; readonly newest: string | null } {
  return {
    oldest: intervals.map(({ from }) => from.at).sort()[0] ?? null,
    newest:
      intervals
        .map(({ safeEnd }) => safeEnd.at)
        .sort()
        .at(-1) ?? null,
  };
}

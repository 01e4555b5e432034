/** From where to where each repository reaches, how far it is behind the source, how many holes it has: what gauges and alerts live on. */
import type { RestorableWindow } from '../../domain/backup/window.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { BackupDependencies } from './ports.ts';
import { surveyRepository } from './survey.ts';

/** One look at each repository, for all of it. Throws what asking the engine throws. */
export async function observeArchive(deps: Pick<BackupDependencies, 'engineFor' | 'source' | 'observe'>, policy: ClusterPolicy): Promise<void> {
  const { cluster } = policy;
  for (const repository of await deps.engineFor(policy).repositories()) {
    const { window } = await surveyRepository(deps, policy, repository);
    deps.observe({ kind: 'window-measured', cluster, repository, ...reachOf(window) });
    if (window.lag === null) continue;
    deps.observe({ kind: 'archive-measured', cluster, repository, lagBytes: window.lag.bytes, lagSeconds: window.lag.seconds, gaps: window.gaps.length });
  }
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

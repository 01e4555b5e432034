/** How far each repository is behind the source, and how many holes it has: what gauges and alerts live on. */
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { BackupDependencies } from './ports.ts';
import { surveyRepository } from './survey.ts';

export async function observeArchive(deps: BackupDependencies, policy: ClusterPolicy): Promise<void> {
  for (const repository of await deps.engineFor(policy).repositories()) {
    const { window } = await surveyRepository(deps, policy, repository);
    if (window.lag === null) continue;
    deps.observe({
      kind: 'archive-measured',
      cluster: policy.cluster,
      repository,
      lagBytes: window.lag.bytes,
      lagSeconds: window.lag.seconds,
      gaps: window.gaps.length,
    });
  }
}

/** What ran on the source, and by which settings its planner plans: read, never written. */
import { chosen, workloadSummary } from '../../../domain/optimizer/experiment.ts';
import type { OptimizerLimits } from '../../../domain/optimizer/model.ts';
import type { WorkloadSummary } from '../../../domain/optimizer/requests.ts';
import { type Workload, workloadBetween } from '../../../domain/optimizer/workload.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { plannerSettings } from '../lab/planner-settings.ts';
import type { OptimizerDependencies, RunHead } from '../ports.ts';
import { readSnapshot } from '../workload/read.ts';

export interface ObserveRequest {
  readonly policy: ClusterPolicy;
  readonly database: string;
  /** Names the run; the same id is the same run. */
  readonly run: string;
  readonly owner: string;
  readonly limits: OptimizerLimits;
  /** Files or folders on this host; null: pg_stat_statements. */
  readonly workload: readonly string[] | null;
}

export interface Conclusion {
  readonly policy: ClusterPolicy;
  readonly run: string;
  readonly outcome: 'recommended' | 'nothing' | 'failed';
  readonly startedAt: string;
}

export function observeSteps(deps: OptimizerDependencies) {
  return {
    /** Statements and settings go to the control database; counts come back. Throws statements-missing, privilege-missing, usage. */
    observeWorkload: (request: ObserveRequest): Promise<WorkloadSummary> => observeWorkload(deps, request),

    /** Tells how a run ended. */
    async concludeRun({ policy, run, outcome, startedAt }: Conclusion): Promise<void> {
      deps.observe({ kind: 'optimizer-run-ended', cluster: policy.cluster, run, outcome, tookMs: deps.now().getTime() - Date.parse(startedAt) });
    },
  };
}

async function observeWorkload(deps: OptimizerDependencies, request: ObserveRequest): Promise<WorkloadSummary> {
  const { policy, database, run, owner, limits, workload: paths } = request;
  const { settings, all } = await deps.sourceSession(policy, database, async (client) => ({
    settings: await plannerSettings(client),
    all: paths === null ? workloadBetween(null, await readSnapshot(client)) : null,
  }));
  const workload: Workload = chosen(all ?? (await deps.workloadFromFiles(paths ?? [], database)), { database, maxStatements: limits.maxStatements });
  const source: RunHead['source'] = paths === null ? 'pg_stat_statements' : 'files';
  await deps.store.begin({ id: run, cluster: policy.cluster, database, owner, source, startedAt: deps.now().toISOString(), settings }, workload);
  const summary = workloadSummary(workload);
  const notJudged = workload.notJudged.length;
  deps.observe({ kind: 'workload-observed', cluster: policy.cluster, source, statements: summary.statements, notJudged });
  return summary;
}

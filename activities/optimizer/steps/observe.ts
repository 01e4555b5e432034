/** What ran on the source, and by which settings its planner plans: read, never written. */
import { chosen, reasonsOf, workloadSummary } from '../../../domain/optimizer/experiment.ts';
import type { OptimizerLimits, Statement } from '../../../domain/optimizer/model.ts';
import { optimizerPolicyOf } from '../../../domain/optimizer/policy.ts';
import type { WorkloadSummary } from '../../../domain/optimizer/requests.ts';
import { statisticsNotices } from '../../../domain/optimizer/statistics-notices.ts';
import { type StatementsSnapshot, type Workload, workloadBetween } from '../../../domain/optimizer/workload.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { parserReady } from '../bind/tree.ts';
import { LINE_PREFIX, linePrefix, plannerSettings } from '../lab/planner-settings.ts';
import type { OptimizerDependencies, RunHead } from '../ports.ts';
import { readNamedStatistics } from '../statistics.ts';
import { countersOf } from '../workload/counters-of.ts';
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
  /** What is counted: all since the counters began, since `noteWorkload` of this run, or since the cluster's last run. */
  readonly since: 'reset' | 'begin' | 'last-run';
}

export interface Conclusion {
  readonly policy: ClusterPolicy;
  readonly run: string;
  readonly outcome: 'recommended' | 'nothing' | 'failed';
  /** Absent in older histories. */
  readonly because?: readonly string[];
  readonly startedAt: string;
}

/** Of a cluster, the newest: more than one run can make while others run. */
const MOST_OF_A_RUN = 100;

export function observeSteps(deps: OptimizerDependencies) {
  return {
    /** Statements and settings go to the control database; counts come back. Throws statements-missing, privilege-missing, usage. */
    observeWorkload: (request: ObserveRequest): Promise<WorkloadSummary> => observeWorkload(deps, request),

    /** The first of two looks between which a run counts. Throws as observeWorkload. */
    async noteWorkload({ policy, database, run }: Pick<ObserveRequest, 'policy' | 'database' | 'run'>): Promise<void> {
      const snapshot = await look(deps, policy, database);
      await deps.store.saveSnapshot(run, 'begin', { cluster: policy.cluster, snapshot });
      await captured(deps, { policy, database }, workloadBetween(null, snapshot).statements);
    },

    /** Ids of the recommendations that a run made, and that are still proposed. Only reads. */
    async proposedBy({ cluster, run }: { readonly cluster: string; readonly run: string }): Promise<readonly string[]> {
      const newest = await deps.store.recommendations(cluster, MOST_OF_A_RUN);
      return newest.filter((each) => each.run === run && each.state === 'proposed').map(({ id }) => id);
    },

    /** Keeps and tells how a run ended. */
    async concludeRun({ policy, run, outcome, because = [], startedAt }: Conclusion): Promise<void> {
      await deps.store.concludeRun(run, { outcome, because, endedAt: deps.now().toISOString() });
      deps.observe({ kind: 'optimizer-run-ended', cluster: policy.cluster, run, outcome, tookMs: deps.now().getTime() - Date.parse(startedAt) });
    },
  };
}

async function observeWorkload(deps: OptimizerDependencies, request: ObserveRequest): Promise<WorkloadSummary> {
  const { policy, database, run, owner, limits, workload: paths } = request;
  const settings = await deps.sourceSession(policy, database, async (client) => ({
    ...(await plannerSettings(client)),
    ...(paths === null ? {} : await linePrefix(client)),
  }));
  const fromFiles = (files: readonly string[]) => deps.workloadFromFiles(files, database, settings[LINE_PREFIX]);
  const all = paths === null ? await counted(deps, request, await look(deps, policy, database)) : await fromFiles(paths);
  const own = chosen(all, { database, maxStatements: limits.maxStatements });
  const others = all.statements.filter((statement) => statement.database !== database);
  const notices = paths === null ? await captured(deps, { policy, database }, [...own.statements, ...others]) : [];
  await parserReady();
  const texts = own.statements.map(({ text }) => text);
  const statistics = await deps.sourceSession(policy, database, (client) => readNamedStatistics(client, texts));
  const workload = { ...own, notices: [...own.notices, ...notices, ...statisticsNotices(statistics)] };
  const source: RunHead['source'] = paths === null ? 'pg_stat_statements' : 'files';
  await deps.store.begin({ id: run, cluster: policy.cluster, database, owner, source, startedAt: deps.now().toISOString(), settings }, workload);
  const summary = workloadSummary(workload);
  const notJudged = workload.notJudged.length;
  deps.observe({ kind: 'workload-observed', cluster: policy.cluster, source, statements: summary.statements, notJudged });
  deps.observe({ kind: 'statements-not-judged', cluster: policy.cluster, step: 'observe', reasons: reasonsOf(workload.notJudged) });
  return { ...summary, capturesValues: optimizerPolicyOf(policy).capture.values };
}

/** Before the run is said to begin: values that are captured later are the next one's. */
const captured = async (deps: OptimizerDependencies, { policy, database }: Pick<ObserveRequest, 'policy' | 'database'>, statements: readonly Statement[]) =>
  (await deps.capture?.take({ policy, database, statements, session: (use) => deps.sourceSession(policy, database, use) })) ?? [];

const look = (deps: OptimizerDependencies, policy: ClusterPolicy, database: string): Promise<StatementsSnapshot> =>
  countersOf({ asked: database, own: policy.connection.database }, (each) => deps.sourceSession(policy, each, readSnapshot));

async function counted(deps: OptimizerDependencies, { policy: { cluster }, run, since }: ObserveRequest, snapshot: StatementsSnapshot): Promise<Workload> {
  const earlier = since === 'reset' ? null : await deps.store.earlierSnapshot(run, since, cluster);
  await deps.store.saveSnapshot(run, 'end', { cluster, snapshot });
  const workload = workloadBetween(earlier, snapshot);
  if (since !== 'last-run' || earlier !== null) return workload;
  return { ...workload, notices: ['there is no earlier run to count from: everything since the counters began counts', ...workload.notices] };
}

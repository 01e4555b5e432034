/** The optimizer's alerts. They compare times that the control database knows, not counters: workers restart, and several may tell of one cluster. */
import { metricCatalogue as m } from '../metrics-catalogue.ts';
import type { Alert } from './alert.ts';

const last = (event: string) => `max by (cluster) (${m.lastEvent.name}{event="${event}"})`;
const collected = `max by (cluster) (${m.workloadCollected.name})`;
const allowed = (objective: string) => `max by (cluster) (${m.optimizerObjective.name}{objective="${objective}"})`;
const since = (state: string) => `min by (cluster, state) (${m.oldestRecommendation.name}{state=~"${state}"})`;

/** Something is applied, and nothing was rolled back since the newest regression. */
const stillThere = `(${last('regressed')} unless ${last('rolled-back')} >= ${last('regressed')}) and on (cluster) max by (cluster) (${m.knownRecommendations.name}{state="applied"}) > 0`;

export const optimizerAlerts = {
  AssayRegressionFound: {
    // one that was rolled back at once still shows for an hour: nobody may miss it between two looks
    expr: `(${stillThere}) or time() - ${last('regressed')} < 3600`,
    for: '0m',
    severity: 'page',
    summary: 'A change that was applied to {{ $labels.cluster }} made it slower, or its gain is not there',
    description: 'The guard of a recommendation said that the change is to be rolled back. Assay does so by itself; see that it did.',
  },
  AssayChangeRolledBack: {
    expr: `time() - ${last('rolled-back')} < 21600`,
    for: '0m',
    severity: 'ticket',
    summary: 'A change on {{ $labels.cluster }} was rolled back',
    description: 'What was measured on the copy did not hold on production. The recommendation says which statements, and why.',
  },
  AssayChangeFailed: {
    expr: `time() - ${last('failed')} < 21600`,
    for: '0m',
    severity: 'ticket',
    summary: 'A change that was approved could not be carried out on {{ $labels.cluster }}',
    description: 'What was made of it was taken away again, unless the recommendation names what is left.',
  },
  AssayChangeUndecided: {
    expr: `(time() - ${since('applying|applied')}) > on (cluster) group_left () ${allowed('guard')}`,
    for: '5m',
    severity: 'ticket',
    summary: 'A recommendation for {{ $labels.cluster }} is {{ $labels.state }} for {{ $value | humanizeDuration }}, and nothing says whether it stays',
    description: 'Twice the time that the guard windows of the policy take. Until there is a verdict no other recommendation of that database is applied.',
  },
  AssayWorkloadStale: {
    // a schedule whose very first run failed has no age to compare
    expr: `(time() - ${collected}) > on (cluster) ${allowed('workload_age')} or (time() - max by (cluster) (${m.lastOptimizerRun.name}{outcome="failed"}) and on (cluster) ${allowed('workload_age')} < Inf) unless on (cluster) ${collected}`,
    for: '5m',
    severity: 'ticket',
    summary: 'The workload of {{ $labels.cluster }} was not collected as its schedule says',
    description: 'Nobody has read pg_stat_statements for two of the longest pauses of the schedule, or not at all: new slow statements are not seen.',
  },
} as const satisfies Record<string, Alert>;

/** The optimizer's part of the catalogue of metrics. */
import { LONG, type MetricDefinition } from './metrics-definition.ts';

export const optimizerMetrics = {
  optimizerRuns: {
    name: 'assay_optimizer_runs_total',
    kind: 'counter',
    labels: ['cluster', 'outcome'],
    help: 'Runs of the optimizer by outcome: recommended, nothing (nothing was worth it), failed.',
  },
  lastOptimizerRun: {
    name: 'assay_optimizer_last_run_timestamp_seconds',
    kind: 'gauge',
    labels: ['cluster', 'outcome'],
    help: 'When a run of the optimizer last ended so, Unix time.',
  },
  optimizerDuration: {
    name: 'assay_optimizer_run_duration_seconds',
    kind: 'histogram',
    labels: ['cluster'],
    help: 'Time of a run of the optimizer, its lab included.',
    buckets: LONG,
  },
  workloadStatements: {
    name: 'assay_optimizer_workload_statements',
    kind: 'gauge',
    labels: ['cluster', 'judged'],
    help: 'Statements that the last run looked at; judged="no": they get no verdict, each with its reason.',
  },
  experiments: {
    name: 'assay_optimizer_experiments_total',
    kind: 'counter',
    labels: ['cluster', 'verdict'],
    help: 'Sets of indexes really built on a lab and measured, by verdict (accepted, rejected).',
  },
  recommendations: { name: 'assay_optimizer_recommendations_total', kind: 'counter', labels: ['cluster'], help: 'Recommendations made.' },
  recommendedIndexes: {
    name: 'assay_optimizer_recommended_indexes',
    kind: 'gauge',
    labels: ['cluster'],
    help: 'Indexes in the last recommendation.',
  },
  recommendedRatio: {
    name: 'assay_optimizer_recommended_time_ratio',
    kind: 'gauge',
    labels: ['cluster'],
    help: 'Executed total with the last recommendation against without it, measured on the lab.',
  },
  notJudged: {
    name: 'assay_optimizer_not_judged_statements',
    kind: 'gauge',
    labels: ['cluster', 'step', 'reason'],
    help: 'Statements of the last run that got no verdict, by the step that left them out (observe, bind, measure) and the reason.',
  },
  workloadCollected: {
    name: 'assay_optimizer_workload_collected_timestamp_seconds',
    kind: 'gauge',
    labels: ['cluster'],
    help: 'When pg_stat_statements was last read for a run, Unix time, as the control database knows it.',
  },
  optimizerObjective: {
    name: 'assay_optimizer_objective_seconds',
    kind: 'gauge',
    labels: ['cluster', 'objective'],
    help: 'workload_age: an older look at the workload is stale; twice the longest pause of the schedule, +Inf where the policy has none. guard: longer than that no change is applied without a verdict; twice what the guard windows of the policy take, at least six hours.',
  },
  knownRecommendations: {
    name: 'assay_optimizer_known_recommendations',
    kind: 'gauge',
    labels: ['cluster', 'state'],
    help: 'Recommendations that are in this state now, as the control database knows them.',
  },
  oldestRecommendation: {
    name: 'assay_optimizer_oldest_recommendation_timestamp_seconds',
    kind: 'gauge',
    labels: ['cluster', 'state'],
    help: 'Since when the oldest of the recommendations in this state is in it, Unix time; none in it, no series.',
  },
  recommendationStates: {
    name: 'assay_optimizer_recommendation_states_total',
    kind: 'counter',
    labels: ['cluster', 'state'],
    help: 'How often a recommendation came into this state (proposed, approved, applied, kept, rolled-back, refused …).',
  },
  guardVerdicts: {
    name: 'assay_optimizer_guard_verdicts_total',
    kind: 'counter',
    labels: ['cluster', 'verdict'],
    help: 'Guard windows after a change by what they said: keep, roll-back (a statement regressed, or the gain is not there), undecided.',
  },
  lastEvent: {
    name: 'assay_optimizer_last_event_timestamp_seconds',
    kind: 'gauge',
    labels: ['cluster', 'event'],
    help: 'When a recommendation last came into this state, Unix time, as the control database knows it; event="regressed": when a guard window last said roll-back.',
  },
  changeDuration: {
    name: 'assay_optimizer_change_duration_seconds',
    kind: 'histogram',
    labels: ['cluster', 'change'],
    help: 'Time to carry out one change on the source: create-index, drop-index, reindex, create-statistics.',
    buckets: LONG,
  },
} as const satisfies Record<string, MetricDefinition>;

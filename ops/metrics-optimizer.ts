/** What the optimizer's observations leave in the metrics. */
import type { Gauge } from 'prom-client';
import type { Observation } from '../domain/observation.ts';
import type { NotJudgedReason, RecommendationState } from '../domain/optimizer/model.ts';
import type { ChangeKind } from '../domain/optimizer/recommendation.ts';
import type { Families } from './metrics-families.ts';

type Of<K extends Observation['kind']> = Extract<Observation, { kind: K }>;

export interface OptimizerState {
  readonly families: Families;
  /** Unix seconds. */
  readonly now: () => number;
  /** Clusters whose histogram of changes stands. */
  readonly durations: Set<string>;
}

type OptimizerKind =
  | 'workload-observed'
  | 'statements-not-judged'
  | 'experiment-measured'
  | 'recommendation-made'
  | 'optimizer-run-ended'
  | 'recommendation-state'
  | 'change-applied'
  | 'guard-verdict'
  | 'recommendations-counted';

/** Part of the listeners of metrics.ts, which is exhaustive. */
export const optimizerListeners: { readonly [K in OptimizerKind]: (state: OptimizerState, seen: Of<K>) => void } = {
  'workload-observed': ({ families: m }, { cluster, statements, notJudged }) => {
    m.workloadStatements.set({ cluster, judged: 'yes' }, statements);
    m.workloadStatements.set({ cluster, judged: 'no' }, notJudged);
  },
  'statements-not-judged': ({ families: m }, { cluster, step, reasons }) => {
    for (const reason of REASONS) m.notJudged.set({ cluster, step, reason }, reasons[reason] ?? 0);
  },
  'experiment-measured': ({ families: m }, { cluster, verdict }) => m.experiments.inc({ cluster, verdict }),
  'recommendation-made': ({ families: m }, { cluster, indexes, ratio }) => {
    m.recommendations.inc({ cluster });
    m.recommendationStates.inc({ cluster, state: 'proposed' });
    m.recommendedIndexes.set({ cluster }, indexes);
    m.recommendedRatio.set({ cluster }, ratio);
  },
  'optimizer-run-ended': ({ families: m, now }, { cluster, outcome, tookMs }) => {
    m.optimizerRuns.inc({ cluster, outcome });
    m.lastOptimizerRun.set({ cluster, outcome }, now());
    m.optimizerDuration.observe({ cluster }, tookMs / 1000);
  },
  'recommendation-state': ({ families: m }, { cluster, state }) => m.recommendationStates.inc({ cluster, state }),
  'change-applied': ({ families: m }, { cluster, change, tookMs }) => m.changeDuration.observe({ cluster, change }, tookMs / 1000),
  'guard-verdict': ({ families: m, now }, { cluster, verdict }) => {
    m.guardVerdicts.inc({ cluster, verdict });
    if (verdict === 'roll-back') m.lastEvent.set({ cluster, event: 'regressed' }, now());
  },
  'recommendations-counted': ({ families: m }, { cluster, states, oldestAt, lastAt, regressedAt, collectedAt, ratio }) => {
    for (const state of STATES) {
      m.knownRecommendations.set({ cluster, state }, states[state] ?? 0);
      setMoment(m.oldestRecommendation, { cluster, state }, oldestAt[state]);
      setMoment(m.lastEvent, { cluster, event: state }, lastAt[state]);
    }
    setMoment(m.lastEvent, { cluster, event: 'regressed' }, regressedAt);
    setMoment(m.workloadCollected, { cluster }, collectedAt);
    if (ratio !== null) m.recommendedRatio.set({ cluster }, ratio);
  },
};

/** Series that alerts and panels read start at zero. */
export function optimizerWatched({ families: m, durations }: OptimizerState, { cluster, objectives }: Of<'cluster-watched'>): void {
  m.optimizerObjective.set({ cluster, objective: 'workload_age' }, objectives.workloadAgeSeconds ?? Number.POSITIVE_INFINITY);
  m.optimizerObjective.set({ cluster, objective: 'guard' }, objectives.guardSeconds);
  for (const state of STATES) m.recommendationStates.inc({ cluster, state }, 0);
  for (const verdict of ['keep', 'roll-back', 'undecided']) m.guardVerdicts.inc({ cluster, verdict }, 0);
  // a policy that changed is watched anew: what was measured until then stays
  if (durations.has(cluster)) return;
  durations.add(cluster);
  for (const change of CHANGES) m.changeDuration.zero({ cluster, change });
}

/** A moment that is no more has no series: the last one known would be told as if it still held. */
function setMoment<T extends string>(gauge: Gauge<T>, labels: Record<T, string>, instant: string | null | undefined): void {
  if (instant == null) gauge.remove(labels);
  else gauge.set(labels, Date.parse(instant) / 1000);
}

// a word that is added to one of these types and not here does not compile
const STATES = Object.keys({
  proposed: 0,
  approved: 0,
  refused: 0,
  applying: 0,
  applied: 0,
  kept: 0,
  'rolled-back': 0,
  stale: 0,
  superseded: 0,
  expired: 0,
  failed: 0,
} satisfies Record<RecommendationState, 0>) as RecommendationState[];

const REASONS = Object.keys({
  utility: 0,
  'truncated-text': 0,
  'unreadable-text': 0,
  'other-database': 0,
  'temporary-table': 0,
  'catalogue-only': 0,
  'own-statement': 0,
  'object-gone': 0,
  'row-security': 0,
  'no-plan': 0,
  'failed-on-lab': 0,
  'too-slow-on-lab': 0,
  budget: 0,
} satisfies Record<NotJudgedReason, 0>) as NotJudgedReason[];

const CHANGES: readonly ChangeKind[] = ['create-index', 'drop-index', 'reindex', 'create-statistics'];

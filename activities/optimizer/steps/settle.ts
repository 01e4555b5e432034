/** The best set, reduced to the indexes that earn their place and slow nothing, measured as it will be recommended. */
import { reasonsOf } from '../../../domain/optimizer/experiment.ts';
import type { Experiment } from '../../../domain/optimizer/model.ts';
import { type RecommendedIndex, recommendedIndex } from '../../../domain/optimizer/recommendation.ts';
import type { ExperimentSummary } from '../../../domain/optimizer/requests.ts';
import { unlikeProduction } from '../../../domain/optimizer/unlike-production.ts';
import { judgedExperiment, refusedExperiment } from '../lab/judged.ts';
import { keepPlans } from '../lab/keep-plans.ts';
import { partitionsOf } from '../lab/partitions.ts';
import { planChanges } from '../lab/plan-changes.ts';
import { reduced } from '../lab/reduce.ts';
import { onLab, type Prepared } from '../lab/session.ts';
import type { BuiltIndex } from '../lab/sets.ts';
import type { OptimizerDependencies } from '../ports.ts';
import type { MeasureRequest } from './measure.ts';
import { type RecommendRequest, recordAndRecommend } from './recommend.ts';

export type SettleRequest = MeasureRequest & RecommendRequest;

export interface Settled {
  readonly experiment: ExperimentSummary;
  /** False: it was not accepted, and nothing is recommended. */
  readonly isRecommended: boolean;
}

export function settleSteps(deps: OptimizerDependencies) {
  return {
    /** Experiment and recommendation go to the control database, figures come back. */
    settleFinalist: (request: SettleRequest): Promise<Settled> =>
      onLab(deps, request, {
        indexesOf: ({ finalists }) => finalists[request.finalist]?.indexes ?? [],
        async work(prepared) {
          const { built, times, experiment, decision } = await settledSet(prepared, request);
          const { cluster } = prepared.stored;
          const recorded = await recordAndRecommend(deps, {
            ...{ request, prepared, experiment, decision },
            changes: decision.verdict === 'accepted' ? await changesOf(prepared, built, experiment) : [],
            plans: async () => (times === null ? [] : keepPlans(prepared.session, { times, verdicts: experiment.statements, built })),
          });
          deps.observe({ kind: 'statements-not-judged', cluster, step: 'measure', reasons: reasonsOf(experiment.notJudged ?? []) });
          return { experiment: recorded.experiment, isRecommended: recorded.recommendation !== null };
        },
      }),
  };
}

async function settledSet(prepared: Prepared, { experiment: id, proof, limits }: SettleRequest) {
  if (prepared.refused !== null) return { built: [], times: null, ...refusedExperiment(prepared.refused, { id, proof }) };
  const { built, times, places, because: reasons } = await reduced(prepared);
  const plans = await planChanges(prepared.session, times, { built });
  const { experiment, decision } = judgedExperiment(times, { id, proof, built, places, limits, plans });
  const unlike = unlikeProduction(prepared.stored.statements, times.statements);
  if (decision.verdict === 'rejected') return { built, times, experiment, decision: { ...decision, because: [...decision.because, ...unlike] } };
  return { built, times, experiment, decision: { ...decision, because: [...decision.because, ...reasons, ...unlike] } };
}

/** As they are proposed for the source. */
async function changesOf({ session }: Prepared, built: readonly BuiltIndex[], { changes }: Experiment): Promise<readonly RecommendedIndex[]> {
  const indexes: RecommendedIndex[] = [];
  for (const [place, { index, sizeBytes, buildMs }] of built.entries()) {
    const leaveOneOut = changes[place]?.leaveOneOut ?? null;
    indexes.push(recommendedIndex(index, { sizeBytes, buildMs, leaveOneOut }, await partitionsOf(session.client, index.table)));
  }
  return indexes;
}

/** The best set, reduced to the indexes that earn their place and slow nothing, measured as it will be recommended. */
import { reasonsOf } from '../../../domain/optimizer/experiment.ts';
import type { Experiment } from '../../../domain/optimizer/model.ts';
import { type RecommendedIndex, recommendedIndex } from '../../../domain/optimizer/recommendation.ts';
import type { ExperimentSummary } from '../../../domain/optimizer/requests.ts';
import type { Interval } from '../../../domain/optimizer/statistics.ts';
import { earnsPlace } from '../../../domain/optimizer/verdict.ts';
import { measureLeaveOneOut, measureSet, type SetTimes } from '../lab/experiment.ts';
import { judgedExperiment, refusedExperiment } from '../lab/judged.ts';
import { keepPlans } from '../lab/keep-plans.ts';
import { partitionsOf } from '../lab/partitions.ts';
import { planChanges } from '../lab/plan-changes.ts';
import { slowingIndex } from '../lab/repair.ts';
import { onLab, type Prepared } from '../lab/session.ts';
import { type BuiltIndex, dropSql } from '../lab/sets.ts';
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
  const { built, times, places, leftOut } = await reduced({ ...prepared, leftOut: 0 });
  const plans = await planChanges(prepared.session, times, { built });
  const { experiment, decision } = judgedExperiment(times, { id, proof, built, places, limits, plans });
  if (leftOut === 0 || decision.verdict === 'rejected') return { built, times, experiment, decision };
  const because = [...decision.because, `${leftOut} index(es) left out because a statement was slower with them`];
  return { built, times, experiment, decision: { ...decision, because } };
}

interface Reduced {
  readonly built: readonly BuiltIndex[];
  readonly times: SetTimes;
  readonly places: ReadonlyMap<BuiltIndex, Interval>;
  /** Indexes that earned their place, and made a statement slower than allowed. */
  readonly leftOut: number;
}

/** Those that earn nothing go one by one: of two that do the same work each looks idle while the other is there, and one of them must stay. */
async function reduced(parts: Pick<Prepared, 'session' | 'units' | 'built' | 'rounds'> & Pick<Reduced, 'leftOut'>): Promise<Reduced> {
  const { session, units, built, rounds, leftOut } = parts;
  const times = await measureSet(session, units, { built, rounds });
  const places = await measureLeaveOneOut(session, times, { built, rounds });
  const placeOf = (index: BuiltIndex) => places.get(index) ?? NOTHING;
  const [idle] = built.filter((index) => !earnsPlace(placeOf(index))).toSorted((a, b) => byHarm(placeOf(a), placeOf(b)) || b.sizeBytes - a.sizeBytes);
  if (built.length === 1) return { built, times, places, leftOut };
  const gone = idle ?? (await slowingIndex(session, times, { built, places, rounds }));
  if (gone === null) return { built, times, places, leftOut };
  await session.client.query(dropSql([gone]));
  return reduced({ session, units, rounds, built: built.filter((index) => index !== gone), leftOut: leftOut + (idle === undefined ? 1 : 0) });
}

/** What makes things slower goes first; of the rest, which noise alone would order, the biggest. */
const byHarm = (a: Interval, b: Interval): number => Number(b.high < 1) - Number(a.high < 1);

const NOTHING: Interval = { ratio: 1, low: 1, high: 1 };

/** As they are proposed for the source. */
async function changesOf({ session }: Prepared, built: readonly BuiltIndex[], { changes }: Experiment): Promise<readonly RecommendedIndex[]> {
  const indexes: RecommendedIndex[] = [];
  for (const [place, { index, sizeBytes, buildMs }] of built.entries()) {
    const leaveOneOut = changes[place]?.leaveOneOut ?? null;
    indexes.push(recommendedIndex(index, { sizeBytes, buildMs, leaveOneOut }, await partitionsOf(session.client, index.table)));
  }
  return indexes;
}

/** The best set, reduced to the indexes that earn their place and slow nothing, measured as it will be recommended. */
import { reasonsOf } from '../../../domain/optimizer/experiment.ts';
import type { Decision, Experiment } from '../../../domain/optimizer/model.ts';
import { type Recommendation, type RecommendedIndex, recommendedIndex, tableOfChange } from '../../../domain/optimizer/recommendation.ts';
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
import { tableSizes } from '../table-sizes.ts';
import { refusedBefore } from './decide.ts';
import { type MeasureRequest, recordExperiment } from './measure.ts';

export interface SettleRequest extends MeasureRequest {
  /** Id for the recommendation, where there is something to recommend. */
  readonly recommendation: string;
  /** Label of the backup the lab was made of. */
  readonly backup: string;
}

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
          const { built, times, experiment, decision: judged } = await settledSet(prepared, request);
          const settled: Settling = { request, prepared, built, times, experiment, decision: judged };
          const idea = judged.verdict === 'accepted' ? await recommendationOf(deps, settled) : null;
          const refused = idea === null ? null : await refusedBefore(deps.store, idea);
          const decision: Decision = refused === null ? judged : { verdict: 'rejected', because: [refused] };
          const summary = await recordExperiment(deps, request, { experiment, decision });
          const { cluster } = prepared.stored;
          deps.observe({ kind: 'statements-not-judged', cluster, step: 'measure', reasons: reasonsOf(experiment.notJudged ?? []) });
          if (idea === null || refused !== null) return { experiment: summary, isRecommended: false };
          await recommend(deps, idea, settled);
          return { experiment: summary, isRecommended: true };
        },
      }),
  };
}

async function settledSet(prepared: Prepared, { experiment: id, proof, limits }: SettleRequest) {
  if (prepared.refused !== null) return { built: [], times: null, ...refusedExperiment(prepared.refused, { id, proof }) };
  const { built, times, places, leftOut } = await reduced({ ...prepared, leftOut: 0 });
  const plans = await planChanges(prepared.session, times, built);
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

interface Settling {
  readonly request: SettleRequest;
  readonly prepared: Prepared;
  readonly built: readonly BuiltIndex[];
  /** null: nothing was measured. */
  readonly times: SetTimes | null;
  readonly experiment: Experiment;
  readonly decision: Decision;
}

async function recommendationOf({ now }: OptimizerDependencies, { request, prepared, built, experiment, decision }: Settling): Promise<Recommendation> {
  const { stored, session } = prepared;
  const indexes: RecommendedIndex[] = [];
  for (const [place, { index, sizeBytes, buildMs }] of built.entries()) {
    const leaveOneOut = experiment.changes[place]?.leaveOneOut ?? null;
    indexes.push(recommendedIndex(index, { sizeBytes, buildMs, leaveOneOut }, await partitionsOf(session.client, index.table)));
  }
  const judged = new Set(experiment.statements.map(({ statement }) => statement));
  return {
    id: request.recommendation,
    run: request.run,
    cluster: stored.cluster,
    database: stored.database,
    createdAt: now().toISOString(),
    state: 'proposed',
    experiment,
    backup: request.backup,
    indexes,
    decision,
    tables: await tableSizes(session.client, indexes.map(tableOfChange)),
    texts: Object.fromEntries(stored.statements.filter(({ id }) => judged.has(id)).map(({ id, text }) => [id, text])),
  };
}

async function recommend(
  deps: OptimizerDependencies,
  recommendation: Recommendation,
  { prepared: { stored, session }, built, times, experiment }: Settling,
): Promise<void> {
  const plans = times === null ? [] : await keepPlans(session, { times, verdicts: experiment.statements, built });
  await deps.store.saveRecommendation(recommendation);
  await deps.store.savePlans(recommendation.id, plans);
  deps.observe({
    kind: 'recommendation-made',
    cluster: stored.cluster,
    recommendation: recommendation.id,
    indexes: built.length,
    ratio: experiment.total.ratio,
  });
}

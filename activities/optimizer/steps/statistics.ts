/** Statistics on columns that go together: recommended where a plan counted wrong without them and the statements really run faster with them. */
import { recommendedStatistics } from '../../../domain/optimizer/extended-statistics.ts';
import type { Decision, Experiment } from '../../../domain/optimizer/model.ts';
import type { RecommendedIndex } from '../../../domain/optimizer/recommendation.ts';
import type { StatisticsSummary } from '../../../domain/optimizer/requests.ts';
import type { Interval } from '../../../domain/optimizer/statistics.ts';
import { decide, earnsPlace, judgeStatement, judgeTotal } from '../../../domain/optimizer/verdict.ts';
import { measureLeaveOneOut, measureSet, type SetTimes } from '../lab/experiment.ts';
import { keepPlans } from '../lab/keep-plans.ts';
import { onLab, type Prepared } from '../lab/session.ts';
import { dropSql } from '../lab/sets.ts';
import { type BuiltStatistics, buildStatistics, statisticsIdeas } from '../lab/statistics.ts';
import type { OptimizerDependencies } from '../ports.ts';
import { type RecommendRequest, recordAndRecommend } from './recommend.ts';

export function statisticsSteps(deps: OptimizerDependencies) {
  return {
    /** Experiment and recommendation go to the control database, counts come back. Idempotent by their ids. Leaves fresh statistics on the lab: the last step there. */
    proveStatistics: (request: RecommendRequest): Promise<StatisticsSummary> =>
      onLab(deps, request, {
        indexesOf: () => [],
        async work(prepared) {
          const { session, units } = prepared;
          const ideas = await statisticsIdeas(session, units, request.limits.protectedTables);
          if (ideas.length === 0) return { ideas: 0, recommendation: null, because: ['no plan counted wrong because columns go together'] };
          const measured = await earning(prepared, await buildStatistics(session.client, ideas));
          const found = judged(request, measured);
          const { recommendation, decision } = await recordAndRecommend(deps, {
            ...{ request, prepared, ...found },
            changes: changesOf(measured),
            plans: () => keepPlans(session, { times: measured.times, verdicts: found.experiment.statements, built: measured.built }),
          });
          return { ideas: ideas.length, recommendation, because: decision.because };
        },
      }),
  };
}

interface Measured {
  readonly built: readonly BuiltStatistics[];
  readonly times: SetTimes;
  readonly places: ReadonlyMap<BuiltStatistics, Interval>;
}

/** Those that earn nothing go one by one, as indexes do. */
async function earning({ session, units, rounds }: Pick<Prepared, 'session' | 'units' | 'rounds'>, built: readonly BuiltStatistics[]): Promise<Measured> {
  const times = await measureSet(session, units, { built, rounds });
  const places = await measureLeaveOneOut(session, times, { built, rounds });
  const idle = built.find((each) => !earnsPlace(places.get(each) ?? { ratio: 1, low: 1, high: 1 }));
  if (idle === undefined || built.length === 1) return { built, times, places };
  await session.client.query(dropSql([idle]));
  return earning(
    { session, units, rounds },
    built.filter((each) => each !== idle),
  );
}

interface Found {
  readonly experiment: Experiment;
  readonly decision: Decision;
}

function judged({ experiment: id, proof, limits }: RecommendRequest, { built, times, places }: Measured): Found {
  const [statements, total] = [times.statements.map(judgeStatement), judgeTotal(times.statements)];
  const changes = built.map((each) => ({ sql: changeOf(each, null)?.sql ?? '', sizeBytes: 0, buildMs: each.buildMs, place: places.get(each) ?? null }));
  const experiment: Experiment = {
    ...{ id, proofId: proof, statements, total, wallTotal: judgeTotal(times.statements.map(({ wall }) => wall)), notJudged: times.notJudged },
    changes: changes.map(({ place, ...change }) => ({ ...change, leaveOneOut: place?.ratio ?? null, leaveOneOutLow: place?.low ?? null })),
  };
  const indexes = changes.map(({ sql, place }) => ({ sql, leaveOneOut: place }));
  const { verdict, because } = decide({ statements, total, sizeBytes: 0, budgetBytes: limits.budgetBytes, indexes });
  const faster = statements.filter((each) => each.judged === 'faster').length;
  const words =
    verdict === 'rejected'
      ? because
      : [...because.slice(0, 1), `${faster} of ${statements.length} statement(s) faster by better counts, under today's indexes`];
  return { experiment, decision: { verdict, because: words } };
}

function changeOf({ idea, buildMs }: BuiltStatistics, leaveOneOut: number | null) {
  const because = `${idea.estimatedRows} rows were expected of ${idea.columns.join(', ')} together, ${idea.actualRows} came`;
  return recommendedStatistics(idea, { buildMs, because, leaveOneOut });
}

/** None for a name that holds a line break: no line would be a statement. */
const changesOf = ({ built, places }: Measured): readonly RecommendedIndex[] => built.flatMap((each) => changeOf(each, places.get(each)?.ratio ?? null) ?? []);

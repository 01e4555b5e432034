/** Settings for single statements: recommended where a plan shows a reason, and the statement is really faster with them beside all else that the run recommends. */
import type { OptimizerLimits } from '../../../domain/optimizer/model.ts';
import type { RecommendedIndex } from '../../../domain/optimizer/recommendation.ts';
import type { SettingsSummary } from '../../../domain/optimizer/requests.ts';
import { recommendedSetting } from '../../../domain/optimizer/setting.ts';
import { judgedSettings, refusalOf } from '../../../domain/optimizer/setting-verdict.ts';
import { judgeTotal, type StatementTimes } from '../../../domain/optimizer/verdict.ts';
import { onLab, type Prepared } from '../lab/session.ts';
import type { OptimizerDependencies } from '../ports.ts';
import { dropStatistics, makeStatistics, recommendedBeside } from '../settings/beside.ts';
import { besideText, recommendedTexts } from '../settings/beside-text.ts';
import { settingIdeas } from '../settings/ideas.ts';
import { largestTable } from '../settings/largest-table.ts';
import { type MeasuredIdea, measureIdeas } from '../settings/measure.ts';
import { keptPlans } from '../settings/plans.ts';
import { rolesWith } from '../settings/roles.ts';
import { mayBeKept, type SourceFacts, sourceFacts } from '../settings/source.ts';
import { type WholeTimes, wholeTimes } from '../settings/whole.ts';
import { type RecommendRequest, recordAndRecommend } from './recommend.ts';

export interface SettingsRequest extends RecommendRequest {
  /** Recommendations of the same run: what a setting must add something to. */
  readonly beside: readonly string[];
  /** Other texts that the same run recommends: whoever takes one may not need the setting. Missing: none. */
  readonly rewrites?: readonly string[];
  /** For each statement an experiment and a recommendation of its own. Missing, from a run of an earlier version: all in one. */
  readonly names?: readonly { readonly experiment: string; readonly recommendation: string }[];
}

export function settingsSteps(deps: OptimizerDependencies) {
  return {
    /** Experiment and recommendation go to the control database, counts come back. Idempotent by their ids. Makes and drops what the run recommends: the last step on the lab. */
    async proveSettings(request: SettingsRequest): Promise<SettingsSummary> {
      const { indexes, statistics } = await recommendedBeside(deps.store, request.beside);
      return onLab(deps, request, {
        indexesOf: () => indexes,
        async work(prepared) {
          const { session, units, built, rounds, stored } = prepared;
          const source = await sourceFacts(deps.sourceSession, request.policy, stored.database);
          const beside = [...built, ...(await makeStatistics(session.client, statistics))];
          const bounds = boundsOf(request.limits, source);
          const found = await settingIdeas(session, units, { beside, bounds, mayBeKept: (statement) => mayBeKept(source, statement), untilMs: rounds.untilMs });
          const measured = await measureIdeas(session, found.ideas, { beside, rounds });
          const answer = await recordedEach(deps, { request: { ...request, place: 0 }, prepared, source }, measured);
          await dropStatistics(session.client, statistics);
          const because = [...answer.because, ...found.refused];
          const asked = found.ideas.length + found.refused.length;
          return { ...answer, asked, tried: measured.length, because: because.length === 0 ? ['no plan asks for a setting of its own'] : because };
        },
      });
    },
  };
}

/** One execution may take this part of what the source takes for its cache: others run beside it. */
const CACHE_SHARE = 8;

const boundsOf = ({ workMemBytes }: OptimizerLimits, { cacheBytes }: SourceFacts) => ({ workMemBytes, executionBytes: cacheBytes / CACHE_SHARE });

/** More than are measured. */
const MOST_IDEAS = 100;

interface Recording {
  readonly request: SettingsRequest & { readonly place: number };
  readonly prepared: Prepared;
  readonly source: SourceFacts;
}

/** One by one, where each has a name: whoever decides may want one of them only. */
async function recordedEach(deps: OptimizerDependencies, { request: { names, ...request }, prepared, source }: Recording, measured: readonly MeasuredIdea[]) {
  const whole = await wholeTimes(
    prepared,
    measured.filter((each) => refusalOf(each) === null),
  );
  const parts =
    names === undefined ? [{ own: measured, request }] : measured.map((each, place) => ({ own: [each], request: { ...request, ...names[place], place } }));
  const [recommendations, because]: [string[], string[]] = [[], []];
  for (const { own, request: about } of parts) {
    const found = await recorded(deps, { request: about, prepared, source }, { measured: own, whole });
    recommendations.push(...[found.recommendation].flatMap((id) => id ?? []));
    because.push(...found.because);
  }
  return { recommendation: recommendations[0] ?? null, recommendations, because };
}

interface Measured {
  readonly measured: readonly MeasuredIdea[];
  /** With the settings of all statements. */
  readonly whole: WholeTimes;
}

async function recorded(deps: OptimizerDependencies, { request, prepared, source }: Recording, { measured, whole: { notJudged, ...whole } }: Measured) {
  if (measured.length === 0) return { recommendation: null, because: [] as readonly string[] };
  const { experiment: id, proof } = request;
  const accepted = measured.filter((each) => refusalOf(each) === null);
  const statements = accepted.length === 0 ? [] : onlyOf(whole.statements, accepted);
  const changes = await changesOf(deps, { request, prepared, source }, accepted);
  const total = judgeTotal(statements);
  const found = judgedSettings(measured, { id, proofId: proof, statements, total, notJudged, changes });
  const { recommendation, decision } = await recordAndRecommend(deps, {
    request,
    prepared,
    ...found,
    changes,
    plans: () => keptPlans(prepared.session, accepted),
  });
  return { recommendation, because: decision.because };
}

/** What others gain by settings of their own is no part of this one. */
function onlyOf(statements: readonly StatementTimes[], accepted: readonly MeasuredIdea[]): readonly StatementTimes[] {
  const own = new Set(accepted.map(({ statement }) => statement.id));
  const unchanged = (times: StatementTimes): StatementTimes => ({
    ...times,
    bindings: times.bindings.map((binding) => ({ ...binding, pairs: binding.pairs.map(({ beforeMs }) => ({ beforeMs, afterMs: beforeMs })) })),
  });
  return statements.map((times) => (own.has(times.statement) ? times : unchanged(times)));
}

async function changesOf(
  { store }: OptimizerDependencies,
  { request, prepared, source }: Recording,
  accepted: readonly MeasuredIdea[],
): Promise<readonly RecommendedIndex[]> {
  const changes: RecommendedIndex[] = [];
  const texts = await recommendedTexts(store, request.rewrites ?? []);
  for (const [number, idea] of accepted.entries()) {
    const { statement, units, settings, because, places } = idea;
    const rewrite = texts.get(statement.id);
    const about = { rounds: prepared.rounds, place: request.place * MOST_IDEAS + number, there: prepared.built.map(({ index }) => index) };
    const beside = rewrite === undefined ? [] : [await besideText(prepared.session, idea, { ...about, rewrite })];
    const table = await largestTable(prepared.session.client, units);
    if (table === null) continue;
    for (const [place, setting] of settings.entries()) {
      const roles = await rolesWith(setting, { prepared, source, statement: statement.id });
      const advice = { ...setting, statement: statement.id, roles, connections: source.connections };
      changes.push(recommendedSetting(advice, { table, because: [because[place] ?? '', ...beside].join('; '), leaveOneOut: places[place]?.ratio ?? null }));
    }
  }
  return changes;
}

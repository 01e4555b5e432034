/** From measured times to a recommendation of settings, or to why there is none. Pure. */
import type { Decision, Experiment, NotJudged, StatementVerdict } from './model.ts';
import type { RecommendedIndex } from './recommendation.ts';
import { type SettingAdvice, settingSql, type TriedSettings } from './setting.ts';
import { type Interval, median } from './statistics.ts';
import { earnsPlace, isTooSlow, judgeStatement, SLOWEST_RATIO, type StatementTimes, shown, type TimedPair } from './verdict.ts';

/** One statement with its settings, measured. */
export interface JudgedSettings {
  readonly statement: { readonly id: string };
  readonly settings: readonly Pick<SettingAdvice, 'name' | 'value' | 'was' | 'memory'>[];
  readonly because: readonly string[];
  /** Beside all else that the run recommends. */
  readonly verdict: StatementVerdict;
  /** Without that; null: nothing of it changes this statement. */
  readonly alone: Interval | null;
  /** Of each setting, where there are several. */
  readonly places: readonly Interval[];
}

/** Below a twentieth of its time nobody would write it into an application. */
export const WORTH = 0.95;

/** What planning a statement takes that PostgreSQL would have kept the plan of: as much longer may a call take that is quick by either plan. */
const PLANNING_MS = 0.5;

/** With a plan for each value against a kept one: a call that gets longer by its planning alone is not slower. */
export function judgeKept(times: StatementTimes): StatementVerdict {
  const whole = judgeStatement(times);
  const slowed = times.bindings.filter(({ pairs }) => longer(pairs) > PLANNING_MS);
  if (whole.judged !== 'slower' || slowed.some((binding) => judgeStatement({ ...times, bindings: [binding] }).judged === 'slower')) return whole;
  const { ratio, low, high } = whole;
  return { ...whole, judged: high < 1 ? 'faster' : 'same', worst: ratio, worstLow: low };
}

/** By how much, in ms. Of short calls the quickest: others on the machine only ever add to them, and to planning as much as to executing. */
function longer(pairs: readonly TimedPair[]): number {
  const [befores, afters] = [pairs.map(({ beforeMs }) => beforeMs), pairs.map(({ afterMs }) => afterMs)];
  return median(afters) < SHORT_MS ? Math.min(...afters) - Math.min(...befores) : median(afters) - median(befores);
}

const SHORT_MS = 5;

/** Why they are not recommended; null: they are. */
export function refusalOf({ verdict, alone, places }: JudgedSettings): string | null {
  if (isTooSlow(verdict)) return `one of its values is slower than ${SLOWEST_RATIO}× with it: ${sayWorst(verdict)}`;
  const isWorth = verdict.judged === 'faster' && verdict.ratio <= WORTH;
  if (!isWorth && alone !== null && alone.high < 1 && alone.ratio <= WORTH)
    return `it adds nothing to what is recommended beside it: ${shown(verdict)} of the time, alone ${shown(alone)}`;
  if (!isWorth) return `it is not faster beyond noise by a twentieth: ${shown(verdict)} of the time`;
  const idle = places.filter((place) => !earnsPlace(place)).length;
  return idle === 0 ? null : `${idle} of its ${places.length} settings earn nothing that the others do not`;
}

/** The interval is that of all values together: of the worst one only its lower end is known. */
const sayWorst = ({ ratio, low, worst = ratio, worstLow = low }: StatementVerdict): string =>
  `${worst.toFixed(3)}, beyond noise at least ${worstLow.toFixed(3)} of its time`;

export interface SettingsMeasured {
  readonly id: string;
  readonly proofId: string;
  /** The whole workload with what is accepted. */
  readonly statements: readonly StatementTimes[];
  readonly total: Interval;
  readonly notJudged: readonly NotJudged[];
  readonly changes: readonly RecommendedIndex[];
}

export function judgedSettings(
  measured: readonly JudgedSettings[],
  { statements, total, changes, ...about }: SettingsMeasured,
): { readonly experiment: Experiment; readonly decision: Decision } {
  const accepted = measured.filter((each) => refusalOf(each) === null);
  const experiment: Experiment = {
    ...about,
    ...{
      statements: statements.map((each) => accepted.find(({ statement }) => statement.id === each.statement)?.verdict ?? judgeStatement(each)),
      total,
      settings: measured.map(triedOf),
    },
    changes: changes.map(({ sql, leaveOneOut }) => ({ sql, sizeBytes: 0, buildMs: 0, leaveOneOut })),
  };
  if (changes.length === 0) return { experiment, decision: { verdict: 'rejected', because: measured.map(sayTried) } };
  const because = [
    `executed total ${shown(total)} of before, beside all else that is recommended`,
    `${accepted.length} statement(s) faster with a setting of their own, none of them slower than ${SLOWEST_RATIO}× by any of its values`,
    ...measured.filter((each) => refusalOf(each) !== null).map(sayTried),
  ];
  return { experiment, decision: { verdict: 'accepted', because } };
}

const triedOf = (judged: JudgedSettings): TriedSettings => {
  const { statement, settings, because, verdict, alone } = judged;
  return {
    ...{ statement: statement.id, settings, because, alone, refused: refusalOf(judged) },
    beside: { ratio: verdict.ratio, low: verdict.low, high: verdict.high },
  };
};

function sayTried(judged: JudgedSettings): string {
  const { statement, settings } = judged;
  return `statement ${statement.id}, ${settings.map(settingSql).join(' ')} not recommended: ${refusalOf(judged) ?? 'its tables are not known'}`;
}

/**
 * Keep a change, or take it back? By what its statements took on production before it and after it. Pure.
 *
 * Taken back as soon as a statement is slower than allowed beyond noise, all statements together being wrong at most once in a hundred guarded changes
 * (Holm over the statements, Bonferroni over the windows), as far as statements that the change cannot touch tell what the hour itself did. Kept after the
 * last window where the gain that was promised shows, or where too little ran.
 */
import type { WindowCounts } from './guard-looks.ts';
import { type ComparedSamples, callsOf, type LogRatio, logRatio, TRIMMED } from './guard-samples.ts';
import type { OptimizerPolicy } from './policy.ts';
import { median } from './statistics.ts';
import { upperTail } from './student.ts';
import { SLOWEST_RATIO, UPKEEP_MS, UPKEEP_SHARE } from './verdict.ts';

export interface GuardQuestion {
  /** The window before the change. */
  readonly before: WindowCounts;
  /** Those after it, the one to judge last. */
  readonly after: readonly WindowCounts[];
  /** Statements that the lab found faster, and what they took there of the time before. */
  readonly promised: ReadonlyMap<string, number>;
  /** Statements that the change cannot touch. */
  readonly unrelated: ReadonlySet<string>;
  readonly guard: Pick<OptimizerPolicy['guard'], 'windows' | 'minCalls'>;
}

export interface GuardVerdict {
  readonly verdict: 'keep' | 'roll-back' | 'undecided';
  readonly because: readonly string[];
}

/** Of a false roll-back, over all statements and windows. */
const REGRESSION_ALPHA = 0.01;
/** Of a gain that is none. */
const GAIN_ALPHA = 0.05;
/** Of the gain on the lab, as logarithms: less than this of it is what a machine does by itself. */
const GAIN_SHARE = 0.25;
/** Half of the time is enough whatever was promised: a quarter of a gain of three thousand times would ask for more than seven. */
const GAIN_ENOUGH = Math.log(0.5);
/** Milliseconds; as on the lab, what nobody could notice is no regression. */
const NOISE_MS = 0.05;
/** Statements that the change cannot touch, from which their drift is known. */
const ENOUGH_UNRELATED = 3;
/**
 * As a logarithm. Where all else takes more than twice the time, or less than half, something happened that may have met the change's statements as
 * much, less, or not at all. Of a slower hour no more than this is granted to a gain: others that lost their plans made a loss of three times a gain of
 * three hundred.
 */
const MOST_DRIFT = Math.log(2);

export function guardVerdict(question: GuardQuestion): GuardVerdict {
  const { after, guard } = question;
  const regressions = regressionsOf(question);
  if (regressions.length > 0) return { verdict: 'roll-back', because: regressions };
  const window = after.length;
  const disturbances = [...question.before.disturbances, ...(after.at(-1)?.disturbances ?? []), ...driftedFar(driftOf(question, 'last'))];
  const isLast = window > guard.windows || (window === guard.windows && disturbances.length === 0);
  if (!isLast)
    return { verdict: 'undecided', because: disturbances.length > 0 ? disturbances : [`window ${window} of ${guard.windows}: nothing became slower`] };
  return finalAnswer(question);
}

interface Drift {
  /** Logarithm of what became of statements that the change cannot touch. */
  readonly estimate: number;
  readonly variance: number;
}

function driftOf(question: GuardQuestion, which: 'all' | 'last'): Drift {
  const ratios = [...question.unrelated].flatMap((statement) => comparedOf(question, statement, which)?.ratio.estimate ?? []);
  if (ratios.length < ENOUGH_UNRELATED) return { estimate: 0, variance: 0 };
  const middle = median(ratios);
  // of a median: pi / 2 times that of a mean; the spread by the median of distances, which one odd statement cannot move
  const spread = 1.4826 * median(ratios.map((ratio) => Math.abs(ratio - middle)));
  return { estimate: middle, variance: ((Math.PI / 2) * spread ** 2) / ratios.length };
}

const driftedFar = ({ estimate }: Drift): readonly string[] =>
  Math.abs(estimate) > MOST_DRIFT
    ? [`statements that the change cannot touch take ${Math.exp(estimate).toFixed(2)} of the time before: not an hour like the other`]
    : [];

interface Compared {
  readonly statement: string;
  readonly ratio: ComparedSamples;
  /** Calls after the change. */
  readonly calls: number;
}

/** null: it was called too seldom, before or after. */
function comparedOf({ before, after, guard }: GuardQuestion, statement: string, which: 'all' | 'last'): Compared | null {
  const first = before.batches.get(statement) ?? [];
  const all = after.flatMap(({ batches }) => batches.get(statement) ?? []);
  const last = after.at(-1)?.batches.get(statement) ?? [];
  // the last window alone says what is now; where it says too little, all of them do
  const then = which === 'last' && callsOf(last) >= guard.minCalls ? last : all;
  if (callsOf(first) < guard.minCalls || callsOf(then) < guard.minCalls) return null;
  const ratio = logRatio(first, then, which === 'last' ? TRIMMED.gain : TRIMMED.slower);
  return ratio === null ? null : { statement, ratio, calls: callsOf(then) };
}

function regressionsOf(question: GuardQuestion): readonly string[] {
  const hour = driftOf(question, 'all');
  // what takes as long as it did is no regression, though all else became faster: by the change itself, perhaps
  const drift = { ...hour, estimate: Math.max(0, hour.estimate) };
  const statements = [...question.before.batches.keys()].filter((statement) => !question.unrelated.has(statement));
  const compared = statements.flatMap((statement) => comparedOf(question, statement, 'all') ?? []);
  const tested = compared.map((one) => ({ ...one, p: chanceOf(one.ratio, drift, Math.log(SLOWEST_RATIO)) })).toSorted((a, b) => a.p - b.p);
  const alpha = REGRESSION_ALPHA / question.guard.windows;
  const savedMs = compared
    .filter(({ statement }) => question.promised.has(statement))
    .reduce((sum, { calls, ratio }) => sum + calls * Math.max(0, ratio.beforeMs * Math.exp(drift.estimate) - ratio.afterMs), 0);
  const found: string[] = [];
  for (const [place, { statement, p, ratio, calls }] of tested.entries()) {
    if (p > alpha / (tested.length - place)) break;
    const { beforeMs, afterMs } = ratio;
    const addedMs = afterMs - beforeMs * Math.exp(drift.estimate);
    if (addedMs <= NOISE_MS || (addedMs <= UPKEEP_MS && calls * addedMs < UPKEEP_SHARE * savedMs)) continue;
    const times = Math.exp(ratio.estimate - drift.estimate).toFixed(2);
    found.push(`statement ${statement} became ${times} times as slow: ${beforeMs.toFixed(3)} ms before, ${afterMs.toFixed(3)} ms after`);
  }
  return found;
}

/** How likely so much, or more, is where the true logarithm is `least`. */
function chanceOf({ estimate, variance, df }: LogRatio, drift: Drift, least: number): number {
  const error = Math.sqrt(variance + drift.variance);
  const distance = estimate - drift.estimate - least;
  if (error === 0) return distance > 0 ? 0 : 1;
  return upperTail(distance / error, df);
}

function finalAnswer(question: GuardQuestion): GuardVerdict {
  const { promised } = question;
  const hour = driftOf(question, 'last');
  const drift = { ...hour, estimate: Math.min(MOST_DRIFT, hour.estimate) };
  const untold = hour.estimate > MOST_DRIFT ? [...driftedFar(hour), 'whether a statement became slower by the change cannot be told'] : [];
  if (promised.size === 0)
    return { verdict: 'keep', because: untold.length > 0 ? untold : ['nothing became slower, and nothing was promised to become faster'] };
  const compared = [...promised.keys()].flatMap((statement) => comparedOf(question, statement, 'last') ?? []);
  if (compared.length === 0) {
    const because = `too few calls of the ${promised.size} statement(s) that were to become faster (${question.guard.minCalls} a window are needed): nothing speaks against it`;
    return { verdict: 'keep', because: [because, ...untold] };
  }
  const total = totalRatio(compared);
  const adjusted = Math.exp(total.estimate - drift.estimate).toFixed(3);
  const counted = hour.estimate === 0 ? '' : ` (${Math.exp(total.estimate).toFixed(3)} as counted, where all else took ${Math.exp(hour.estimate).toFixed(2)})`;
  const shown = `${compared.length} statement(s) that were to become faster take ${adjusted} of the time before, weighted by calls${counted}`;
  const isEnough = total.estimate - drift.estimate <= Math.max(GAIN_SHARE * promisedRatio(compared, promised), GAIN_ENOUGH);
  const isGain = isEnough && chanceOf({ ...total, estimate: -total.estimate }, { ...drift, estimate: -drift.estimate }, 0) < GAIN_ALPHA;
  return isGain ? { verdict: 'keep', because: [shown, ...untold] } : { verdict: 'roll-back', because: [`the gain does not show: ${shown}`] };
}

/** Logarithm of what the lab's ratios would make of these statements. */
function promisedRatio(compared: readonly Compared[], promised: GuardQuestion['promised']): number {
  const before = compared.reduce((sum, { calls, ratio }) => sum + calls * ratio.beforeMs, 0);
  const after = compared.reduce((sum, { statement, calls, ratio }) => sum + calls * ratio.beforeMs * (promised.get(statement) ?? 1), 0);
  return Math.log(after / before);
}

/** Of the calls-weighted sums, by the delta method. */
function totalRatio(compared: readonly Compared[]): LogRatio {
  const sum = (side: 'beforeMs' | 'afterMs') => compared.reduce((total, one) => total + one.calls * one.ratio[side], 0);
  const [before, after] = [sum('beforeMs'), sum('afterMs')];
  // each statement's error counts by its share of the larger side
  const shares = compared.map((one) => Math.max((one.calls * one.ratio.beforeMs) / before, (one.calls * one.ratio.afterMs) / after));
  const variances = compared.map(({ ratio }, place) => (shares[place] as number) ** 2 * ratio.variance);
  const variance = variances.reduce((a, b) => a + b, 0);
  const below = compared.reduce((total, { ratio }, place) => total + (variances[place] as number) ** 2 / ratio.df, 0);
  return { estimate: Math.log(after / before), variance, df: below === 0 ? 1_000 : variance ** 2 / below };
}

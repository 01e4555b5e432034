/**
 * Two samples of a statement's executions compared: the logarithm of after / before with its uncertainty. Pure.
 * Sources: Yuen, "The two-sample trimmed t for unequal population variances" (1974); Welch (1947) where there are too few batches to trim.
 */
import { type Batch, joined } from './guard-looks.ts';
import { median } from './statistics.ts';

/** A logarithm of a ratio; `variance` of the estimate, `df` its degrees of freedom. */
export interface LogRatio {
  readonly estimate: number;
  readonly variance: number;
  readonly df: number;
}

export interface ComparedSamples extends LogRatio {
  /**
   * What an execution took, milliseconds: as robust as the ratio, which is theirs. One call that waited a second for a processor would else pass for
   * what the statement took before the change, and anything for a gain.
   */
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** Batches on each side from which their spread is known well enough to trim them. */
const ENOUGH_BATCHES = 5;
/** Calls that a batch has at least: fewer, and its mean is any single call's. */
const LEAST_CALLS = 3;
/**
 * Share of the batches left out at each end. Where it is asked whether something became slower, of twelve batches one, which a checkpoint may have had:
 * more would hide what happens in few of them. Where it is asked whether a gain shows, two, as Yuen does: calls that waited for a processor before the
 * change would else be the gain.
 */
export const TRIMMED = { slower: 0.1, gain: 0.2 };

export const callsOf = (batches: readonly Batch[]): number => batches.reduce((sum, { calls }) => sum + calls, 0);

const whole = (batches: readonly Batch[]): Batch => batches.reduce(joined, { calls: 0, totalMs: 0, squares: 0, blocks: 0 });

const meanOf = ({ calls, totalMs }: Batch): number => totalMs / calls;

/** Batches of at least so many calls each, in order: one of a longer pause may hold a single call, which says little of its mean. */
function evened(batches: readonly Batch[], least: number): readonly Batch[] {
  const made: Batch[] = [];
  let open: Batch | null = null;
  for (const batch of batches) {
    open = open === null ? batch : joined(open, batch);
    if (open.calls < least) continue;
    made.push(open);
    open = null;
  }
  const last = made.pop();
  if (open !== null) made.push(last === undefined ? open : joined(last, open));
  else if (last !== undefined) made.push(last);
  return made;
}

/** null: one side says nothing (fewer than two calls, or no time at all). */
export function logRatio(before: readonly Batch[], after: readonly Batch[], trimmed: number): ComparedSamples | null {
  // of like size on both sides, as the logarithm of a small batch's mean is lower than that of a large one's (Jensen); half, as calls come as they come
  const least = Math.max(LEAST_CALLS, Math.min(...[before, after].map((batches) => median(batches.map(({ calls }) => calls)))) / 2);
  const sides = [before, after].map((batches) => evened(batches, least));
  const isKnown = sides.every((batches) => batches.length >= ENOUGH_BATCHES && batches.every(({ totalMs }) => totalMs > 0));
  const isTrimmed = isKnown && !sides.some(isUneven);
  const [one, other] = sides.map((batches) => (isTrimmed ? trimmedLog(batches, trimmed) : plainLog(batches, whole(sides.flat()))));
  if (one == null || other == null) return null;
  const variance = one.variance + other.variance;
  const df = variance === 0 ? one.df + other.df : variance ** 2 / (one.variance ** 2 / one.df + other.variance ** 2 / other.df);
  return { estimate: other.estimate - one.estimate, variance, df, beforeMs: Math.exp(one.estimate), afterMs: Math.exp(other.estimate) };
}

/** Times the middle's blocks a call, from which a batch's executions did another work than most. */
const OTHER_WORK = 2;

/**
 * A call that waited for a processor touched what the others touched. One that touched far more is the statement's own, though it is one of thousands: an
 * index that flushes its list of what is pending once an hour, a value that half the table has.
 */
function isUneven(batches: readonly Batch[]): boolean {
  const each = batches.flatMap(({ calls, blocks }) => (blocks === null ? [] : [blocks / calls]));
  return each.length > 0 && Math.max(...each) > OTHER_WORK * median(each) + 1;
}

/** Trimmed mean of the batches' logarithms; its variance by the winsorised one. */
function trimmedLog(batches: readonly Batch[], trimmed: number): LogRatio {
  const logs = batches.map((batch) => Math.log(meanOf(batch))).sort((a, b) => a - b);
  const cut = Math.floor(trimmed * logs.length);
  const kept = logs.slice(cut, logs.length - cut);
  const winsorised = logs.map((value) => Math.min(Math.max(value, kept[0] as number), kept.at(-1) as number));
  const estimate = mean(kept);
  const variance = squaresOf(winsorised) / (kept.length * (kept.length - 1));
  return { estimate, variance, df: kept.length - 1 };
}

/** Of a window's level, as a logarithm: what it differs by from the next where too few batches show it. */
const UNKNOWN_SWING = 0.15;

/**
 * Of all executions together. What batches differ by beyond their own spread counts too: executions near each other are not independent. They spread as
 * those of both sides do, joined: one long call on this side and none on the other may be chance.
 */
function plainLog(batches: readonly Batch[], both: Batch): LogRatio | null {
  const all = whole(batches);
  if (all.calls < 2 || all.totalMs <= 0) return null;
  const within = Math.max(spreadOf(all), spreadOf(both)) / all.calls;
  const logs = batches.filter(({ totalMs }) => totalMs > 0).map((batch) => Math.log(meanOf(batch)));
  const isShown = logs.length >= 3;
  const between = isShown ? squaresOf(logs) / (logs.length * (logs.length - 1)) : UNKNOWN_SWING ** 2 / logs.length;
  return { estimate: Math.log(meanOf(all)), variance: Math.max(within, between), df: isShown && between > within ? logs.length - 1 : all.calls - 1 };
}

/** Variance of single executions, relative to their mean's square. */
const spreadOf = (all: Batch): number => all.squares / (all.calls - 1) / meanOf(all) ** 2;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function squaresOf(values: readonly number[]): number {
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
}

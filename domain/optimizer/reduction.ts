/** A set that lost an index, held against the set before it: each was measured as a whole. Pure. */
import { type Interval, median } from './statistics.ts';
import { judgeTotal, NOISE_MS, type StatementTimes } from './verdict.ts';

/**
 * Executed total of what remains against that of the set before, over the statements that both were measured with: above 1 the loss costs something. Each
 * was measured against none at its own time, so that its noise is that of both.
 */
export function lossOf(before: readonly StatementTimes[], rest: readonly StatementTimes[]): Interval {
  const both = new Set(before.map(({ statement }) => statement).filter((id) => rest.some(({ statement }) => statement === id)));
  const [was, is] = [before, rest].map((times) => judgeTotal(times.filter(({ statement }) => both.has(statement)))) as [Interval, Interval];
  return { ratio: is.ratio / was.ratio, low: is.low / was.high, high: is.high / was.low };
}

/** Of what is longer a call: a minute of other load alone would hardly make that much. */
const NOTICEABLE = 0.05;

/** Some statement that was timed more than once takes noticeably longer. */
export const isNoticeable = (before: readonly StatementTimes[], rest: readonly StatementTimes[]): boolean =>
  rest.some((is) => isTouched(is) && before.some((was) => was.statement === is.statement && longer(was, is)));

const isTouched = ({ bindings }: StatementTimes): boolean => bindings.some(({ pairs }) => pairs.length > 1);

function longer(was: StatementTimes, is: StatementTimes): boolean {
  const [then, now] = [afterMs(was), afterMs(is)];
  return now - then > Math.max(NOISE_MS, NOTICEABLE * then);
}

const afterMs = ({ bindings }: StatementTimes): number =>
  bindings.reduce((sum, { pairs }) => sum + median(pairs.map(({ afterMs: ms }) => ms)), 0) / bindings.length;

/** What a closer look at an index cannot change: above this it may earn something that its first look was too short to tell. */
const CLEARLY_IDLE = 1.02;

/** It earned nothing beyond noise, but may earn something within it. */
export const isUnclear = ({ low, high }: Interval): boolean => low <= 1 && high > CLEARLY_IDLE;

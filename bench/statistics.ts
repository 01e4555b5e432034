/** Medians and bootstrap intervals. Pure; the resampling is seeded, so the same samples always give the same interval. */
import { median, quantile, seeded } from '../domain/optimizer/statistics.ts';

export { median, quantile };

export interface Interval {
  readonly median: number;
  /** 95 %, percentile bootstrap. */
  readonly low: number;
  readonly high: number;
}

export interface Pair {
  readonly ours: number;
  readonly bare: number;
}

const RESAMPLES = 10_000;

/** Of the median of ours / bare, pair by pair: what drifts between pairs falls out. */
export const ratioOf = (pairs: readonly Pair[]): Interval => intervalOf(pairs, (sample) => median(sample.map(({ ours, bare }) => ours / bare)));

/** Of any statistic, resampling whole units (pairs, windows), never the measurements inside one. */
export function intervalOf<T>(units: readonly T[], statistic: (sample: readonly T[]) => number, resamples = RESAMPLES): Interval {
  const random = seeded(20261121);
  const drawn = Array.from({ length: resamples }, () => statistic(units.map(() => units[Math.floor(random() * units.length)] as T)));
  return { median: statistic(units), low: quantile(drawn, 0.025), high: quantile(drawn, 0.975) };
}

/**
 * How often a difference as great as the one seen would come about by chance: the two sides of each unit are swapped at random. Exact where the
 * sides are alike but for what is asked (Fisher's randomization test, one-sided), however heavy the tails; a bootstrap interval is not, there.
 */
export function chanceOf<T>(units: readonly (readonly [T, T])[], statistic: (sample: readonly (readonly [T, T])[]) => number, shuffles = 2_000): number {
  const random = seeded(20261121);
  const seen = statistic(units);
  const swapped = () => units.map(([one, other]) => (random() < 0.5 ? ([one, other] as const) : ([other, one] as const)));
  const asGreat = Array.from({ length: shuffles }, () => statistic(swapped())).filter((each) => each >= seen).length;
  return (asGreat + 1) / (shuffles + 1);
}

export interface Goal {
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** By the median; `certain` where the whole interval lies on the same side. */
export function judge({ median: middle, low, high }: Interval, { atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY }: Goal) {
  const meets = (value: number) => value <= atMost && value >= atLeast;
  const reached = meets(middle);
  return { reached: reached ? ('yes' as const) : ('no' as const), certain: meets(low) === reached && meets(high) === reached };
}

/** What may be said of a ratio: nothing where its interval holds 1. */
export function difference({ median: middle, low, high }: Interval): string {
  if (low <= 1 && high >= 1) return 'no difference beyond the noise';
  return `${(Math.abs(middle - 1) * 100).toFixed(1)} % ${middle > 1 ? 'more' : 'less'} than bare, beyond the noise`;
}

export const showRatio = ({ median: middle, low, high }: Interval): string => `${middle.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;

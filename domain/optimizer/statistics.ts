/** Medians and seeded bootstrap intervals: the same samples always give the same interval. Pure. */

export interface Interval {
  readonly ratio: number;
  /** 95 %, percentile bootstrap. */
  readonly low: number;
  readonly high: number;
}

/** Resamples of one interval; enough for a 95 % one to be steady in its second digit. */
const RESAMPLES = 2_000;
const A_HANDFUL = 24;
const SEED = 20_261_121;

export function quantile(values: readonly number[], share: number): number {
  const sorted = inOrder(values);
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN];
  return low + (high - low) * (at - Math.floor(at));
}

/** By insertion: a bootstrap sorts a handful of values, hundreds of thousands of times. */
function inOrder(values: readonly number[]): ArrayLike<number> {
  if (values.length > A_HANDFUL) return Float64Array.from(values).sort();
  const sorted: number[] = [];
  for (const value of values) {
    let at = sorted.length;
    for (; at > 0 && (sorted[at - 1] as number) > value; at -= 1) sorted[at] = sorted[at - 1] as number; // within its bounds
    sorted[at] = value;
  }
  return sorted;
}

export function median(values: readonly number[]): number {
  // most often it is of one
  if (values.length < 2) return values[0] ?? Number.NaN;
  return quantile(values, 0.5);
}

/** Of a statistic that draws what it needs by `pick`, which answers with a sample as long as the one given, drawn with replacement. */
export function bootstrap(statistic: (pick: <T>(from: readonly T[]) => readonly T[]) => number): Interval {
  const random = seeded(SEED);
  const drawAgain = <T>(from: readonly T[]): readonly T[] => from.map(() => from[Math.floor(random() * from.length)] as T); // an index within its bounds
  const drawn = Array.from({ length: RESAMPLES }, () => statistic(drawAgain));
  return { ratio: statistic((from) => from), low: quantile(drawn, 0.025), high: quantile(drawn, 0.975) };
}

/** mulberry32: numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Do writers wait? Latencies of commits in windows of one thing against equally long windows of another. */
import type { Figure } from './benchmark.ts';
import { chanceOf, type Interval, intervalOf, median, quantile } from './statistics.ts';
import { latenciesIn, type Recorded, type Window } from './writers.ts';

/** Fewer transactions a second than this are no load to judge by. */
const LEAST_TPS = 1_000;

export interface Stalls {
  readonly name: string;
  /** null: told, not judged. */
  readonly goal: string | null;
  readonly ours: readonly Window[];
  readonly control: readonly Window[];
  readonly recorded: Recorded;
}

/** As often as this an effect that is none is taken for one. */
const CHANCE = 0.05;

/**
 * Whole windows are resampled and swapped, never single commits. A stall is measurable where windows swapped at random seldom come out as far
 * apart: two halves of doing nothing had a bootstrap interval of 1.11 to 1.69, since a machine's few slow moments make the 99th percentile.
 */
export function stalls({ name, goal, ours, control, recorded }: Stalls): Figure {
  const [inOurs, inControl] = [latenciesIn(recorded, ours), latenciesIn(recorded, control)];
  const units = inOurs.map((latencies, index) => [latencies, inControl[index] ?? []] as const).filter(([mine, others]) => mine.length * others.length > 0);
  const p99 = (latencies: readonly number[]) => quantile(latencies, 0.99);
  const all = (sample: typeof units, side: 0 | 1) => sample.flatMap((unit) => unit[side]);
  const apart = (sample: readonly (typeof units)[number][]) => p99(all([...sample], 0)) / p99(all([...sample], 1));
  const ratio = intervalOf(units, apart, 1_000);
  const chance = chanceOf(
    units.map(([mine, others]) => [p99(mine), p99(others)] as const),
    slower,
  );
  const longest = intervalOf(units, (sample) => median(sample.map(([mine, others]) => longestOf(mine) / longestOf(others))), 1_000);
  const show = (latencies: readonly number[]) => `p99 ${p99(latencies).toFixed(1)} ms, longest ${longestOf(latencies).toFixed(1)} ms of ${latencies.length}`;
  const windowMs = median(ours.map(({ from, to }) => to - from));
  return {
    name,
    measured: text(ratio),
    goal,
    judged: goal === null || recorded.tps < LEAST_TPS ? null : { reached: chance > CHANCE ? 'yes' : 'no', certain: true },
    remark:
      `as far apart by chance ${(100 * chance).toFixed(0)} times in 100; ${Math.round(recorded.tps)} tps; ${ours.length} windows of ${Math.round(windowMs)} ms: ` +
      `${show(all(units, 0))}; as many others: ${show(all(units, 1))}; longest per window: ratio ${text(longest)}`,
    samples: { tps: recorded.tps, failed: recorded.failed, chance, oursMs: all(units, 0), controlMs: all(units, 1) },
  };
}

/** Of two 99th percentiles, window by window: one slow moment of the machine's counts as one window, not as a hundred commits. */
const slower = (sample: readonly (readonly [number, number])[]): number => sample.reduce((sum, [mine, others]) => sum + Math.log(mine / others), 0);

/** Too many for the arguments of Math.max. */
const longestOf = (latencies: readonly number[]) => latencies.reduce((longest, each) => Math.max(longest, each), 0);

const text = ({ median: middle, low, high }: Interval): string => `${middle.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;

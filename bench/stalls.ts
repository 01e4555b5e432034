/** Do writers wait? Latencies of commits in windows of one thing against equally long windows of another. */
import type { Figure } from './benchmark.ts';
import { type Interval, intervalOf, median, quantile } from './statistics.ts';
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

/** A stall is measurable where the whole interval of the ratio lies above 1; whole windows are resampled, never single commits. */
export function stalls({ name, goal, ours, control, recorded }: Stalls): Figure {
  const [inOurs, inControl] = [latenciesIn(recorded, ours), latenciesIn(recorded, control)];
  const units = inOurs
    .map((latencies, index) => ({ ours: latencies, control: inControl[index] ?? [] }))
    .filter((unit) => unit.ours.length * unit.control.length > 0);
  const p99 = (latencies: readonly number[]) => quantile(latencies, 0.99);
  const all = (sample: typeof units, side: 'ours' | 'control') => sample.flatMap((unit) => unit[side]);
  const ratio = intervalOf(units, (sample) => p99(all([...sample], 'ours')) / p99(all([...sample], 'control')), 1_000);
  const longest = intervalOf(units, (sample) => median(sample.map((unit) => longestOf(unit.ours) / longestOf(unit.control))), 1_000);
  const show = (latencies: readonly number[]) => `p99 ${p99(latencies).toFixed(1)} ms, longest ${longestOf(latencies).toFixed(1)} ms of ${latencies.length}`;
  const windowMs = median(ours.map(({ from, to }) => to - from));
  return {
    name,
    measured: text(ratio),
    goal,
    judged: goal === null || recorded.tps < LEAST_TPS ? null : { reached: ratio.low <= 1 ? 'yes' : 'no', certain: true },
    remark: `${Math.round(recorded.tps)} tps; ${ours.length} windows of ${Math.round(windowMs)} ms: ${show(all(units, 'ours'))}; as many others: ${show(all(units, 'control'))}; longest per window: ratio ${text(longest)}`,
    samples: { tps: recorded.tps, failed: recorded.failed, oursMs: all(units, 'ours'), controlMs: all(units, 'control') },
  };
}

/** Too many for the arguments of Math.max. */
const longestOf = (latencies: readonly number[]) => latencies.reduce((longest, each) => Math.max(longest, each), 0);

const text = ({ median: middle, low, high }: Interval): string => `${middle.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;

/** Do sets of one budget run in the order in which they were expected to? As they were estimated, and after the other sets had been measured. */
import type { Figure } from '../benchmark.ts';
import { type Interval, intervalOf, judge, median, ratioOf } from '../statistics.ts';
import { type Estimates, isGiven, NONE, ONE_BUDGET, OURS, totals } from './executed-sets.ts';
import type { Times } from './field.ts';
import { learnedEstimate } from './learned-estimates.ts';
import { kendall, spearman } from './rank.ts';

interface Measured {
  readonly times: Times;
  readonly estimates: ReadonlyMap<string, Estimates>;
  /** Goals count at scale 1. */
  readonly isGoalSize: boolean;
}

export function agreement(executed: Measured): readonly Figure[] {
  const names = [...ONE_BUDGET, OURS.gigabyte].filter((name) => executed.estimates.has(name));
  const rounds = roundsOf(executed.times, names);
  const mediansOf = (of: typeof rounds) => names.map((_, set) => median(of.map((round) => round[set] ?? Number.NaN)));
  const measured = mediansOf(rounds);
  const of = (mode: 'raw' | 'corrected') => names.map((name) => executed.estimates.get(name)?.[mode] ?? 1);
  const bare = sum(executed.times, NONE);
  const learned = names.map((name) => learnedEstimate(name, executed) / bare);
  const remarkOf = (estimate: readonly number[]) => {
    const off = estimate.map((share, set) => Math.abs(share - (measured[set] ?? Number.NaN)));
    return [
      `totals off by ${(off.reduce((all, each) => all + each, 0) / off.length).toFixed(3)} of none on average, at most ${Math.max(...off).toFixed(3)}`,
      `Kendall ${kendall(estimate, measured).toFixed(2)}`,
      `raw HypoPG ${spearman(of('raw'), measured).toFixed(2)}, Kendall ${kendall(of('raw'), measured).toFixed(2)}`,
      `${names.length} sets of one budget, ours among them`,
    ].join('; ');
  };
  const figures = (name: string, estimate: readonly number[]): readonly Figure[] => {
    const rho = intervalOf(rounds, (sample) => spearman(estimate, mediansOf(sample)));
    const { pairs, inOrder } = toldApart(rounds, estimate);
    const gamma = (2 * inOrder - pairs) / pairs;
    const samples = { estimate, raw: of('raw'), measured, sets: names.join(', ') };
    const judged = (value: Interval) => (executed.isGoalSize ? judge(value, { atLeast: 0.8 }) : null);
    return [
      {
        ...{ name: `${name}, Spearman`, goal: '≥ 0.8', judged: judged(rho), remark: remarkOf(estimate), samples },
        measured: `${rho.median.toFixed(2)} [${rho.low.toFixed(2)}, ${rho.high.toFixed(2)}]`,
      },
      {
        ...{ name: `${name}, ties called ties`, measured: gamma.toFixed(2), goal: '≥ 0.8', judged: judged({ median: gamma, low: gamma, high: gamma }) },
        remark: `Goodman and Kruskal's gamma: of ${pairs} pairs that execution tells apart ${inOrder} in the estimated order`,
        samples: { pairs, inOrder },
      },
    ];
  };
  return [
    ...figures('rank agreement of the estimate with execution', of('corrected')),
    ...figures("the same, each set's gains discounted by what the other sets' runs showed", learned),
  ];
}

/** Of each round what each set took, without indexes in the same round being 1. */
function roundsOf(times: Times, names: readonly string[]): readonly (readonly number[])[] {
  const none = totals({ times }, NONE, isGiven);
  const each = names.map((name) => totals({ times }, name, isGiven));
  return none.map((bare, round) => each.map((own) => (own[round] ?? Number.NaN) / bare)).filter((round) => round.every(Number.isFinite));
}

const sum = (times: Times, set: string): number => [...times].reduce((all, [query, bySet]) => all + (isGiven(query) ? median(bySet.get(set)?.ms ?? []) : 0), 0);

/** Pairs of sets whose whole interval lies on one side: the others are ties, and no order of theirs is right or wrong. */
function toldApart(rounds: readonly (readonly number[])[], estimate: readonly number[]): { readonly pairs: number; readonly inOrder: number } {
  let [pairs, inOrder] = [0, 0];
  for (const [one, expected] of estimate.entries()) {
    for (let other = 0; other < one; other += 1) {
      const ratio = ratioOf(rounds.map((round) => ({ ours: round[one] ?? Number.NaN, bare: round[other] ?? Number.NaN })));
      if (ratio.low <= 1 && ratio.high >= 1) continue;
      pairs += 1;
      if (Math.sign(expected - (estimate[other] ?? Number.NaN)) === Math.sign(ratio.median - 1)) inOrder += 1;
    }
  }
  return { pairs, inOrder };
}

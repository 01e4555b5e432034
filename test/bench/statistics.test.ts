import { describe, expect, test } from 'vitest';
import { readOptions } from '../../bench/options.ts';
import { chanceOf, difference, intervalOf, judge, median, quantile, ratioOf } from '../../bench/statistics.ts';
import { latenciesIn } from '../../bench/writers.ts';
import { seeded } from '../../domain/optimizer/statistics.ts';

const pairs = (...ratios: number[]) => ratios.map((ratio, index) => ({ ours: ratio * (index + 1), bare: index + 1 }));

test('quantiles lie between the values they fall between', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), quantile([0, 10], 0.99)]).toEqual([2, 2.5, 9.9]);
});

describe('the ratio of interleaved pairs', () => {
  test('is taken pair by pair, so a machine that slows down between pairs changes nothing', () => {
    expect(ratioOf(pairs(1.1, 1.1, 1.1, 1.1, 1.1))).toEqual({ median: 1.1, low: 1.1, high: 1.1 });
  });

  test('has the same interval whenever the samples are the same', () => {
    const samples = pairs(0.9, 1, 1.2, 1.1, 1.05);
    expect(ratioOf(samples)).toEqual(ratioOf(samples));
  });

  test('within the noise is said to be no difference', () => {
    expect(difference(ratioOf(pairs(0.9, 1, 1.2, 1.1, 1.05)))).toBe('no difference beyond the noise');
    expect(difference(ratioOf(pairs(1.2, 1.25, 1.3, 1.2, 1.25)))).toBe('25.0 % more than bare, beyond the noise');
    expect(difference(ratioOf(pairs(0.5, 0.5, 0.6)))).toBe('50.0 % less than bare, beyond the noise');
  });
});

describe('a goal', () => {
  test.each([
    [{ median: 1, low: 0.9, high: 1.02 }, { atMost: 1.05 }, { reached: 'yes', certain: true }],
    [{ median: 1, low: 0.9, high: 1.1 }, { atMost: 1.05 }, { reached: 'yes', certain: false }],
    [{ median: 1.06, low: 1, high: 1.1 }, { atMost: 1.05 }, { reached: 'no', certain: false }],
    [{ median: 1.2, low: 1.1, high: 1.3 }, { atMost: 1.05 }, { reached: 'no', certain: true }],
    [{ median: 0.7, low: 0.6, high: 0.75 }, { atLeast: 0.8 }, { reached: 'no', certain: true }],
    [{ median: 0.9, low: 0.7, high: 1 }, { atLeast: 0.8 }, { reached: 'yes', certain: false }],
  ])('%j against %j: %j', (interval, goal, judged) => {
    expect(judge(interval, goal)).toEqual(judged);
  });
});

test('the interval of a statistic holds it, and is wider the more the units differ', () => {
  const width = (values: readonly number[]) => {
    const { low, high, median: middle } = intervalOf(values, median, 1_000);
    expect(low <= middle && middle <= high).toBe(true);
    return high - low;
  };
  expect(width([1, 1.1, 0.9, 1, 1])).toBeLessThan(width([1, 5, 0.2, 3, 1]));
});

describe('what chance does', () => {
  /** Windows of which some are slow throughout, as a machine's are: on either side, whatever is asked. */
  const windows = (random: () => number, factor: number) => {
    const window = (slower: number) => slower * (random() < 0.1 ? 8 : 1) * (1 + random());
    return Array.from({ length: 40 }, () => [window(factor), window(1)] as const);
  };
  const slower = (sample: readonly (readonly [number, number])[]) => sample.reduce((sum, [ours, control]) => sum + Math.log(ours / control), 0);
  const foundIn100 = (factor: number) => {
    const random = seeded(7);
    return Array.from({ length: 100 }, () => chanceOf(windows(random, factor), slower, 199)).filter((chance) => chance <= 0.05).length;
  };

  test('an effect that is none is found about five times in a hundred, for all slow moments', () => {
    expect(foundIn100(1)).toBeLessThanOrEqual(11);
  });

  test('one that is there is found', () => {
    expect(foundIn100(1.5)).toBeGreaterThanOrEqual(60);
    expect(foundIn100(2)).toBeGreaterThanOrEqual(95);
  });
});

test('a commit counts for each window in which it was under way, also where it ended after it', () => {
  const recorded = { finishedAt: Float64Array.from([10, 25, 200]), tookMs: Float64Array.from([5, 1, 180]), tps: 0, failed: 0, lastError: null };
  expect(
    latenciesIn(recorded, [
      { from: 0, to: 11 },
      { from: 12, to: 22 },
      { from: 24, to: 30 },
      { from: 210, to: 220 },
    ]),
  ).toEqual([[5], [180], [1, 180], []]);
});

test('options are refused with what there is', () => {
  expect(readOptions(['--only', 'engine,proof', '--pairs', '7', '--scale', '0.05'], ['engine', 'proof'])).toMatchObject({
    only: ['engine', 'proof'],
    pairs: 7,
    gigabytes: 0.05,
  });
  for (const argv of [['--only', 'engien'], ['--pairs', '0'], ['--scale', 'much'], ['--fast']]) {
    expect(() => readOptions(argv, ['engine', 'proof'])).toThrow(expect.objectContaining({ code: 'usage' }));
  }
});

import { expect, test } from 'vitest';
import { agreement } from '../../bench/optimizer/agreement.ts';
import { type Estimates, NONE, ONE_BUDGET } from '../../bench/optimizer/executed-sets.ts';
import type { Times } from '../../bench/optimizer/field.ts';

const [a, b, c] = ONE_BUDGET as [string, string, string];
// a and b are a tie; c is slower than both in every round, however slow the round
const rounds: Readonly<Record<string, readonly number[]>> = {
  [NONE]: [100, 200, 100, 110, 100],
  [a]: [50, 110, 52, 57, 49],
  [b]: [51, 108, 51, 58, 49],
  [c]: [80, 170, 79, 90, 81],
};
const timesOf = (all: typeof rounds): Times => new Map([['01', new Map(Object.entries(all).map(([name, ms]) => [name, { ms, elapsedMs: ms }]))]]);

const figures = (expected: Readonly<Record<string, number>>, times = timesOf(rounds)) => {
  const of = (share: number): Estimates => ({
    raw: share,
    corrected: share,
    bytes: 0,
    changes: new Map([['01', { shape: 'Seq Scan → Index Scan', ratio: share }]]),
  });
  return agreement({ times, estimates: new Map(Object.entries(expected).map(([name, share]) => [name, of(share)])), isGoalSize: true });
};

test.each([
  ['a tie in one order', { [a]: 0.5, [b]: 0.55, [c]: 0.8 }, '1.00', 'yes'],
  ['a tie in the other', { [a]: 0.55, [b]: 0.5, [c]: 0.8 }, '1.00', 'yes'],
  ['the slow one first', { [a]: 0.5, [b]: 0.55, [c]: 0.4 }, '-1.00', 'no'],
])('%s: no order of a tie is wrong', (_, expected, gamma, reached) => {
  const [, tied] = figures(expected);
  expect(tied).toMatchObject({ measured: gamma, judged: { reached }, samples: { pairs: 2 } });
});

test('how far estimated totals are off is told beside it; a round that some set has not is nobody’s', () => {
  const expected = { [a]: 0.5, [b]: 0.5, [c]: 0.9 };
  expect(figures(expected)[0]?.remark).toMatch(/^totals off by 0\.0[34]\d of none on average, at most 0\.09\d/);
  expect(figures(expected, timesOf({ ...rounds, [c]: [80] }))[0]?.remark).toMatch(/, at most 0\.100/);
});

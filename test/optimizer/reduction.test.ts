import { expect, test } from 'vitest';
import { isNoticeable, isUnclear, lossOf } from '../../domain/optimizer/reduction.ts';
import { earnsPlace, type StatementTimes } from '../../domain/optimizer/verdict.ts';

const times = (statement: string, pairs: readonly (readonly [beforeMs: number, afterMs: number])[]): StatementTimes => ({
  ...{ statement, calls: 1 },
  bindings: [{ source: 'captured', pairs: pairs.map(([beforeMs, afterMs]) => ({ beforeMs, afterMs })) }],
});

const steady = (statement: string, afterMs: number) => times(statement, [[100, afterMs], [101, afterMs], [99, afterMs]]); // biome-ignore format: pairs in a row

test('what remains is behind the set before it where its whole interval is', () => {
  // accepted at 54.6 %, then 61.4 % without an index that "earned nothing"
  expect(earnsPlace(lossOf([steady('a', 54.6)], [steady('a', 61.4)]))).toBe(true);
  const noisy = lossOf([times('a', [[100, 40], [100, 54.6], [100, 70]])], [times('a', [[100, 50], [100, 61.4], [100, 75]])]); // biome-ignore format: pairs in a row
  expect([earnsPlace(noisy), Math.round(noisy.ratio * 100)]).toEqual([false, 112]);
  expect(earnsPlace(lossOf([steady('a', 61.4)], [steady('a', 54.6)]))).toBe(false);
});

test('a statement that one of them could not be measured with counts for neither', () => {
  const loss = lossOf([steady('a', 50), steady('b', 1)], [steady('a', 50)]);
  expect(loss.ratio).toBe(1);
});

test('of what takes a tenth of a millisecond, an hundredth more from one minute to the next is not noticed', () => {
  expect(isNoticeable([steady('a', 0.1)], [steady('a', 0.12)])).toBe(false);
  expect(isNoticeable([steady('a', 0.1)], [steady('a', 0.16)])).toBe(true);
  expect(isNoticeable([steady('a', 54.6), steady('b', 1)], [steady('a', 61.4), steady('b', 1)])).toBe(true);
  expect(isNoticeable([steady('a', 54.6)], [steady('a', 55.6)])).toBe(false);
  expect(isNoticeable([times('once', [[54.6, 54.6]])], [times('once', [[61.4, 61.4]])])).toBe(false);
  expect(isNoticeable([steady('a', 61.4)], [steady('a', 54.6), steady('b', 1)])).toBe(false);
});

test('an index is looked at again only where its interval leaves room for a gain', () => {
  expect([
    isUnclear({ ratio: 1.1, low: 0.99, high: 1.3 }),
    isUnclear({ ratio: 1, low: 0.99, high: 1.01 }),
    isUnclear({ ratio: 1.1, low: 1.05, high: 1.2 }),
    isUnclear({ ratio: 0.8, low: 0.7, high: 0.9 }),
  ]).toEqual([true, false, false, false]);
});

/** From looks at counters to samples of what ran between them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Batch, type GuardLook, joined, windowCounts } from '../../domain/optimizer/guard-looks.ts';

describe('samples from counters', () => {
  const sampleOf = (times: readonly number[]): Batch => {
    const totalMs = times.reduce((sum, time) => sum + time, 0);
    const mean = times.length === 0 ? 0 : totalMs / times.length;
    return { calls: times.length, totalMs, squares: times.reduce((sum, time) => sum + (time - mean) ** 2, 0), blocks: times.length };
  };
  const look = (number: number, times: readonly number[], more: Partial<GuardLook> = {}): GuardLook => ({
    ...{ window: 0, look: number, takenAt: '', startedAt: 's', resetAt: 'r' },
    rows: times.length === 0 ? [] : [{ row: '1 true', statement: '7', ...sampleOf(times), blocks: times.length }],
    ...more,
  });
  const times = fc.array(fc.double({ min: 0.01, max: 1_000, noNaN: true }), { maxLength: 30 });

  test('between two looks are what ran between them, whatever ran before', () => {
    fc.assert(
      fc.property(times, times, (before, between) => {
        const [batch = sampleOf([])] = windowCounts([look(0, before), look(1, [...before, ...between])]).batches.get('7') ?? [];
        const expected = sampleOf(between);
        expect(batch.calls).toBe(expected.calls);
        expect(batch.totalMs).toBeCloseTo(expected.totalMs, 5);
        // a difference of sums of squares keeps as many digits as the sums have
        expect(Math.abs(batch.squares - expected.squares)).toBeLessThan(1e-9 * sampleOf([...before, ...between]).squares + 1e-6);
      }),
    );
  });

  test('joined are those of all executions together', () => {
    fc.assert(
      fc.property(times, times, (one, other) => {
        const [got, expected] = [joined(sampleOf(one), sampleOf(other)), sampleOf([...one, ...other])];
        expect(got.totalMs).toBeCloseTo(expected.totalMs, 5);
        expect(Math.abs(got.squares - expected.squares)).toBeLessThan(1e-9 * expected.squares + 1e-6);
      }),
    );
  });

  test('after a reset in between count from zero, and the window is no fair one', () => {
    const counts = windowCounts([look(0, [9, 9, 9]), look(1, [1, 3], { resetAt: 'later' }), look(2, [1, 3, 5], { resetAt: 'later' })]);
    expect(counts.batches.get('7')).toEqual([
      { calls: 2, totalMs: 4, squares: 2, blocks: 2 },
      { calls: 1, totalMs: 5, squares: expect.closeTo(0), blocks: 1 },
    ]);
    expect(counts.disturbances).toEqual(['the counters were reset at later']);
  });

  test('of a server started anew make the window no fair one, and one row counted anew does not', () => {
    expect(windowCounts([look(0, [1]), look(1, [1], { startedAt: 'later' })]).disturbances).toHaveLength(1);
    const counts = windowCounts([look(0, [9, 9, 9]), look(1, [2])]);
    expect(counts).toEqual({ batches: new Map([['7', [{ calls: 1, totalMs: 2, squares: 0, blocks: 1 }]]]), disturbances: [] });
  });
});

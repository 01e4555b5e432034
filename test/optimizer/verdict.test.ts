import { describe, expect, test } from 'vitest';
import { seeded } from '../../domain/optimizer/statistics.ts';
import { decide, doesHarm, isTooSlow, judgeAll, judgeStatement, judgeTotal, type MeasuredSet, type StatementTimes } from '../../domain/optimizer/verdict.ts';

/** `spread`: share by which a time may lie off, both ways. */
function times(statement: string, of: { before: number; after: number; spread?: number; pairs?: number; calls?: number; seed?: number }): StatementTimes {
  const random = seeded(of.seed ?? 1);
  const around = (ms: number) => ms * (1 + (random() * 2 - 1) * (of.spread ?? 0.1));
  const pairs = Array.from({ length: of.pairs ?? 5 }, () => ({ beforeMs: around(of.before), afterMs: around(of.after) }));
  return { statement, calls: of.calls ?? 1, bindings: [{ source: 'synthetic', pairs }] };
}

describe('a statement', () => {
  test('is faster where its whole interval lies below 1', () => {
    const verdict = judgeStatement(times('a', { before: 100, after: 20 }));
    expect(verdict.judged).toBe('faster');
    expect(verdict.ratio).toBeCloseTo(0.2, 1);
  });

  test('is the same where nothing changed, nearly always', () => {
    const judged = Array.from({ length: 200 }, (_, seed) => judgeStatement(times('a', { before: 10, after: 10, spread: 0.2, seed })).judged);
    expect(judged.filter((each) => each === 'same').length).toBeGreaterThan(170);
  });

  test('keeps a set from acceptance by noise alone once in a while, and never after a second look', () => {
    const tooSlow = (pairs: number) =>
      Array.from({ length: 200 }, (_, seed) => judgeStatement(times('a', { before: 10, after: 10, spread: 0.15, pairs, seed }))).filter(isTooSlow).length;
    expect(tooSlow(5)).toBeLessThan(5);
    expect(tooSlow(15)).toBe(0);
  });

  test('that really became slower does not get away with a second look', () => {
    expect(isTooSlow(judgeStatement(times('a', { before: 10, after: 14, spread: 0.15, pairs: 15 })))).toBe(true);
  });

  test('is slower where one of its bindings is, however much faster the other', () => {
    const common = times('a', { before: 100, after: 10 }).bindings;
    const rare = times('a', { before: 1, after: 5 }).bindings;
    const verdict = judgeStatement({ statement: 'a', calls: 1, bindings: [...common, ...rare] });
    expect(verdict).toMatchObject({ judged: 'slower' });
    expect(verdict.worst).toBeGreaterThan(4);
    expect(verdict.ratio).toBeLessThan(0.3);
  });

  test('is the same where the difference is smaller than a timer tells', () => {
    expect(judgeStatement(times('a', { before: 0.02, after: 0.04, spread: 0.01 })).judged).toBe('same');
  });

  test('carries the weakest source of its values', () => {
    const [one] = times('a', { before: 1, after: 1 }).bindings;
    const bindings = [{ ...one, source: 'captured' } as const, { ...one, source: 'generic' } as const] as StatementTimes['bindings'];
    expect(judgeStatement({ statement: 'a', calls: 1, bindings }).bindingSource).toBe('generic');
  });
});

describe('the total', () => {
  test('is weighted by calls', () => {
    const often = times('often', { before: 1, after: 1, calls: 900, spread: 0 });
    const seldom = times('seldom', { before: 100, after: 0, calls: 1, spread: 0 });
    expect(judgeTotal([often, seldom]).ratio).toBeCloseTo(0.9, 5);
  });

  test('the same samples give the same interval', () => {
    const statements = [times('a', { before: 5, after: 4 }), times('b', { before: 7, after: 7 })];
    expect(judgeTotal(statements)).toEqual(judgeTotal(statements));
  });
});

test('what is too slow is said with how much, and by which of its values', () => {
  const said = (...bindings: readonly (readonly ['captured' | 'synthetic', before: number, after: number])[]) => {
    const timed = bindings.map(([source, beforeMs, afterMs]) => ({ source, pairs: Array.from({ length: 9 }, () => ({ beforeMs, afterMs })) }));
    const verdict = judgeStatement({ statement: 'q7', calls: 1, bindings: timed });
    const { because } = decide({ statements: [verdict], total: { ratio: 0.5, low: 0.4, high: 0.6 }, sizeBytes: 1, budgetBytes: 2, indexes: [] });
    return because.join('; ').replace('1 statement(s) become slower than 1.1×: ', '');
  };
  expect(said(['captured', 100, 10], ['synthetic', 10, 60])).toBe('q7 (6.00× with one of its made-up values; 0.64× with all)');
  expect(said(['synthetic', 100, 10], ['captured', 10, 60])).toBe('q7 (6.00× with one of its values; 0.64× with all)');
  expect(said(['captured', 10, 20])).toBe('q7 (2.00×)');
  expect(said(['synthetic', 10, 20])).toBe('q7 (2.00× with made-up values)');
});

describe('a set', () => {
  const good: MeasuredSet = {
    statements: [judgeStatement(times('a', { before: 100, after: 20 }))],
    total: { ratio: 0.2, low: 0.18, high: 0.22 },
    sizeBytes: 1_000,
    budgetBytes: 2_000,
    indexes: [{ sql: 'create index', leaveOneOut: { ratio: 5, low: 4.5, high: 5.5 } }],
  };

  test('is accepted with a proven gain, nothing slower, and every index earning its place', () => {
    expect(decide(good)).toMatchObject({ verdict: 'accepted' });
  });

  test.each([
    ['no proven gain', { total: { ratio: 0.97, low: 0.9, high: 1.02 } }, /no gain is proven/],
    ['a statement that became slower', { statements: [judgeStatement(times('q7', { before: 10, after: 20 }))] }, /slower than 1.1×: q7/],
    ['more bytes than allowed', { sizeBytes: 2_001 }, /2.0 kB really/],
    ['an index that earns nothing', { indexes: [{ sql: 'x', leaveOneOut: { ratio: 1.01, low: 0.98, high: 1.04 } }] }, /1 index\(es\) earn nothing/],
  ])('is rejected with %s', (_, change, because) => {
    expect(decide({ ...good, ...change })).toMatchObject({ verdict: 'rejected', because: [expect.stringMatching(because)] });
  });
});

test('a removal does harm where half as much time again was seen, noise or not', () => {
  const verdict = (more: object) => ({ statement: 's', ratio: 1, low: 0.9, high: 1.1, judged: 'same' as const, bindingSource: 'captured' as const, ...more });
  expect([{}, { ratio: 1.4, high: 9 }, { ratio: 6, low: 0.8, high: 9 }, { worst: 2 }, { judged: 'slower', ratio: 1.05 }].map(verdict).map(doesHarm)).toEqual([
    ...[false, false, true, true, true],
  ]);
});

test('an accepted set says what is slower, where something is by less than allowed', () => {
  const base = { total: { ratio: 0.6, low: 0.5, high: 0.7 }, sizeBytes: 1, budgetBytes: 2, indexes: [] };
  const [gains, loses] = [judgeStatement(times('a', { before: 100, after: 20 })), judgeStatement(times('b', { before: 100, after: 100 }))];
  const saidOf = (set: Pick<MeasuredSet, 'statements'>) => decide({ ...base, ...set }).because[1];
  expect(saidOf({ statements: [gains, loses] })).toBe('1 of 2 statement(s) faster, none slower');
  const slightly = { ...loses, ratio: 1.2, low: 1.05, high: 1.3, judged: 'slower' as const, worstLow: 1.05 };
  expect(saidOf({ statements: [gains, slightly] })).toBe('1 of 2 statement(s) faster, 1 slower, though not by more than 1.1× beyond noise');
});

describe('a write that keeps the indexes up', () => {
  const times = (statement: string, calls: number, [beforeMs, afterMs]: readonly [number, number], isWrite = true) => ({
    ...{ statement, calls, isWrite },
    bindings: [{ source: 'captured' as const, pairs: Array.from({ length: 5 }, () => ({ beforeMs, afterMs })) }],
  });
  const saved = times('read', 100, [50, 1], false);
  test.each([
    ['may take a quarter of a millisecond longer', times('write', 100, [0.2, 0.4]), false],
    ['may not take more', times('write', 100, [0.2, 0.5]), true],
    ['not where that is much of what is saved', times('write', 10_000, [0.2, 0.4]), true],
    ['is a write: what only reads may not', times('write', 100, [0.2, 0.4], false), true],
  ])('%s', (_, write, isSlow) => {
    const judged = judgeAll([saved, write]);
    expect(judged.map((each) => [each.judged, isTooSlow(each)])).toEqual([
      ['faster', false],
      ['slower', isSlow],
    ]);
    const total = judgeTotal([saved, write]);
    const { verdict, because } = decide({ statements: judged, total, sizeBytes: 1, budgetBytes: 2, indexes: [] });
    expect(verdict).toBe(isSlow ? 'rejected' : 'accepted');
    if (!isSlow) expect(because[1]).toContain('1 slower, though not by more than 1.1× beyond noise, or by at most 0.25 ms a call of a write (1)');
  });
});

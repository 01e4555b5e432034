/** The guard's verdicts over many simulated changes: how often it is wrong, and how often it sees what it is there for. */
import { describe, expect, test } from 'vitest';
import { type GuardQuestion, guardVerdict } from '../../domain/optimizer/guard.ts';
import { type Batch, joined, type WindowCounts } from '../../domain/optimizer/guard-looks.ts';
import { seeded } from '../../domain/optimizer/statistics.ts';
import { upperTail } from '../../domain/optimizer/student.ts';

test.each([
  [0, 5, 0.5],
  [2.015, 5, 0.05],
  [-2.015, 5, 0.95],
  [2.764, 10, 0.01],
  [1.645, 1e6, 0.05],
  [6.314, 1, 0.05],
  [1.886, 2, 0.1],
])('above %d with %d degrees of freedom lies %d of a t distribution', (t, df, share) => {
  expect(upperTail(t, df)).toBeCloseTo(share, 3);
});

const LOOKS = 12;

interface Simulated {
  /** Middle of the times after, relative to before, of statement `place`. */
  readonly ratio: (place: number) => number;
  readonly statements?: number;
  readonly callsPerBatch?: number;
  /** Of the logarithms of times within a batch, and of whole batches: what the machine does to all of them at once. */
  readonly spread?: number;
  readonly swing?: number;
  /** Share of the calls that wait for a processor, up to some hundred times as long as they run: before the change, and after it. */
  readonly stalled?: readonly [before: number, after: number];
  /** Share of the calls that have a hundred times as much to do. */
  readonly heavy?: readonly [before: number, after: number];
  readonly promised?: number;
  /** Time left of each of them on the lab. */
  readonly lab?: number;
  readonly unrelated?: number;
}

/** Windows until there is a verdict. */
function guarded(random: () => number, simulated: Simulated): { verdict: string; windows: number; because: readonly string[] } {
  const {
    ratio,
    statements = 10,
    callsPerBatch = 5,
    spread = 0.5,
    swing = 0.1,
    stalled = [0, 0],
    heavy = [0, 0],
    promised = 0,
    lab = 0.5,
    unrelated = 0,
  } = simulated;
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  /** As many calls as come at random (Knuth's way to a Poisson distribution); one at least. */
  const arrivals = (expected: number) => {
    let [calls, left] = [0, random()];
    for (; left > Math.exp(-expected); left *= random()) calls += 1;
    return Math.max(1, calls);
  };
  const stall = (isAfter: boolean) => (random() < stalled[isAfter ? 1 : 0] ? 10 + 500 * random() ** 3 : 1);
  const heavier = (isAfter: boolean) => (random() < heavy[isAfter ? 1 : 0] ? 100 : 1);
  const windowOf = (isAfter: boolean): WindowCounts => ({
    disturbances: [],
    batches: new Map(
      Array.from({ length: statements }, (_, place) => [
        String(place),
        Array.from({ length: LOOKS }, () => {
          const level = (1 + place) * (isAfter ? ratio(place) : 1) * Math.exp(swing * normal());
          const times = Array.from({ length: arrivals(callsPerBatch) }, (): [number, number] => {
            const work = heavier(isAfter);
            return [level * Math.exp(spread * normal()) * stall(isAfter) * work, 20 * work];
          });
          return times.map(([totalMs, blocks]) => ({ calls: 1, totalMs, squares: 0, blocks }) as Batch).reduce(joined);
        }),
      ]),
    ),
  });
  const names = (from: number, count: number) => new Set(Array.from({ length: count }, (_, place) => String(from + place)));
  const after: WindowCounts[] = [];
  const before = windowOf(false);
  for (;;) {
    after.push(windowOf(true));
    const question: GuardQuestion = {
      before,
      after,
      promised: new Map([...names(0, promised)].map((name) => [name, lab])),
      unrelated: names(promised, unrelated),
      guard: { windows: 2, minCalls: 30 },
    };
    const { verdict, because } = guardVerdict(question);
    if (verdict !== 'undecided') return { verdict, windows: after.length, because };
  }
}

/** Of so many changes, how many are taken back. */
function rolledBack(changes: number, simulated: Simulated): number {
  const random = seeded(4711);
  let count = 0;
  for (let change = 0; change < changes; change += 1) if (guarded(random, simulated).verdict === 'roll-back') count += 1;
  return count;
}

describe('a change that changes nothing', () => {
  test.each([
    ['calm', {}],
    ['times that lie far apart', { spread: 1.2 }],
    ['a restless machine', { swing: 0.4 }],
    ['few calls', { callsPerBatch: 3 }],
    ['many statements', { statements: 40 }],
    ['few calls that have more to do', { callsPerBatch: 80, heavy: [0.002, 0.002] as const }],
    ['calls that wait', { stalled: [0.02, 0.02] as const }],
  ])('%s: is taken back at most once in a hundred times', (_, more) => {
    expect(rolledBack(100, { ratio: () => 1, ...more })).toBeLessThanOrEqual(1);
  });

  test('that ran in two bursts only is taken back seldom, too: what a burst takes depends on its minute', () => {
    const batch = (level: number): Batch => ({ calls: 300, totalMs: 300 * level, squares: 300 * (0.1 * level) ** 2, blocks: 6_000 });
    const window = (...levels: number[]): WindowCounts => ({ disturbances: [], batches: new Map([['7', levels.map(batch)]]) });
    const of = (...after: number[]) =>
      guardVerdict({ before: window(1, 1.05), after: [window(...after)], promised: new Map(), unrelated: new Set(), guard: { windows: 1, minCalls: 30 } })
        .verdict;
    expect([of(1.2, 1.3), of(2, 2.2)]).toEqual(['keep', 'roll-back']);
  });

  test('on a machine that becomes half as fast for all is kept where statements show it that the change cannot touch', () => {
    expect(rolledBack(100, { ratio: () => 2, unrelated: 5 })).toBeLessThanOrEqual(1);
    expect(rolledBack(50, { ratio: () => 2 })).toBe(50);
  });

  test('while all else becomes hundreds of times faster, what stays as it was is no regression', () => {
    expect(rolledBack(50, { ratio: (place) => (place < 5 ? 1 : 1 / 300), unrelated: 5 })).toBeLessThanOrEqual(1);
  });

  test('slower by less than anybody could notice is kept', () => {
    expect(rolledBack(100, { ratio: () => 1.05, spread: 0.05, swing: 0.01 })).toBe(0);
  });
});

describe('a statement that becomes twice as slow', () => {
  test.each([
    ['calm', {}],
    ['times that lie far apart, more calls', { spread: 1.2, callsPerBatch: 50 }],
    ['among forty', { statements: 40, callsPerBatch: 10 }],
  ])('%s: is found within two windows, nearly always', (_, more) => {
    expect(rolledBack(100, { ratio: (place) => (place === 3 ? 2 : 1), ...more })).toBeGreaterThanOrEqual(95);
  });

  test('is named, with its times', () => {
    const { because } = guarded(seeded(1), { ratio: (place) => (place === 3 ? 3 : 1) });
    expect(because).toEqual([expect.stringMatching(/^statement 3 became \d\.\d\d times as slow: \d+\.\d{3} ms before, \d+\.\d{3} ms after$/)]);
  });
});

describe('a short write that keeps an index up', () => {
  const batches = (calls: number, ms: number) =>
    Array.from({ length: LOOKS }, (_, place) => {
      const each = ms * (1 + 0.02 * (place % 3));
      return { calls, totalMs: calls * each, squares: calls * (0.1 * each) ** 2, blocks: calls * 20 };
    });
  const window = (read: number, write: number): WindowCounts => ({
    disturbances: [],
    batches: new Map([
      ['read', batches(20, read)],
      ['write', batches(200, write)],
    ]),
  });
  const judged = (before: WindowCounts, after: WindowCounts) =>
    guardVerdict({ before, after: [after], promised: new Map([['read', 0.05]]), unrelated: new Set(), guard: { windows: 1, minCalls: 30 } });

  test('is kept where all of it costs a small part of what the change saves', () => {
    expect(judged(window(80, 0.05), window(4, 0.11))).toMatchObject({ verdict: 'keep' });
  });
  test.each([
    ['once in a window, it may be chance: is kept', 1, 'keep'],
    ['again and again, is taken back', 5, 'roll-back'],
  ])('where much is to be caught up with %s', (_, times, verdict) => {
    const after = window(4, 0.11);
    const caughtUp = batches(200, 0.11).map((each, place) =>
      place % 2 === 0 && place < 2 * times ? { ...each, totalMs: 3_000, squares: 3_000 ** 2, blocks: 90_000 } : each,
    );
    expect(judged(window(80, 0.05), { ...after, batches: new Map([...after.batches, ['write', caughtUp]]) })).toMatchObject({ verdict });
  });
  test('is taken back where it costs much of that, or where each call can be felt', () => {
    expect(judged(window(2, 0.05), window(0.1, 0.2))).toMatchObject({ verdict: 'roll-back' });
    expect(judged(window(80, 0.5), window(4, 1))).toMatchObject({ verdict: 'roll-back' });
  });
});

describe('a promised gain', () => {
  test('of some thousand times is there where a seventh of the time is left, and is not where all of it is', () => {
    expect(guarded(seeded(7), { ratio: (place) => (place < 2 ? 0.14 : 1), promised: 2, lab: 0.0003 })).toMatchObject({ verdict: 'keep' });
    expect(guarded(seeded(7), { ratio: () => 1, promised: 2, lab: 0.0003 })).toMatchObject({ verdict: 'roll-back' });
  });

  test('that shows is kept', () => {
    expect(rolledBack(100, { ratio: (place) => (place < 2 ? 0.5 : 1), promised: 2 })).toBeLessThanOrEqual(1);
  });

  test('that is gone is taken back after the last window, nearly always', () => {
    expect(rolledBack(100, { ratio: () => 1, promised: 2 })).toBeGreaterThanOrEqual(90);
    expect(guarded(seeded(9), { ratio: () => 1, promised: 2 })).toMatchObject({ verdict: 'roll-back', windows: 2 });
  });

  test.each([
    ['is gone', 1, 270],
    ['turned into a loss', 1.8, 297],
  ])('that %s is taken back, whatever single calls waited for before the change', (_, ratio, least) => {
    expect(rolledBack(300, { ratio: () => ratio, statements: 1, promised: 1, stalled: [0.05, 0] })).toBeGreaterThanOrEqual(least);
  });

  test('that shows is kept, whatever single calls wait for after the change', () => {
    expect(rolledBack(300, { ratio: () => 0.1, lab: 0.1, statements: 1, promised: 1, stalled: [0, 0.05] })).toBeLessThanOrEqual(18);
  });

  test('that is gone is taken back, whatever one of few calls waited for', () => {
    const batch = (place: number): Batch => ({ calls: 4, totalMs: 4 + 0.1 * (place % 3), squares: 0.1, blocks: 80 });
    const nine = Array.from({ length: 9 }, (_, place) => batch(place));
    const stalled = nine.map((each, place) => (place === 2 ? { ...each, totalMs: 1_004, squares: 750_000 } : each));
    const window = (batches: readonly Batch[]): WindowCounts => ({ disturbances: [], batches: new Map([['read', batches]]) });
    const question = { promised: new Map([['read', 0.1]]), unrelated: new Set<string>(), guard: { windows: 1, minCalls: 30 } };
    expect(guardVerdict({ before: window(stalled), after: [window(nine)], ...question })).toMatchObject({ verdict: 'roll-back' });
  });

  test('that some calls undo is taken back: what has more to do waits for nothing', () => {
    expect(rolledBack(100, { ratio: () => 0.2, lab: 0.1, statements: 1, promised: 1, heavy: [0, 0.05] })).toBeGreaterThanOrEqual(85);
  });

  test('of the few calls that have more to do is kept', () => {
    expect(rolledBack(100, { ratio: () => 1, lab: 0.1, statements: 1, promised: 1, callsPerBatch: 20, heavy: [0.05, 0] })).toBeLessThanOrEqual(5);
  });

  test('of which only a trace shows is taken back: machines become a little faster by themselves', () => {
    expect(rolledBack(20, { ratio: () => 0.9, promised: 2, spread: 0.05, swing: 0.01 })).toBe(20);
  });

  test('of statements that hardly run is kept, and said so', () => {
    expect(guarded(seeded(2), { ratio: () => 1, promised: 2, callsPerBatch: 1 })).toMatchObject({
      verdict: 'keep',
      because: [expect.stringContaining('too few calls of the 2 statement(s)')],
    });
  });
});

describe('a window that was disturbed', () => {
  const calm: WindowCounts = { batches: new Map(), disturbances: [] };
  const disturbed: WindowCounts = { batches: new Map(), disturbances: ['the counters were reset at 12:00'] };
  const ask = (...after: WindowCounts[]) =>
    guardVerdict({ before: calm, after, promised: new Map(), unrelated: new Set(), guard: { windows: 2, minCalls: 30 } }).verdict;

  test('is followed by one more, and by no second one', () => {
    expect(ask(calm, disturbed)).toBe('undecided');
    expect(ask(calm, disturbed, disturbed)).toBe('keep');
    expect(ask(calm, calm)).toBe('keep');
    expect(ask(disturbed, calm)).toBe('keep');
  });
});

describe('while what it cannot touch becomes hundreds of times slower', () => {
  const amid = (ratio: number) => guarded(seeded(1), { ratio: (place) => (place < 5 ? ratio : 300), promised: 5, lab: 0.5, unrelated: 5 });

  test('a statement that became slower as well is no gain, and one window more was waited for', () => {
    expect(amid(3)).toMatchObject({
      verdict: 'roll-back',
      windows: 3,
      because: [expect.stringMatching(/^the gain does not show: .*\(\d\.\d{3} as counted, where all else took \d{3}/)],
    });
  });

  test('one that became faster is kept', () => {
    expect(amid(0.2)).toMatchObject({ verdict: 'keep', windows: 3 });
  });
});

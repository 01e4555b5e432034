import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTimelineHistory, timelineAt } from '../../domain/backup/timeline.ts';
import { restorableWindow } from '../../domain/backup/window.ts';
import { backup, lsnIn, MB16, minute, name, segment, segments } from './window-case.ts';

const window = (question: Partial<Parameters<typeof restorableWindow>[0]>) =>
  restorableWindow({ backups: [backup(10)], segments: segments(10, 30), segmentBytes: MB16, source: null, ...question });

const without = (numbers: readonly number[], from = 10, to = 30) => segments(from, to).filter((_, index) => !numbers.includes(from + index));

describe('the restorable window', () => {
  test('goes from the stop of the oldest backup to the end of the newest segment', () => {
    const { intervals, gaps, newest } = window({ backups: [backup(20), backup(10)] });
    expect(gaps).toEqual([]);
    expect(newest?.name).toBe(name(30));
    expect(intervals).toMatchObject([
      { timeline: 1, from: { lsn: lsnIn(10, 0.4) }, to: { lsn: '0/1F000000', at: minute(30) }, backups: ['B000010', 'B000020'] },
    ]);
  });

  test('names a hole, what it costs, and from when on one can restore again', () => {
    const { gaps, intervals } = window({ backups: [backup(10), backup(20)], segments: without([15, 16]) });
    expect(gaps).toEqual([
      {
        timeline: 1,
        firstMissing: name(15),
        lastMissing: name(16),
        segments: 2,
        from: '0/F000000',
        to: '0/11000000',
        lostBytes: 2 * MB16,
        before: minute(14),
        after: minute(17),
        lostSeconds: 180,
        reachableAgain: { lsn: lsnIn(20, 0.4), at: '2026-11-01T00:20:01.000Z' },
        unreachableSeconds: 361,
      },
    ]);
    expect(intervals.map(({ from, to }) => [from.lsn, to.lsn])).toEqual([
      [lsnIn(10, 0.4), '0/F000000'],
      [lsnIn(20, 0.4), '0/1F000000'],
    ]);
  });

  test('without a backup after the hole loses everything up to now', () => {
    expect(window({ segments: without([15]) }).gaps).toMatchObject([{ reachableAgain: null, unreachableSeconds: 16 * 60 }]);
  });

  test('does not ask for WAL from before the oldest backup', () => {
    expect(window({ segments: [segment(3), ...segments(10, 30)] }).gaps).toEqual([]);
    expect(window({ segments: [...segments(3, 7), ...segments(9, 30)] }).gaps).toEqual([]);
  });

  test('finds the start of the oldest backup itself missing', () => {
    const { gaps, broken, intervals } = window({ segments: segments(12, 30) });
    expect(gaps).toMatchObject([{ firstMissing: name(10), lastMissing: name(11), before: null, lostSeconds: null }]);
    expect({ broken, intervals }).toEqual({ broken: ['B000010'], intervals: [] });
  });

  test('calls a backup broken whose own WAL has a hole', () => {
    const { broken } = window({ backups: [backup(10, 14)], segments: without([12]) });
    expect(broken).toEqual(['B000010']);
  });

  test.each([
    ['empty', segment(15, 1, { sizeBytes: 0 })],
    ['short', segment(15, 1, { path: `archive/s/15-1/x/${name(15)}-${'a'.repeat(40)}`, sizeBytes: MB16 - 1 })],
  ] as const)('does not count an %s file as its segment', (reason, bad) => {
    const { gaps, suspects } = window({ segments: [...without([15]), bad] });
    expect(gaps).toMatchObject([{ firstMissing: name(15), segments: 1 }]);
    expect(suspects).toEqual([{ name: name(15), path: bad.path, reason }]);
  });

  test('does not count a segment that is there twice: the engine hands out neither', () => {
    const twin = segment(15, 1, { path: `archive/s/15-1/x/${name(15)}-${'b'.repeat(40)}.zst` });
    const { gaps, suspects } = window({ segments: [...segments(10, 30), twin] });
    expect(gaps).toMatchObject([{ firstMissing: name(15), segments: 1 }]);
    expect(suspects.map(({ reason }) => reason)).toEqual(['duplicate', 'duplicate']);
  });

  test('takes an uncompressed, encrypted segment for whole', () => {
    const whole = segment(15, 1, { path: `archive/s/15-1/x/${name(15)}-${'a'.repeat(40)}`, sizeBytes: MB16 + 32 });
    expect(window({ segments: [...without([15]), whole] })).toMatchObject({ gaps: [], suspects: [] });
  });

  test('crosses from one log file to the next without a false gap', () => {
    expect(window({ backups: [backup(250)], segments: segments(250, 260) }).gaps).toEqual([]);
    expect(name(255)).toMatch(/000000FF$/);
    expect(name(256)).toMatch(/0000000100000000$/);
  });

  test('measures how far the archive is behind the source', () => {
    const source = { timeline: 1, lsn: lsnIn(33, 0.5), now: minute(35) };
    expect(window({ source }).lag).toEqual({ bytes: 2.5 * MB16, seconds: 300 });
    expect(window({ source: { ...source, lsn: '0/1F000000' } }).lag).toEqual({ bytes: 0, seconds: 0 });
    expect(window({}).lag).toBeNull();
  });
});

describe('timelines', () => {
  const history = { timeline: 2, branches: parseTimelineHistory(`1\t${lsnIn(20)}\tno recovery target specified\n`) };

  test('a promotion in the middle of a segment leaves no gap', () => {
    const found = window({ segments: [...segments(10, 19), ...segments(20, 30, 2)], histories: [history] });
    expect(found).toMatchObject({ timeline: 2, gaps: [], intervals: [{ timeline: 2, backups: ['B000010'] }] });
  });

  test('WAL that was archived on the old timeline after the promotion is passed by', () => {
    const { gaps, intervals } = window({ segments: [...segments(10, 25), ...segments(20, 30, 2)], histories: [history] });
    expect(gaps).toEqual([]);
    expect(intervals).toHaveLength(1);
  });

  test.each([
    ['the last one before the promotion', 19, 1],
    ['the first one after it', 20, 2],
    ['one in the middle', 24, 2],
  ])('a hole is found at %s, and named on its own timeline', (_, number, timeline) => {
    const all = [...segments(10, 19), ...segments(20, 30, 2)];
    const { gaps } = window({ segments: all.filter((each) => each.name !== name(number, timeline)), histories: [history] });
    expect(gaps).toMatchObject([{ firstMissing: name(number, timeline), segments: 1, timeline }]);
  });

  test('a backup made on the timeline that was left is named, and opens nothing', () => {
    const late = backup(22);
    const found = window({ backups: [backup(10), late], segments: [...segments(10, 25), ...segments(20, 30, 2)], histories: [history] });
    expect(found.leftBehind).toEqual(['B000022']);
    expect(found.intervals.flatMap((interval) => interval.backups)).toEqual(['B000010']);
  });

  test('a position lies on the timeline that went on there: the older one up to where it was left', () => {
    const history = { timeline: 3, branches: parseTimelineHistory('1\t0/3000148\tx\n2\t1/A0\tx\n') };
    expect(['0/3000000', '0/3000148', '0/3000149', '1/A0', '2/0'].map((lsn) => timelineAt(lsn, history))).toEqual([1, 1, 2, 2, 3]);
  });

  test('history files are read as PostgreSQL writes them', () => {
    expect(parseTimelineHistory('# comment\n1\t0/3000148\tno recovery target specified\n\n2\t1/A0\tbefore 2026-11-01 00:00:00+00\n')).toEqual([
      { timeline: 1, leftAt: '0/3000148' },
      { timeline: 2, leftAt: '1/A0' },
    ]);
  });
});

describe('properties', () => {
  test('any set of removed segments is found exactly, and nothing else', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 101, max: 398 }), { maxLength: 60 }), fc.integer({ min: 0, max: 2 ** 20 }), (removed, offset) => {
        const from = 100 + offset;
        const gone = new Set(removed.map((number) => number + offset));
        const left = segments(from, from + 300).filter((_, index) => !gone.has(from + index));
        const { gaps } = window({ backups: [backup(from)], segments: left });
        const found = gaps.flatMap((gap) =>
          Array.from({ length: gap.segments }, (_, index) =>
            name(Number.parseInt(gap.firstMissing.slice(8, 16), 16) * 256 + Number.parseInt(gap.firstMissing.slice(16), 16) + index),
          ),
        );
        expect(found).toEqual([...gone].sort((a, b) => a - b).map((number) => name(number)));
      }),
      { numRuns: 60 },
    );
  });

  test('the order of the listing does not matter', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(segments(10, 60), { minLength: 1 }), (shuffled) => {
        const sorted = [...shuffled].sort((a, b) => (a.name < b.name ? -1 : 1));
        expect(window({ segments: shuffled, backups: [backup(10), backup(30)] })).toEqual(window({ segments: sorted, backups: [backup(10), backup(30)] }));
      }),
      { numRuns: 50 },
    );
  });

  test('a complete archive never has a gap, whatever backups and promotions there were', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 12, max: 58 }), { maxLength: 4 }),
        fc.uniqueArray(fc.integer({ min: 10, max: 59 }), { minLength: 1, maxLength: 5 }),
        (switches, starts) => {
          const branches = switches.sort((a, b) => a - b).map((number, index) => ({ timeline: index + 1, leftAt: lsnIn(number) }));
          const histories = branches.map((_, index) => ({ timeline: index + 2, branches: branches.slice(0, index + 1) }));
          const timelineAt = (number: number) => branches.filter((_, index) => (switches[index] as number) <= number).length + 1;
          const all = Array.from({ length: 51 }, (_, index) => segment(10 + index, timelineAt(10 + index)));
          const backups = starts.map((start) => backup(start, start, { timeline: timelineAt(start), startLsn: lsnIn(start, 0.6), stopLsn: lsnIn(start, 0.7) }));
          const found = window({ segments: all, histories, backups });
          expect(found.gaps).toEqual([]);
          expect(found.broken).toEqual([]);
          expect(found.leftBehind).toEqual([]);
          expect(found.intervals).toHaveLength(1);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('10,000 segments with 2,000 holes take less than a second', () => {
    const many = segments(10, 12_009).filter((_, index) => index === 0 || index % 6 !== 0);
    const backups = Array.from({ length: 200 }, (_, index) => backup(11 + index * 60));
    const began = performance.now();
    const { gaps } = window({ segments: many, backups });
    expect(performance.now() - began).toBeLessThan(1000);
    expect(gaps.length).toBeGreaterThan(1_900);
  });
});

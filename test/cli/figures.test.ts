import { describe, expect, test } from 'vitest';
import { bytes, duration, moment, relative } from '../../ops/cli/figures.ts';
import { paintFor, plain } from '../../ops/cli/paint.ts';
import { progressLine } from '../../ops/cli/progress-view.ts';
import { wantsColor } from '../../ops/cli/terminal.ts';
import { isBeating } from '../../ops/client/progress-of.ts';
import { stepWords } from '../../ops/client/step-words.ts';

const now = new Date('2026-11-21T10:00:00Z');

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1_000, '1.0 s'],
  [9_999, '9.9 s'],
  [10_000, '10 s'],
  [60_000, '1 min'],
  [65_400, '1 min 5 s'],
  [7_500_000, '2 h 5 min'],
  [90_000_000, '1 d 1 h'],
])('a duration of %d ms reads %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test.each([
  ['2026-11-21T10:00:00Z', 'just now'],
  ['2026-11-21T09:57:00Z', '3 min ago'],
  ['2026-11-12T10:00:00Z', '9 d ago'],
  ['2026-11-21T12:00:00Z', 'in 2 h'],
])('%s reads %s', (instant, text) => {
  expect(relative(instant, now)).toBe(text);
});

test('moments are shown in the user’s zone with its offset', () => {
  expect(moment('2026-11-21T10:00:00Z', 'Europe/Berlin')).toBe('2026-11-21 11:00:00 +01:00');
  expect(moment('2026-07-21T10:00:00Z', 'Europe/Berlin')).toBe('2026-07-21 12:00:00 +02:00');
});

test('sizes have a unit', () => {
  expect([0, 999, 1_500, 1_503_238_553].map(bytes)).toEqual(['0 B', '999 B', '1.5 kB', '1.5 GB']);
  // rounded: the same figure as in a report
  expect([9_756_672, 1_999_999, 999_999].map(bytes)).toEqual(['9.8 MB', '2 MB', '1 MB']);
});

describe('colours', () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ])('tty %s, %o: %s', (isTty, env, colours) => {
    expect(wantsColor(isTty, env)).toBe(colours);
    const paint = paintFor({ color: wantsColor(isTty, env), columns: 80, zone: 'UTC', now: () => now });
    expect(paint.good('proven').includes('\u001b[')).toBe(colours);
  });
  test('a name cannot steer the terminal', () => {
    expect(plain('a\u001b[31mred\u0007\u009b2J')).toBe('a�[31mred��2J');
  });
});

describe('a line of progress', () => {
  const progress = { phase: 'backup', detail: 'full backup into repository 1', startedAt: '2026-11-21T09:58:55Z', running: true, stalled: null };
  test('says phase, detail, share, time', () => {
    expect(progressLine({ ...progress, doneBytes: 50e6, totalBytes: 200e6 }, now)).toBe(
      'backup  full backup into repository 1  25 %, 50 MB of 200 MB  1 min 5 s',
    );
    expect(progressLine({ ...progress, step: '4 of 12, round 2 of 5' }, now)).toBe('backup  full backup into repository 1  4 of 12, round 2 of 5  1 min 5 s');
    expect(progressLine(progress, now)).toBe('backup  full backup into repository 1  1 min 5 s');
  });
  test('names the queue nobody polls', () => {
    const stalled = { queue: 'assay@db1', host: 'db1', step: 'takeBackup', sinceMs: 12_000 };
    expect(progressLine({ ...progress, stalled }, now)).toContain('no worker polls assay@db1 (takeBackup, for 12 s)');
  });
});

test.each([
  [{ phase: 'measure', round: 2, rounds: 5, done: 3, total: 12 }, '4 of 12, round 2 of 5'],
  [{ phase: 'measure', round: 0, rounds: 5, done: 0, total: 12 }, '1 of 12, warming'],
  [{ phase: 'building index: scanning table', percent: 40 }, '40 %'],
  [{ explains: 4_200 }, '4200 plans'],
  [{ phase: 'choose', executions: 7 }, '7 executions'],
  [{ waitingFor: 'process 5 (idle), with a transaction open for 9 s' }, 'waiting for process 5 (idle), with a transaction open for 9 s'],
  [{ phase: 'plans', done: 5, total: 5 }, '5 of 5'],
  [{ what: 'without each of 3 index(es)', phase: 'measure', round: 1, rounds: 5, done: 0, total: 9 }, 'without each of 3 index(es): 1 of 9, round 1 of 5'],
  [{ pid: 4711 }, null],
])('how far a step is: %j', (beat, words) => expect(stepWords(beat)).toBe(words));

test('a worker that is too busy to answer is not waited for while its step beats', () => {
  const beatAt = (seconds: number) => [{ lastHeartbeatTime: { seconds: { toString: () => String(seconds) } } }];
  expect([isBeating(beatAt(1_000), 1_019_000), isBeating(beatAt(1_000), 1_021_000), isBeating([{ lastHeartbeatTime: null }, {}], 0)]).toEqual([
    true,
    false,
    false,
  ]);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BackupRecord, RecoveryTarget } from '../../domain/backup/model.ts';
import { describeNearest, reachability } from '../../domain/backup/reachability.ts';
import { restorableWindow } from '../../domain/backup/window.ts';
import { backup, lsnIn, MB16, minute, name, segments } from './window-case.ts';

const backups = [backup(10), backup(20)];
const lsn = (number: number): RecoveryTarget => ({ kind: 'lsn', lsn: lsnIn(number), exclusive: true });
const time = (at: string): RecoveryTarget => ({ kind: 'time', at });

function ask(target: RecoveryTarget, { missing = [] as number[], label = null as string | null, of = backups as readonly BackupRecord[] } = {}) {
  const left = segments(10, 30).filter((_, index) => !missing.includes(10 + index));
  const window = restorableWindow({ backups: of, segments: left, segmentBytes: MB16, source: null });
  return reachability({ window, backups: of, target, label });
}

describe('reachability', () => {
  test.each([
    ['an LSN', lsn(25)],
    ['a time', time(minute(25))],
  ])('starts from the newest backup before %s', (_, target) => {
    expect(ask(target)).toMatchObject({ verdict: 'reachable', backup: { label: 'B000020' } });
  });

  test('starts from the older one where the target lies between them', () => {
    expect(ask(lsn(15))).toMatchObject({ verdict: 'reachable', backup: { label: 'B000010' } });
    expect(ask(time(minute(15)))).toMatchObject({ verdict: 'reachable', backup: { label: 'B000010' } });
  });

  test('starts from the backup that was asked for', () => {
    expect(ask(lsn(25), { label: 'B000010' })).toMatchObject({ verdict: 'reachable', backup: { label: 'B000010' } });
    expect(ask(lsn(15), { label: 'B000020' })).toMatchObject({ verdict: 'refused', reason: 'too-early' });
  });

  test('names the gap, and the nearest points on both sides', () => {
    const answer = ask(lsn(17), { missing: [16] });
    expect(answer).toMatchObject({
      verdict: 'refused',
      reason: 'gap',
      because: [`segment ${name(16)} is missing from the repository or not to be trusted`],
      gap: { firstMissing: name(16) },
      nearest: { before: { lsn: '0/F000000', at: minute(14) }, after: { lsn: lsnIn(20, 0.4) } },
    });
    expect(ask(time(minute(18)), { missing: [16] })).toMatchObject({ verdict: 'refused', reason: 'gap' });
  });

  test('an older backup leads past a hole that only a newer one has', () => {
    const wide = [backup(10), backup(18, 22)];
    expect(ask(lsn(25), { of: wide })).toMatchObject({ backup: { label: 'B000018' } });
    expect(ask(lsn(15), { of: wide, missing: [20] })).toMatchObject({ verdict: 'reachable', backup: { label: 'B000010' } });
    expect(ask(lsn(25), { of: wide, missing: [20] })).toMatchObject({ verdict: 'refused', reason: 'gap' });
  });

  test('refuses what is too early or too late, with the nearest point', () => {
    expect(ask(lsn(5))).toMatchObject({ reason: 'too-early', nearest: { before: null, after: { lsn: lsnIn(10, 0.4) } } });
    expect(ask(lsn(40))).toMatchObject({ reason: 'too-late', nearest: { before: { lsn: '0/1E000000' }, after: null } });
    expect(ask(time(minute(31)))).toMatchObject({ reason: 'too-late' });
    // the newest segment arrived in the second that its minute begins
    expect(ask(time(minute(30).replace('.000Z', '.999Z')))).toMatchObject({ verdict: 'reachable' });
    expect(ask(time(minute(30).replace(':00.000Z', ':01.000Z')))).toMatchObject({ reason: 'too-late' });
    expect(ask(time('2020-01-01T00:00:00Z'))).toMatchObject({ reason: 'too-early' });
  });

  test('without a whole backup refuses everything', () => {
    expect(ask(lsn(25), { of: [] })).toMatchObject({ reason: 'no-backup', nearest: { before: null, after: null } });
    const answer = ask(lsn(25), { missing: [10, 20] });
    expect(answer).toMatchObject({ reason: 'no-backup' });
    if (answer.verdict === 'refused') expect(describeNearest(answer.nearest)).toBe('none; make a full backup');
  });

  test('looks for a restore point from the newest whole backup', () => {
    expect(ask({ kind: 'name', name: 'before_migration' })).toMatchObject({ verdict: 'reachable', backup: { label: 'B000020' } });
    expect(ask({ kind: 'xid', xid: '700', exclusive: false }, { missing: [20] })).toMatchObject({ backup: { label: 'B000010' } });
  });

  test('refuses a backup on a timeline that was left behind', () => {
    const of = [backup(10), backup(22)];
    const histories = [{ timeline: 2, branches: [{ timeline: 1, leftAt: lsnIn(20) }] }];
    const window = restorableWindow({ backups: of, segments: [...segments(10, 25), ...segments(20, 30, 2)], histories, segmentBytes: MB16, source: null });
    expect(reachability({ window, backups: of, target: lsn(25), label: 'B000022' })).toMatchObject({ verdict: 'refused', reason: 'timeline' });
  });
});

describe('properties', () => {
  const world = fc.record({
    starts: fc.uniqueArray(fc.integer({ min: 10, max: 28 }), { minLength: 1, maxLength: 4 }),
    missing: fc.uniqueArray(fc.integer({ min: 10, max: 29 }), { maxLength: 6 }),
    target: fc.integer({ min: 5, max: 35 }),
    kind: fc.constantFrom('lsn', 'time'),
  });

  test('a target is reachable exactly where some backup has every segment from its start to the target', () => {
    fc.assert(
      fc.property(world, ({ starts, missing, target }) => {
        const of = starts.map((start) => backup(start));
        const leads = starts.some((start) => start <= target && target <= 30 && !missing.some((number) => number >= start && number <= target));
        expect(ask(lsn(target), { missing, of }).verdict).toBe(leads ? 'reachable' : 'refused');
      }),
      { numRuns: 300 },
    );
  });

  test('what is named as nearest is itself reachable', () => {
    fc.assert(
      fc.property(world, ({ starts, missing, target, kind }) => {
        const of = starts.map((start) => backup(start));
        const answer = ask(kind === 'lsn' ? lsn(target) : time(minute(target)), { missing, of });
        if (answer.verdict === 'reachable') return;
        for (const point of [answer.nearest.before, answer.nearest.after]) {
          if (point === null) continue;
          expect(ask({ kind: 'lsn', lsn: point.lsn, exclusive: true }, { missing, of }).verdict).toBe('reachable');
          expect(ask(time(point.at), { missing, of }).verdict).toBe('reachable');
        }
      }),
      { numRuns: 300 },
    );
  });
});

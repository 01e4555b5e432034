import { expect, test } from 'vitest';
import { isAssayError } from '../../domain/errors.ts';
import { requiredTarget, type TargetOptions, targetOf } from '../../ops/cli/targets.ts';

test.each<[TargetOptions, unknown]>([
  [{ toTime: '2026-11-21T10:00:00+01:00' }, { kind: 'time', at: '2026-11-21T09:00:00Z' }],
  [{ toLsn: '0/537a7548' }, { kind: 'lsn', lsn: '0/537A7548', exclusive: false }],
  [
    { toLsn: '0/537A7548', exclusive: true },
    { kind: 'lsn', lsn: '0/537A7548', exclusive: true },
  ],
  [{ toName: 'before "migration"' }, { kind: 'name', name: 'before "migration"' }],
  [
    { toXid: '20974', exclusive: true },
    { kind: 'xid', xid: '20974', exclusive: true },
  ],
  [{}, null],
])('%o', (options, target) => {
  expect(targetOf(options, 'UTC')).toEqual(target);
});

test.each<[string, TargetOptions, RegExp]>([
  ['two targets', { toTime: '2026-11-21T10:00:00Z', toName: 'x' }, /--to-time and --to-name are given together/],
  ['none', {}, /no target/],
  ['exclusive of a time', { toTime: '2026-11-21T10:00:00Z', exclusive: true }, /--exclusive goes with/],
  ['no LSN', { toLsn: '0-1' }, /no LSN/],
  ['no xid', { toXid: '-1' }, /no transaction id/],
  ['too long a name', { toName: 'ä'.repeat(32) }, /not 64/],
])('refuses %s', (_what, options, reason) => {
  let thrown: unknown;
  try {
    requiredTarget(options, 'UTC');
  } catch (error) {
    thrown = error;
  }
  expect(isAssayError(thrown, 'usage') && thrown.message).toMatch(reason);
});

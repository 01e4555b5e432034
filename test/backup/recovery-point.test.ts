import { expect, test } from 'vitest';
import { recoveryPointMs } from '../../domain/backup/recovery-point.ts';

const newestWitness = { id: '7', at: '2026-11-21T09:24:32.500Z', lsn: '0/C000100', transactionId: '782', nonce: 'n' };
const startedAt = '2026-11-21T09:25:00.000Z';

test('a proof of the newest markers measures what would be lost', () => {
  expect(recoveryPointMs({ newestWitness, toNewest: true, startedAt })).toBe(27_500);
  expect(recoveryPointMs({ newestWitness, startedAt })).toBe(27_500);
});

test('a restore to last week misses no objective: its witness is as old as was asked for', () => {
  expect(recoveryPointMs({ newestWitness, toNewest: false, startedAt: '2026-11-28T09:25:00.000Z' })).toBeNull();
});

test('without a witness nothing is measured; a clock that runs ahead loses nothing', () => {
  expect(recoveryPointMs({ newestWitness: null, startedAt })).toBeNull();
  expect(recoveryPointMs({ newestWitness, startedAt: '2026-11-21T09:24:00.000Z' })).toBe(0);
});

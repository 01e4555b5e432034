import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BackupRecord, MarkerRef } from '../../domain/backup/model.ts';
import { type MomentQuestion, newestWithMarker, randomMoment } from '../../domain/backup/random-moment.ts';

const at = (second: number) => new Date(Date.UTC(2026, 10, 21, 6) + second * 1000).toISOString();
const lsn = (second: number) => `0/${(0x1000000 + second).toString(16).toUpperCase()}`;
/** Consistent from the second after it stopped on. */
const backup = (label: string, stopped: number) => ({ label, stopLsn: lsn(stopped), stoppedAt: at(stopped) }) as BackupRecord;
const marker = (second: number, database = 'shop'): MarkerRef => ({ id: `m${second}${database}`, database, lsn: lsn(second), at: at(second) });

const moment = (over: Partial<MomentQuestion> = {}) =>
  randomMoment({ backups: [backup('F', 0)], markers: [marker(10)], endMs: Date.parse(at(100)), level: 'content', share: 0, ...over });
const second = (instant: string | null) => (instant === null ? null : (Date.parse(instant) - Date.parse(at(0))) / 1000);

describe('a random moment', () => {
  it('of content lies behind the first marker, of structure anywhere behind the backup', () => {
    expect(second(moment())).toBe(10.001);
    expect(second(moment({ share: 0.999999 }))).toBe(100);
    expect(second(moment({ level: 'structure' }))).toBe(1);
  });

  it('lies behind the first marker of every database', () => {
    expect(second(moment({ markers: [marker(10), marker(50), marker(30, 'crm')] }))).toBe(30.001);
  });

  it('is none right after the first backup: nothing happened since its marker, or there is no marker', () => {
    expect(moment({ endMs: Date.parse(at(9)) })).toBeNull();
    expect(moment({ markers: [] })).toBeNull();
    expect(moment({ backups: [backup('F', 20)] })).toBeNull();
  });

  it('leaves out what lies between a backup and its first marker', () => {
    const backups = [backup('F', 0), backup('I', 60)];
    const spans = { backups, markers: [marker(10), marker(90)] };
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (share) => {
        const found = second(moment({ ...spans, share })) ?? Number.NaN;
        expect((found > 10 && found < 61) || (found > 90 && found <= 100)).toBe(true);
      }),
    );
    expect(second(moment({ ...spans, share: 0 }))).toBe(10.001);
    expect(second(moment({ ...spans, share: 0.99999 }))).toBe(100);
  });
});

it('the newest backup with a marker behind it', () => {
  const backups = [backup('F', 0), backup('I', 60)];
  expect(newestWithMarker(backups, [marker(10)])?.label).toBe('F');
  expect(newestWithMarker(backups, [marker(10), marker(60)])?.label).toBe('I');
  expect(newestWithMarker(backups, [])).toBeNull();
});

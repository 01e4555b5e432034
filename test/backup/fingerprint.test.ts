import { describe, expect, test } from 'vitest';
import { fingerprintSql, freshSeeds } from '../../activities/backup/marker/fingerprint.ts';
import { compareFingerprints } from '../../domain/backup/fingerprint.ts';
import type { TableFingerprint } from '../../domain/backup/model.ts';

const AT = '2026-11-21T06:00:00.000Z';
const of = (table: string, rows: string, sum: string, takenAt = AT): TableFingerprint => ({
  ...{ schema: 's', table, rows, sum, takenAt, oid: 1, bytes: 1, equality: 'hash', seeds: ['1', '2'] },
});
const marker = (...fingerprints: TableFingerprint[]) => ({ at: AT, fingerprints });
const found = (table: string, rows: string, sum: string) => ({ schema: 's', table, content: { rows, sum } });

describe('comparing fingerprints', () => {
  test('equal tables are counted, in whatever order they come', () => {
    expect(compareFingerprints(marker(of('a', '1', '5'), of('b', '0', '0')), [found('b', '0', '0'), found('a', '1', '5')])).toEqual({
      equal: 2,
      differences: [],
      missingAnswers: [],
    });
  });

  test('names the missing table, the other row count, the other content', () => {
    const { differences } = compareFingerprints(marker(of('a', '1', '5'), of('b', '2', '6'), of('c', '3', '7')), [
      { schema: 's', table: 'a', content: null },
      found('b', '1', '6'),
      found('c', '3', '8'),
    ]);
    expect(differences.map(({ table, kind, certain }) => [table, kind, certain])).toEqual([
      ['a', 'missing-table', true],
      ['b', 'row-count', true],
      ['c', 'content', true],
    ]);
  });

  test('a fingerprint carried over from an older marker never convicts', () => {
    const { differences } = compareFingerprints(marker(of('a', '1', '5', '2026-11-20T06:00:00.000Z')), [found('a', '1', '6')]);
    expect(differences[0]?.certain).toBe(false);
  });

  test('a table nobody asked the clone for is told apart from an equal one', () => {
    expect(compareFingerprints(marker(of('a', '1', '5')), []).missingAnswers).toEqual([{ schema: 's', table: 'a' }]);
  });

  test('a schema with a dot is not the other schema’s table', () => {
    const dotted = { ...of('c', '1', '5'), schema: 'a.b' };
    expect(compareFingerprints(marker(dotted), [{ schema: 'a', table: 'b.c', content: { rows: '1', sum: '5' } }]).equal).toBe(0);
  });
});

describe('fingerprint statements', () => {
  test('seeds are fresh and never zero', () => {
    const seeds = Array.from({ length: 50 }, freshSeeds).flat();
    expect(new Set(seeds).size).toBe(seeds.length);
    expect(seeds).not.toContain('0');
  });

  test('nothing but a number gets in as a seed', () => {
    expect(() => fingerprintSql({ schema: 's', table: 't' }, { seeds: ["1'; drop table x; --", '2'], equality: 'hash' })).toThrow();
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareLsn, isLsn, lsnAt, lsnBytes, lsnDistanceBytes, parseSegmentName, segmentAt, segmentName, segmentStart } from '../../domain/backup/lsn.ts';

const position = fc.bigInt({ min: 0n, max: 2n ** 63n });
const segmentBytes = fc.integer({ min: 20, max: 30 }).map((power) => 2 ** power);

describe('positions in WAL', () => {
  test('come back from text as they went in, in the same order', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        expect(lsnBytes(lsnAt(a))).toBe(a);
        expect(isLsn(lsnAt(a))).toBe(true);
        expect(Math.sign(compareLsn(lsnAt(a), lsnAt(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });

  test.each(['', '0', '0/', '/0', '0/G', '0/0 ', '000000001/0', '-1/0'])('%j is none', (text) => {
    expect(isLsn(text)).toBe(false);
    expect(() => lsnBytes(text)).toThrow(RangeError);
  });

  test('are as PostgreSQL prints them', () => {
    expect(lsnAt(0x16_b374d848n)).toBe('16/B374D848');
    expect(lsnDistanceBytes('0/FFFFFFFF', '1/1')).toBe(2);
  });
});

describe('segments', () => {
  test('hold the positions from their start to the next one, for every segment size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 50n }), fc.integer({ min: 1, max: 0xffff }), segmentBytes, (at, timeline, bytes) => {
        const segment = segmentAt(lsnAt(at), timeline, bytes);
        expect(lsnBytes(segmentStart(segment.number, bytes))).toBeLessThanOrEqual(at);
        expect(lsnBytes(segmentStart(segment.number + 1, bytes))).toBeGreaterThan(at);
        expect(parseSegmentName(segmentName(segment, bytes), bytes)).toEqual(segment);
      }),
    );
  });

  test('follow each other by name as by number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 24 }), segmentBytes, (number, bytes) => {
        expect(segmentName({ timeline: 1, number }, bytes) < segmentName({ timeline: 1, number: number + 1 }, bytes)).toBe(true);
      }),
    );
  });

  test('are named as PostgreSQL names them', () => {
    expect(segmentName(segmentAt('16/B374D848', 1, 16 * 1024 * 1024), 16 * 1024 * 1024)).toBe('0000000100000016000000B3');
    expect(segmentName(segmentAt('1/40000000', 2, 1024 ** 3), 1024 ** 3)).toBe('000000020000000100000001');
    expect(() => parseSegmentName('00000002.history', 1)).toThrow(RangeError);
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lsnAt, segmentAt, segmentName } from '../../domain/backup/lsn.ts';
import { segmentBytesOf } from '../../domain/backup/segment-size.ts';
import { backup } from './window-case.ts';

const MB = 1024 * 1024;

/** A backup between two positions, in segments of this size. */
function between(start: bigint, stop: bigint, segmentBytes: number) {
  const name = (at: bigint) => segmentName(segmentAt(lsnAt(at), 1, segmentBytes), segmentBytes);
  return backup(1, 1, { startLsn: lsnAt(start), startSegment: name(start), stopLsn: lsnAt(stop), stopSegment: name(stop - 1n) });
}

test.each([1, 2, 16, 64, 1024])('segments of %i MB are known by a backup far enough in the WAL', (mb) => {
  const start = BigInt(3 * 1024 * MB) + 40n;
  expect(segmentBytesOf([between(start, start + 5000n, mb * MB)])).toBe(mb * MB);
});

test('where several sizes fit, it is the usual one; without backups too', () => {
  expect(segmentBytesOf([between(40n, 5000n, 64 * MB)])).toBe(16 * MB);
  expect(segmentBytesOf([])).toBe(16 * MB);
});

test('a backup that stops at the boundary of a segment', () => {
  const start = BigInt(3 * 1024 * MB) + 40n;
  expect(segmentBytesOf([between(start, BigInt(3 * 1024 * MB + 64 * MB), 64 * MB)])).toBe(64 * MB);
});

test('whatever fits names every position of the backups as they are named', () => {
  const size = fc.integer({ min: 0, max: 10 }).map((power) => 2 ** power * MB);
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 1n << 40n }), fc.bigInt({ min: 1n, max: 1n << 32n }), size, (start, length, bytes) => {
      const made = between(start, start + length, bytes);
      const found = segmentBytesOf([made]);
      expect(segmentName(segmentAt(made.startLsn, 1, found), found)).toBe(made.startSegment);
    }),
  );
});

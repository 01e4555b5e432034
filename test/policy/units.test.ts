import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../domain/policy-units.ts';

test.each([
  ['15s', 15_000],
  ['250ms', 250],
  ['10m', 600_000],
  ['6h', 21_600_000],
  ['30d', 2_592_000_000],
  ['0s', 0],
])('%s is %i ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each(['', '15', '15 s', '1.5h', '-1s', '1h30m', '1w', 'PT1H', '9999999999s', '1S'])('%j is no duration', (text) => expect(parseDuration(text)).toBeNull());

test.each([
  ['2GB', 2_147_483_648],
  ['512MB', 536_870_912],
  ['8kB', 8192],
])('%s is %i bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

test.each(['2 GB', '2gb', '2G', '1.5GB', '999999999TB'])('%j is no size', (text) => expect(parseSize(text)).toBeNull());

test('what is printed is read back as the same', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 999_999_999 }), (ms) => parseDuration(formatDuration(ms)) === ms));
  fc.assert(fc.property(fc.integer({ min: 0, max: 999_999_999 }), (bytes) => parseSize(formatSize(bytes)) === bytes));
});

test('what is read and printed is never longer than it was written', () => {
  const written = fc.tuple(fc.integer({ min: 1, max: 99_999 }), fc.constantFrom('ms', 's', 'm', 'h', 'd')).map(([value, unit]) => `${value}${unit}`);
  fc.assert(fc.property(written, (text) => formatDuration(parseDuration(text) ?? -1).length <= text.length));
});

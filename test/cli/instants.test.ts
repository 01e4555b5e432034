import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAssayError } from '../../domain/errors.ts';
import { parseInstant } from '../../ops/cli/instants.ts';

const berlin = 'Europe/Berlin';

function refusal(text: string, zone = berlin): string {
  try {
    return `accepted as ${parseInstant(text, zone)}`;
  } catch (error) {
    if (!isAssayError(error, 'usage')) throw error;
    return `${error.message} | ${error.hint}`;
  }
}

describe('a moment that is one moment is taken', () => {
  test.each([
    ['2026-11-21T10:00:00Z', '2026-11-21T10:00:00Z'],
    ['2026-11-21T10:00:00+01:00', '2026-11-21T09:00:00Z'],
    ['2026-11-21 10:00:00+01', '2026-11-21T09:00:00Z'],
    ['2026-11-21 10:00 -0530', '2026-11-21T15:30:00Z'],
    ['2026-11-21T10:00:00.123456+01:00', '2026-11-21T09:00:00.123456Z'],
    ['2026-11-21T10:00:00 Europe/Berlin', '2026-11-21T09:00:00Z'],
    ['2026-07-21T10:00:00[Europe/Berlin]', '2026-07-21T08:00:00Z'],
    ['2026-07-21T10:00:00+02:00[Europe/Berlin]', '2026-07-21T08:00:00Z'],
    ['2026-11-21T10:00:00 UTC', '2026-11-21T10:00:00Z'],
  ])('%s', (text, instant) => {
    expect(parseInstant(text, berlin)).toBe(instant);
  });
});

describe('anything else is refused with the reason and what to write', () => {
  test('without an offset: what it would be in the user’s zone', () => {
    expect(refusal('2026-11-21T10:00:00')).toMatch(/without an offset.*\| if your zone \(Europe\/Berlin\) is meant, write 2026-11-21T10:00:00\+01:00/);
  });
  test('in a gap: the clock goes from 02:00 to 03:00', () => {
    expect(refusal('2026-03-29T02:30:00 Europe/Berlin')).toMatch(/skips it.*03:30 \+02:00/);
    expect(refusal('2026-03-29T02:30:00')).toMatch(/skips it/);
  });
  test('in a fold: both readings', () => {
    expect(refusal('2026-10-25T02:30:00 Europe/Berlin')).toMatch(/shows it twice \| write 2026-10-25T02:30:00\+02:00 or 2026-10-25T02:30:00\+01:00/);
    expect(refusal('2026-10-25T02:30:00')).toMatch(/shows it twice/);
  });
  test('half-hour clocks too: Lord Howe falls back by 30 minutes', () => {
    expect(refusal('2026-04-05T01:45:00 Australia/Lord_Howe')).toMatch(/shows it twice/);
    expect(parseInstant('2026-04-05T02:15:00 Australia/Lord_Howe', berlin)).toBe('2026-04-04T15:45:00Z');
  });
  test.each([
    ['2026-07-21T10:00:00+01:00[Europe/Berlin]', /Europe\/Berlin was at \+02:00 then/],
    ['2026-11-21T10:00:00 Middle/Earth', /no time zone/],
    ['2026-02-30T10:00:00Z', /"2026-02-30/],
    ['2026-02-30T10:00:00 Europe/Berlin', /"2026-02-30/],
    ['2026-11-21T10:00:00.1234567Z', /microseconds/],
    ['yesterday', /not a date and time/],
    ['2026-11-21', /not a date and time/],
    ['', /not a date and time/],
  ])('%s', (text, reason) => {
    expect(refusal(text)).toMatch(reason);
  });
});

test('whatever the zone shows of a moment, with its offset, leads back to that moment', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date('2000-01-01'), max: new Date('2037-01-01'), noInvalidDate: true }), fc.integer({ min: -12, max: 14 }), (at, hours) => {
      const whole = new Date(Math.floor(at.getTime() / 1000) * 1000);
      const wall = new Date(whole.getTime() + hours * 3_600_000).toISOString().slice(0, 19);
      const offset = `${hours < 0 ? '-' : '+'}${String(Math.abs(hours)).padStart(2, '0')}:00`;
      expect(Date.parse(parseInstant(wall + offset, berlin))).toBe(whole.getTime());
    }),
  );
});

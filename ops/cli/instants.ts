/**
 * Reads a moment as people type it. It must name one moment and no other: with an offset (`…Z`, `…+01:00`) or with a time zone
 * (`… Europe/Berlin`, `…[Europe/Berlin]`), whose clock must show that time exactly once.
 */
import { DateTime, IANAZone } from 'luxon';
import type { Instant } from '../../domain/backup/model.ts';
import { AssayError } from '../../domain/errors.ts';

const FORM =
  /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d+))?\s*(Z|z|[+-]\d{2}(?::?\d{2})?)?\s*(?:\[([^\]]+)\]|([A-Za-z_]+(?:\/[A-Za-z0-9_+-]+)*))?$/;
const MICROSECOND_DIGITS = 6;

/** ISO 8601 in UTC, microseconds kept. Throws usage with the reason and what to write instead; `zone` is the user's, for the hint only. */
export function parseInstant(text: string, zone: string): Instant {
  const match = FORM.exec(text.trim());
  if (!match) throw refuse(text, 'it is not a date and time', `write it like ${example(zone)}`);
  const [, day, clock, fraction = '', offset, bracketed, named] = match as unknown as [string, string, string, string?, string?, string?, string?]; // FORM's groups
  if (fraction.length > MICROSECOND_DIGITS) throw refuse(text, 'PostgreSQL keeps microseconds, not more', 'give at most six digits after the second');
  const wall = `${day}T${clock.length === 5 ? `${clock}:00` : clock}`;
  const zoneName = bracketed ?? named;
  const at = offset === undefined ? inZone(text, wall, zoneName, zone) : withOffset(text, wall, offset);
  if (offset !== undefined && zoneName !== undefined) mustAgree(text, at, zoneName);
  return `${at.toUTC().toFormat("yyyy-MM-dd'T'HH:mm:ss") + (fraction === '' ? '' : `.${fraction}`)}Z`;
}

function withOffset(text: string, wall: string, offset: string): DateTime {
  const at = DateTime.fromISO(`${wall}${offset.toUpperCase()}`, { setZone: true });
  if (!at.isValid) throw refuse(text, at.invalidExplanation ?? 'there is no such moment', 'check day, month and hour');
  return at;
}

function mustAgree(text: string, at: DateTime, zoneName: string): void {
  const there = at.setZone(known(text, zoneName));
  if (there.offset === at.offset) return;
  throw refuse(text, `${zoneName} was at ${there.toFormat('ZZ')} then, not at ${at.toFormat('ZZ')}`, 'leave one of the two out');
}

/** A wall clock time: refused without a zone, in a gap, in a fold. */
function inZone(text: string, wall: string, zoneName: string | undefined, zone: string): DateTime {
  const where = zoneName === undefined ? zone : known(text, zoneName);
  const valid = DateTime.fromISO(wall, { zone: 'utc' });
  if (!valid.isValid) throw refuse(text, valid.invalidExplanation ?? 'there is no such moment', 'check day, month and hour');
  const readings = readingsOf(wall, where);
  const written = readings.map((each) => each.toISO({ suppressMilliseconds: true })).join(' or ');
  if (readings.length === 0) {
    const after = DateTime.fromISO(wall, { zone: where });
    throw refuse(
      text,
      `the clock of ${where} skips it (${after.toFormat('HH:mm ZZ')} is the same moment told rightly)`,
      'name a moment before or after, with its offset',
    );
  }
  if (readings.length > 1) throw refuse(text, `the clock of ${where} shows it twice`, `write ${written}`);
  if (zoneName === undefined)
    throw refuse(text, 'without an offset it is a different moment on every machine', `if your zone (${where}) is meant, write ${written}`);
  return readings[0] as DateTime; // exactly one is left
}

/** Every moment at which the clock of this zone shows `wall`; 0, 1 or 2. */
function readingsOf(wall: string, zone: string): readonly DateTime[] {
  const utc = DateTime.fromISO(wall, { zone: 'utc' });
  const offsets = new Set([-1, 0, 1].map((days) => utc.plus({ days }).setZone(zone).offset));
  const moments = [...offsets].map((minutes) => utc.minus({ minutes }).setZone(zone)).filter((at) => at.toFormat("yyyy-MM-dd'T'HH:mm:ss") === wall);
  return moments.sort((a, b) => a.toMillis() - b.toMillis());
}

function known(text: string, zoneName: string): string {
  if (IANAZone.isValidZone(zoneName)) return zoneName;
  throw refuse(text, `${zoneName} is no time zone`, 'write a name such as UTC or Europe/Berlin, or an offset such as +01:00');
}

const example = (zone: string) =>
  DateTime.fromObject({ year: 2026, month: 11, day: 21, hour: 10 }, { zone }).toISO({ suppressMilliseconds: true }) ?? '2026-11-21T10:00:00Z';

const refuse = (text: string, reason: string, hint: string) => new AssayError('usage', { reason: `time "${text}" is refused: ${reason}`, hint });

/** Cron lines and time zones of the policy, tried with the libraries that know them. */
import { CronExpressionParser } from 'cron-parser';
import { IANAZone } from 'luxon';
import { reasonOf } from '../domain/errors.ts';
import type { KeyPath, PolicyFault } from '../domain/policy-faults.ts';

/** Every group with a `cron` key anywhere in the file. */
export function scheduleFaults(raw: unknown, path: KeyPath = []): readonly PolicyFault[] {
  if (typeof raw !== 'object' || raw === null) return [];
  const below = Object.entries(raw).flatMap(([key, value]) => scheduleFaults(value, [...path, Array.isArray(raw) ? Number(key) : key]));
  const { cron, timezone } = raw as { cron?: unknown; timezone?: unknown };
  const faults: PolicyFault[] = [];
  const reason = typeof cron === 'string' && fiveFields.test(cron) ? cronFault(cron) : null;
  if (reason !== null) faults.push({ path: [...path, 'cron'], at: 'value', message: reason });
  const zone = typeof timezone === 'string' ? zoneFault(timezone) : null;
  if (zone !== null) faults.push({ path: [...path, 'timezone'], at: 'value', message: zone });
  return [...faults, ...below];
}

const NAMES = 'SUN MON TUE WED THU FRI SAT JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC'.split(' ');

/** What is wrong with a zone; null: nothing. Temporal's server looks it up by exactly this name, Node by any case of it. */
function zoneFault(zone: string): string | null {
  if (!IANAZone.isValidZone(zone)) return `no time zone ${zone} is known; write an IANA name such as UTC or Europe/Berlin`;
  const named = Intl.supportedValuesOf('timeZone').find((known) => known.toLowerCase() === zone.toLowerCase());
  return named === undefined || named === zone ? null : `write ${named}`;
}

// other shapes are the schema's own fault already
const fiveFields = /^\S+( +\S+){4}$/;

/** What to write instead of this cron line; null where it is sound. Only what Temporal and people read alike is let through. */
function cronFault(cron: string): string | null {
  const words = cron.match(/[A-Za-z]+/g) ?? [];
  if (!/^[A-Za-z0-9*,/ -]+$/.test(cron) || words.some((word) => !NAMES.includes(word.toUpperCase())))
    return 'use digits, names (MON, JAN), and the signs * , - / only';
  try {
    const { fields } = CronExpressionParser.parse(cron, { tz: 'UTC' });
    const both = !fields.dayOfMonth.isWildcard && !fields.dayOfWeek.isWildcard;
    return both ? 'limit the day of month or the weekday, not both: cron and Temporal read that differently' : null;
  } catch (error) {
    return `${reasonOf(error)}; write five fields such as "30 2 * * *"`;
  }
}

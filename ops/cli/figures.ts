/** Sizes, durations and moments as people read them. */
import { DateTime } from 'luxon';
import prettyBytes from 'pretty-bytes';

/** `1.5 GB`, powers of 1000; rounded, as in the reports (pretty-bytes cuts off). */
export function bytes(count: number): string {
  const thousands = Math.floor(Math.log10(Math.max(1, count)) / 3);
  const step = thousands === 0 ? 1 : 100 * 1_000 ** (thousands - 1);
  return prettyBytes(Math.round(count / step) * step, { maximumFractionDigits: 1 });
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** The two largest units: `2 h 5 min`; below ten seconds with one decimal; below one in ms. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const first = UNITS.findIndex(([, size]) => ms >= size);
  const [unit, size] = UNITS[first] as (typeof UNITS)[number]; // ms >= 1000, so one was found
  const whole = Math.floor(ms / size);
  const next = UNITS[first + 1];
  const rest = next === undefined ? 0 : Math.floor((ms - whole * size) / next[1]);
  return next === undefined || rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${next[0]}`;
}

/** `3 min ago`, `in 2 h`, `just now`. */
export function relative(instant: string, now: Date): string {
  const ms = now.getTime() - Date.parse(instant);
  if (Math.abs(ms) < 1_000) return 'just now';
  return ms > 0 ? `${coarse(ms)} ago` : `in ${coarse(-ms)}`;
}

/** One unit only: nobody needs the minutes of something nine days old. */
function coarse(ms: number): string {
  const [unit, size] = UNITS.find(([, each]) => ms >= each) ?? ['s', 1_000];
  return `${Math.floor(ms / size)} ${unit}`;
}

/** In the user's zone, with its offset: `2026-11-21 10:00:00 +01:00`. */
export function moment(instant: string, zone: string): string {
  const at = DateTime.fromISO(instant, { zone: 'utc' }).setZone(zone);
  return at.isValid ? at.toFormat('yyyy-MM-dd HH:mm:ss ZZ') : instant;
}

/** Moment and how long ago. */
export const when = (instant: string, { zone, now }: { readonly zone: string; readonly now: Date }): string =>
  `${moment(instant, zone)} (${relative(instant, now)})`;

/** Durations and sizes as people write them in `assay.yaml`: `15s`, `10m`, `6h`, `30d`; `512MB`, `2GB`. One unit each, no spaces. */

const durationUnits = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Powers of 1024, as in PostgreSQL's own settings. */
const sizeUnits = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 } as const;

/** The two forms as regular expressions. */
export const durationForm = '^(\\d{1,9})(ms|s|m|h|d)$';
export const sizeForm = '^(\\d{1,9})(B|kB|MB|GB|TB)$';

/** Milliseconds; null where the text is no duration. Whole numbers only. */
export const parseDuration = (text: string): number | null => parse(text, new RegExp(durationForm), durationUnits);

/** Bytes; null where the text is no size. Whole numbers only. */
export const parseSize = (text: string): number | null => parse(text, new RegExp(sizeForm), sizeUnits);

/** The shortest text that parseDuration reads back as the same milliseconds (whole, not negative). */
export const formatDuration = (ms: number): string => format(ms, durationUnits);

/** The shortest text that parseSize reads back as the same bytes (whole, not negative). */
export const formatSize = (bytes: number): string => format(bytes, sizeUnits);

function parse(text: string, form: RegExp, units: Readonly<Record<string, number>>): number | null {
  const match = form.exec(text);
  const value = Number(match?.[1]) * (units[match?.[2] ?? ''] ?? Number.NaN);
  return Number.isSafeInteger(value) ? value : null;
}

function format(value: number, units: Readonly<Record<string, number>>): string {
  const entries = Object.entries(units).reverse();
  const [unit, factor] = (value === 0 ? undefined : entries.find(([, factor]) => value % factor === 0)) ?? entries.at(-1) ?? ['', 1];
  return `${value / factor}${unit}`;
}

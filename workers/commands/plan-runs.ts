/** When schedules run next, and which of their runs a clock change touches. */
import { CronExpressionParser } from 'cron-parser';
import { DateTime } from 'luxon';
import type { Schedule, When } from '../../domain/plan.ts';

export interface ClockChange {
  /** Wall-clock time as the zone shows it, `2027-03-28 02:30`. */
  readonly wallClock: string;
  readonly timeZone: string;
  /** `skipped`: the clock never shows this time on that day. `ambiguous`: it shows it twice, and Temporal's server may run once or twice. */
  readonly effect: 'skipped' | 'ambiguous';
}

export interface PlannedRuns {
  readonly schedule: string;
  /** Without jitter, ISO 8601 in UTC. */
  readonly next: readonly string[];
  /** Within the year after `from`. */
  readonly clockChanges: readonly ClockChange[];
}

const YEAR_DAYS = 366;
/** 29 February comes at most eight years late. */
const SEARCH_DAYS = 8 * YEAR_DAYS + 2;

/** The next runs of a schedule after `from`, and the clock changes of a year that touch it. */
export function plannedRuns({ id, when }: Pick<Schedule, 'id' | 'when'>, from: Date, count = 3): PlannedRuns {
  if (when.kind === 'interval') return { schedule: id, next: intervalRuns(when, from, count), clockChanges: [] };
  const days = matchingDays(when, from);
  const next: DateTime[] = [];
  const clockChanges: ClockChange[] = [];
  for (const { day, times } of days) {
    const late = day.diff(DateTime.fromJSDate(from), 'days').days;
    if (next.length >= count && late > YEAR_DAYS) break;
    if (next.length >= count && !hasClockChange(day)) continue;
    for (const { hour, minute } of times) {
      const at = day.set({ hour, minute });
      const effect = clockEffect(at, hour, minute);
      if (effect !== null && late <= YEAR_DAYS)
        clockChanges.push({ wallClock: `${day.toISODate()} ${pad(hour)}:${pad(minute)}`, timeZone: when.timeZone, effect });
      if (effect !== 'skipped' && at.toMillis() > from.getTime() && next.length < count) next.push(at);
    }
  }
  return { schedule: id, next: next.map((at) => at.toUTC().toISO() ?? ''), clockChanges };
}

function intervalRuns({ everyMs, offsetMs }: Extract<When, { kind: 'interval' }>, from: Date, count: number): readonly string[] {
  const first = (Math.floor((from.getTime() - offsetMs) / everyMs) + 1) * everyMs + offsetMs;
  return Array.from({ length: count }, (_, index) => new Date(first + index * everyMs).toISOString());
}

/** Days on which the line runs, beginning with the day of `from`, each with its wall-clock times in order. */
function* matchingDays({ cron, timeZone }: Extract<When, { kind: 'cron' }>, from: Date) {
  const { minute, hour, dayOfMonth, month, dayOfWeek } = CronExpressionParser.parse(cron, { tz: 'UTC' }).fields;
  const values = (field: { values: readonly unknown[] }) => field.values.map(Number);
  const times = values(hour).flatMap((at) => values(minute).map((past) => ({ hour: at, minute: past })));
  const [dates, monthNumbers, weekdays] = [new Set(values(dayOfMonth)), new Set(values(month)), new Set(values(dayOfWeek).map((day) => day % 7))];
  const start = DateTime.fromJSDate(from, { zone: timeZone }).startOf('day');
  for (let index = 0; index < SEARCH_DAYS; index += 1) {
    const day = start.plus({ days: index });
    if (monthNumbers.has(day.month) && dates.has(day.day) && weekdays.has(day.weekday % 7)) yield { day, times };
  }
}

const hasClockChange = (day: DateTime) => day.offset !== day.plus({ days: 1 }).offset;

function clockEffect(at: DateTime, hour: number, minute: number): ClockChange['effect'] | null {
  // luxon moves a time that does not exist forward
  if (at.hour !== hour || at.minute !== minute) return 'skipped';
  return at.getPossibleOffsets().length > 1 ? 'ambiguous' : null;
}

const pad = (value: number) => String(value).padStart(2, '0');

/** Temporal Schedules, read and written as `domain/plan.ts` knows them. */
import {
  type CalendarSpecDescription,
  type ScheduleClient,
  type ScheduleDescription,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type ScheduleSpec,
} from '@temporalio/client';
import { CronExpressionParser } from 'cron-parser';
import { clusterOfSchedule, scheduleIdsOf, scheduleNames } from '../../domain/ids.ts';
import type { FoundSchedule, Schedule, When } from '../../domain/plan.ts';

/** All schedules of a cluster, each asked for by its id: Temporal's list lags behind. */
export async function findSchedules(client: ScheduleClient, cluster: string, crons: readonly string[]): Promise<readonly FoundSchedule[]> {
  const ids = scheduleNames.flatMap((name) => scheduleIdsOf(cluster, name));
  const all = await Promise.all(ids.map((id) => describe(client, id)));
  return all.flatMap((description) => (description === null ? [] : [found(description, crons)]));
}

/** Clusters with at least one schedule of Assay, whether a policy knows them or not. */
export async function scheduledClusters(client: ScheduleClient): Promise<readonly string[]> {
  const clusters = new Set<string>();
  for await (const { scheduleId: id } of client.list()) {
    const cluster = clusterOfSchedule(id);
    if (cluster !== null) clusters.add(cluster);
  }
  return [...clusters].sort();
}

/** Makes or changes one; a pause is left as it is. Idempotent. */
export async function putSchedule(client: ScheduleClient, schedule: Schedule): Promise<void> {
  const options = { spec: spec(schedule), action: action(schedule), policies: policies(schedule) };
  if ((await describe(client, schedule.id)) === null) {
    await client.create({ scheduleId: schedule.id, ...options });
    return;
  }
  await client.getHandle(schedule.id).update(({ state, typedSearchAttributes }) => ({ ...options, state, typedSearchAttributes }));
}

/** Idempotent. */
export async function dropSchedule(client: ScheduleClient, id: string): Promise<void> {
  await client.getHandle(id).delete().catch(unlessGone);
}

const describe = (client: ScheduleClient, id: string) => client.getHandle(id).describe().catch(unlessGone);

function unlessGone(error: unknown): null {
  if (error instanceof ScheduleNotFoundError) return null;
  throw error;
}

function spec({ when, jitterMs }: Schedule): ScheduleSpec {
  if (when.kind === 'cron') return { cronExpressions: [when.cron], timezone: when.timeZone, jitter: jitterMs };
  return { intervals: [{ every: when.everyMs, offset: when.offsetMs }], jitter: jitterMs };
}

const action = ({ workflow, workflowId, taskQueue, input }: Schedule) =>
  ({ type: 'startWorkflow', workflowType: workflow, workflowId, taskQueue, args: [input] }) as const;

// a backup that is still running is not joined by another, and one failure must not silence all that follow
const policies = ({ catchUpMs }: Schedule) => ({ catchupWindow: catchUpMs, overlap: ScheduleOverlapPolicy.SKIP, pauseOnFailure: false });

function found(description: ScheduleDescription, crons: readonly string[]): FoundSchedule {
  const { action: started, policies: rules, spec: when, state } = description;
  const ours = rules.overlap === ScheduleOverlapPolicy.SKIP && !rules.pauseOnFailure && (started.args ?? []).length === 1;
  return {
    id: description.scheduleId,
    when: ours ? whenOf(when, crons) : null,
    jitterMs: Number(when.jitter ?? 0),
    catchUpMs: rules.catchupWindow,
    workflow: started.workflowType,
    workflowId: started.workflowId,
    taskQueue: started.taskQueue,
    input: started.args?.[0],
    paused: state.paused,
  };
}

/** Temporal keeps cron lines as calendars: a line of the policy is recognised by meaning the same times. */
function whenOf(found: ScheduleDescription['spec'], crons: readonly string[]): When | null {
  const { calendars = [], intervals = [], skip = [], startAt, endAt } = found;
  if (skip.length > 0 || startAt !== undefined || endAt !== undefined) return null;
  const [interval, calendar] = [intervals[0], calendars[0]];
  if (calendars.length === 0 && intervals.length === 1 && interval)
    return { kind: 'interval', everyMs: Number(interval.every), offsetMs: Number(interval.offset ?? 0) };
  if (intervals.length > 0 || calendars.length !== 1 || calendar === undefined) return null;
  const times = calendarTimes(calendar);
  const cron = crons.find((line) => cronTimes(line) === times) ?? times;
  return { kind: 'cron', cron, timeZone: found.timezone || 'UTC' };
}

const months = ['JANUARY', 'FEBRUARY', 'MARCH', 'APRIL', 'MAY', 'JUNE', 'JULY', 'AUGUST', 'SEPTEMBER', 'OCTOBER', 'NOVEMBER', 'DECEMBER'];
const weekdays = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'];

/** Every value of the five fields, sorted, as one comparable text; a year or a second makes it unlike any cron line. */
function calendarTimes(calendar: CalendarSpecDescription): string {
  const numbers = (ranges: readonly { start: number; end: number; step: number }[]) =>
    ranges.flatMap(({ start, end, step }) => Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, index) => start + index * step));
  const named = (ranges: readonly { start: string; end: string; step: number }[], words: readonly string[], first: number) =>
    numbers(ranges.map(({ start, end, step }) => ({ start: words.indexOf(start) + first, end: words.indexOf(end) + first, step })));
  const { minute, hour, dayOfMonth, month, dayOfWeek, second, year } = calendar;
  const plain = numbers(second).join() === '0' && year.length === 0;
  return fieldsText([numbers(minute), numbers(hour), numbers(dayOfMonth), named(month, months, 1), named(dayOfWeek, weekdays, 0)]) + (plain ? '' : ' and more');
}

function cronTimes(line: string): string {
  const { minute, hour, dayOfMonth, month, dayOfWeek } = CronExpressionParser.parse(line, { tz: 'UTC' }).fields;
  return fieldsText(
    [minute, hour, dayOfMonth, month, dayOfWeek]
      .map(({ values }) => values.map(Number))
      .map((values, index) => (index === 4 ? values.map((day) => day % 7) : values)),
  );
}

const fieldsText = (fields: readonly (readonly number[])[]) => fields.map((values) => [...new Set(values)].sort((a, b) => a - b).join()).join(' ');

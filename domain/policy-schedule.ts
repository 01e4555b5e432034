/** When something is started, as every section of `assay.yaml` says it. */
import { z } from 'zod';
import { duration, shaped } from './policy-fields.ts';

const timeZone = () => shaped('Time zone the cron line is read in', /^(UTC|[A-Za-z_]+(\/[A-Za-z0-9_+-]+)+)$/, 'an IANA name such as UTC or Europe/Berlin');
const cron = () =>
  shaped('When: minute, hour, day of month, month, day of week', /^\S+( +\S+){4}$/, 'five fields such as "30 2 * * *" (minute hour day month weekday)');

export const schedule = () =>
  z.strictObject({
    cron: cron(),
    timezone: timeZone().prefault('UTC'),
    jitter: duration({ help: 'Start at a random moment within this time after it is due', min: '0s', max: '12h' }).prefault('0s'),
    catch_up: duration({ help: 'A run missed while the fleet was down is still made if it is not later than this', min: '10s', max: '30d' }).prefault('12h'),
  });

export type ScheduleFile = z.output<ReturnType<typeof schedule>>;

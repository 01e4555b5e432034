/** Time-outs and retries: a few profiles for every step of every agent. */
import { ActivityCancellationType, type ActivityOptions } from '@temporalio/workflow';

/** A worker that is gone is noticed after this; every step beats (workers/step-interceptor.ts). */
const BEAT = '10 seconds';

/** A question to a database or a file: seconds. */
export const quick: ActivityOptions = {
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: BEAT,
  retry: { initialInterval: '500ms', maximumInterval: '10s', maximumAttempts: 8 },
};

/** Somebody waits for the answer and can ask again: once more for a connection that had gone stale, then the error. */
export const asked: ActivityOptions = { ...quick, retry: { initialInterval: '200ms', maximumAttempts: 2 } };

/** Waits for the world (an archived segment, a free lock); beats while it waits. */
export const waiting: ActivityOptions = {
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout: BEAT,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '1s', maximumInterval: '30s', maximumAttempts: 6 },
};

/** A long child process or a pass over all data: beats, is adopted or begun anew by a retry. */
export const long: ActivityOptions = {
  startToCloseTimeout: '24 hours',
  heartbeatTimeout: BEAT,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '1s', maximumInterval: '1 minute', maximumAttempts: 5 },
};

/** Work on a lab that a whole run rests on: a control database or a worker that is restarted is waited for, two minutes in all. */
export const onLab: ActivityOptions = { ...long, retry: { initialInterval: '1s', maximumInterval: '1 minute', maximumAttempts: 8 } };

/** A change being made on a source: a server that is restarted or locked for minutes is waited for; meanwhile nothing is half done that the next attempt would not see. */
export const changing: ActivityOptions = { ...long, retry: { initialInterval: '1s', maximumInterval: '1 minute', maximumAttempts: 12 } };

/** What a change under way on a source rests on: a database that is away for an hour leaves nothing half done, and is no reason to take a good change back. */
export const steadfast: ActivityOptions = { ...long, retry: { initialInterval: '1s', maximumInterval: '1 minute', maximumAttempts: 66 } };

/** Must happen whatever went before: wiping a clone, giving back a lock. */
export const always: ActivityOptions = {
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: BEAT,
  retry: { initialInterval: '500ms', maximumInterval: '30s' },
};

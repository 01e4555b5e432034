/** Captured values go with time, whether or not anybody runs the optimizer. */
import { expect, test } from 'vitest';
import { startExpiry } from '../../workers/expiry.ts';

test('what is too old goes at once when a worker starts; a control database that is away ends nothing, and stopping waits', async () => {
  let calls = 0;
  let finish = () => {};
  const slow = startExpiry({
    dropExpired: () => {
      calls += 1;
      return new Promise((resolve) => {
        finish = resolve;
      });
    },
  });
  expect(calls).toBe(1);
  let isStopped = false;
  const stopped = slow.stop().then(() => {
    isStopped = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isStopped).toBe(false);
  finish();
  await stopped;
  await startExpiry({ dropExpired: () => Promise.reject(new Error('away')) }).stop();
});

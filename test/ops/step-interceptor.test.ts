import { writeFileSync } from 'node:fs';
import type { Context } from '@temporalio/activity';
import { expect, test } from 'vitest';
import { AssayError } from '../../domain/errors.ts';
import type { Observation } from '../../domain/observation.ts';
import { stepInterceptor } from '../../workers/step-interceptor.ts';

/** Runs a step that throws; what Temporal is told, and what was observed. */
async function failing(error: unknown) {
  const seen: Observation[] = [];
  const context = { info: { activityType: 'appliedPolicy' } } as unknown as Context;
  const { inbound } = stepInterceptor((each) => void seen.push(each), null)(context);
  const failure = await inbound.execute?.({ args: [], headers: {} }, () => Promise.reject(error)).catch((each: unknown) => each);
  return { failure, seen };
}

test('a control database that does not answer is named, and worth a retry', async () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5544'), { code: 'ECONNREFUSED' });
  const { failure, seen } = await failing(refused);
  expect(failure).toMatchObject({
    type: 'control-unreachable',
    nonRetryable: false,
    message: 'the control database does not answer: connect ECONNREFUSED 127.0.0.1:5544',
  });
  expect(seen).toMatchObject([{ kind: 'step-failed', step: 'appliedPolicy', code: 'control-unreachable' }]);
  expect((await failing(Object.assign(new Error('no'), { code: '28P01' }))).failure).toMatchObject({ type: 'control-unreachable' });
});

test('a file that there is no room for is a full disk, whichever step wrote it', async () => {
  const full = attempt(() => writeFileSync('/dev/full', 'x'));
  expect((await failing(full)).failure).toMatchObject({ type: 'disk-full', nonRetryable: true, message: expect.stringContaining('ENOSPC') as string });
  const quota = Object.assign(new Error('EDQUOT: disk quota exceeded, open'), { code: 'EDQUOT', path: '/clones/a/assay.json' });
  expect((await failing(quota)).failure).toMatchObject({ message: expect.stringContaining('no room left in /clones/a') as string });
});

function attempt(act: () => void): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

test('what nobody foresaw stays internal; ours stays ours', async () => {
  expect((await failing(new TypeError('x is not a function'))).failure).toMatchObject({ type: 'internal' });
  expect((await failing(new AssayError('cluster-unreachable', { cluster: 'shop', reason: 'r' }))).failure).toMatchObject({ type: 'cluster-unreachable' });
});

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

test('what nobody foresaw stays internal; ours stays ours', async () => {
  expect((await failing(new TypeError('x is not a function'))).failure).toMatchObject({ type: 'internal' });
  expect((await failing(new AssayError('cluster-unreachable', { cluster: 'shop', reason: 'r' }))).failure).toMatchObject({ type: 'cluster-unreachable' });
});

import { Connection } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkTemporal, checkWorkers } from '../../activities/doctor/check-fleet.ts';
import { hostQueue } from '../../domain/ids.ts';
import { temporalView } from '../../workers/commands/doctor.ts';

let temporal: TestWorkflowEnvironment;
beforeAll(async () => {
  const path = new URL('../../.tools/temporal', import.meta.url).pathname;
  temporal = await TestWorkflowEnvironment.createLocal({ server: { executable: { type: 'existing-path', path }, log: { format: 'pretty', level: 'error' } } });
});
afterAll(() => temporal?.teardown());

test('a queue nobody polls is a fault with the command that starts its worker, one that is polled is not', async () => {
  const { address } = temporal;
  const view = temporalView(address, 'default', () => Connection.connect({ address }));
  expect(await checkTemporal(view)).toMatchObject({ outcome: 'ok', line: expect.stringMatching(/^Temporal \d/) });
  expect(await checkWorkers(view, ['db1'])).toMatchObject([
    { outcome: 'fault', line: 'no worker polls assay' },
    { outcome: 'fault', fix: 'start `assay worker` on db1, with ASSAY_HOST=db1' },
  ]);

  const worker = await Worker.create({ connection: temporal.nativeConnection, taskQueue: hostQueue('db1'), activities: { nothing: async () => {} } });
  await worker.runUntil(async () => {
    await expect.poll(async () => (await checkWorkers(view, ['db1']))[1]?.outcome, { timeout: 20_000 }).toBe('ok');
  });
});

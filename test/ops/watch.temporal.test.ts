import { Client, Connection } from '@temporalio/client';
import { expect, test } from 'vitest';
import { scheduleId } from '../../domain/ids.ts';
import { startTemporal } from '../../workers/embedded/temporal.ts';
import { missedRunsOf } from '../../workers/watch.ts';

test('a server that was killed for longer than the catch-up time has missed runs, and schedules that are not there count nothing', async () => {
  const temporal = await startTemporal({ headless: true });
  const connect = async () => new Client({ connection: await Connection.connect({ address: temporal.address }) });
  try {
    let client = await connect();
    await client.schedule.create({
      scheduleId: scheduleId('shop', 'full'),
      spec: { intervals: [{ every: '1s' }] },
      policies: { catchupWindow: '10s', overlap: 'SKIP' },
      action: { type: 'startWorkflow', workflowType: 'backupRun', taskQueue: 'nobody', workflowId: 'run' },
    });
    expect(new Set((await missedRunsOf(client.schedule, 'shop')).values())).toEqual(new Set([0]));
    await client.connection.close();
    await temporal.kill('SIGKILL');
    const away = Date.now();
    await expect.poll(() => Date.now() - away, { timeout: 30_000, interval: 250 }).toBeGreaterThan(14_000);
    await temporal.start();
    client = await connect();
    await expect.poll(async () => (await missedRunsOf(client.schedule, 'shop')).get('full'), { timeout: 30_000, interval: 250 }).toBeGreaterThan(0);
    await client.connection.close();
  } finally {
    await temporal.destroy();
  }
});

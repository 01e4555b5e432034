import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMetrics } from '../../ops/metrics.ts';
import { freePort } from '../../workers/embedded/ports.ts';
import { type EmbeddedTemporal, startTemporal } from '../../workers/embedded/temporal.ts';
import { startMetricsServer } from '../../workers/metrics-server.ts';
import { oneOfEach } from '../support/observations.ts';
import { everyPanelReturnsASeries, startPrometheus, type TestPrometheus } from '../support/prometheus.ts';

const metrics = createMetrics();
const empty = createMetrics();
const ending: (() => Promise<unknown>)[] = [];
let prometheus: TestPrometheus;
let besideNothing: TestPrometheus;

beforeAll(async () => {
  const corePort = await freePort();
  Runtime.install({
    logger: new DefaultLogger('WARN'),
    telemetryOptions: {
      logging: { filter: { core: 'ERROR', other: 'ERROR' }, forward: {} },
      metrics: { prometheus: { bindAddress: `127.0.0.1:${corePort}`, countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true } },
    },
  });
  const temporal = await startTemporal({ headless: true });
  ending.push(() => temporal.destroy());
  const stopWorker = await workOnce(temporal);
  ending.push(stopWorker);
  const now = Date.now() / 1000;
  for (const seen of Object.values(oneOfEach)) metrics.listener(seen.kind === 'proof-judged' ? { ...seen, provenAtSeconds: now } : seen);
  const server = await startMetricsServer({ address: '127.0.0.1', port: 0, registry: metrics.registry, corePort, ready: () => true });
  const bare = await startMetricsServer({ address: '127.0.0.1', port: 0, registry: empty.registry, corePort: null, ready: () => true });
  ending.push(server.close, bare.close);
  prometheus = await startPrometheus([new URL(server.url).host]);
  besideNothing = await startPrometheus([new URL(bare.url).host]);
  ending.push(prometheus.stop, besideNothing.stop);
});

afterAll(async () => {
  for (const end of ending.toReversed()) await end();
});

/** A worker that has run one workflow with one step, and polls on. */
async function workOnce(temporal: EmbeddedTemporal): Promise<() => Promise<void>> {
  const connection = await NativeConnection.connect({ address: temporal.address });
  const worker = await Worker.create({
    connection,
    taskQueue: 'ping',
    workflowsPath: fileURLToPath(new URL('../support/ping-workflow.ts', import.meta.url)),
    activities: { ping: async () => 'pong' },
    workflowThreadPoolSize: 1,
  });
  const running = worker.run();
  const caller = await Connection.connect({ address: temporal.address });
  expect(await new Client({ connection: caller }).workflow.execute('pingWorkflow', { taskQueue: 'ping', workflowId: 'ping' })).toBe('pong');
  await caller.close();
  return async () => {
    worker.shutdown();
    await running;
    await connection.close();
  };
}

test('every query of every panel returns a series', async () => {
  expect(await everyPanelReturnsASeries(prometheus.url)).toEqual([]);
});

test('a fleet that observed nothing has silent panels: the check above can fail', async () => {
  const silent = await everyPanelReturnsASeries(besideNothing.url, 3_000);
  expect(silent.length).toBeGreaterThan(20);
});

test('a worker at work fires nothing; its first gap, failed proof and regression page, with their words filled in', async () => {
  const paging = async () => (await prometheus.alerts()).filter(({ labels, state }) => labels.severity === 'page' && state === 'firing');
  await expect.poll(async () => (await prometheus.query('count(ALERTS)')).length, { timeout: 10_000 }).toBe(1);
  expect(await paging()).toEqual([]);
  metrics.listener({ ...oneOfEach['archive-measured'], gaps: 2 });
  metrics.listener({ ...oneOfEach['proof-judged'], depth: 'deep', verdict: 'failed', level: null, cause: 'wal-gap' });
  metrics.listener({ ...oneOfEach['guard-verdict'], verdict: 'roll-back' });
  await expect
    .poll(async () => (await paging()).map(({ labels }) => labels.alertname).toSorted(), { timeout: 20_000 })
    .toEqual(['AssayArchiveGap', 'AssayProofFailed', 'AssayRegressionFound']);
  for (const { annotations } of await prometheus.alerts()) {
    expect(Object.values(annotations).join('\n')).not.toMatch(/\{\{|<no value>|error expanding/);
    expect(annotations.runbook_url).toMatch(/^docs\/runbooks\/\w+\.md$/);
  }
});

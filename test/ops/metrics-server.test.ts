import { createServer } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { createMetrics } from '../../ops/metrics.ts';
import { type MetricsServerOptions, startMetricsServer } from '../../workers/metrics-server.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function serve(options: Partial<MetricsServerOptions> = {}) {
  const { registry } = createMetrics();
  const server = await startMetricsServer({ address: '127.0.0.1', port: 0, registry, corePort: null, ready: () => true, ...options });
  open.push(server);
  return server;
}

async function exporter(status: number): Promise<number> {
  const server = createServer((_request, response) => response.writeHead(status).end('temporal_num_pollers 4\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(server);
  return (server.address() as { port: number }).port;
}

const text = async (url: string) => (await fetch(url)).text();

test("one exposition holds the fleet's metrics, the process's and the SDK's", async () => {
  const { url } = await serve({ corePort: await exporter(200) });
  const body = await text(`${url}/metrics`);
  expect(body).toMatch(/^assay_fleet_sdk_metrics_up 1$/m);
  expect(body).toMatch(/^process_cpu_seconds_total /m);
  expect(body).toMatch(/^temporal_num_pollers 4$/m);
});

test.each([
  ['answers with an error', () => exporter(500)],
  ['is gone', async () => 1],
])('a scrape goes on without the SDK that %s, and says so', async (_why, port) => {
  const { url } = await serve({ corePort: await port() });
  const body = await text(`${url}/metrics`);
  expect(body).toMatch(/^assay_fleet_sdk_metrics_up 0$/m);
  expect(body).not.toContain('temporal_');
});

test('/healthz follows the worker', async () => {
  let ready = true;
  const { url } = await serve({ ready: () => ready });
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  ready = false;
  expect((await fetch(`${url}/healthz`)).status).toBe(503);
  expect((await fetch(`${url}/else`)).status).toBe(404);
});

test('a port that is taken is named with the way out', async () => {
  const { url } = await serve();
  await expect(serve({ port: Number(new URL(url).port) })).rejects.toMatchObject({ code: 'usage', hint: expect.stringContaining('ASSAY_METRICS_PORT') });
});

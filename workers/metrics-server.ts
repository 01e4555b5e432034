/** One /metrics for a worker: the fleet's registry and the Temporal SDK's own exporter, which listens on loopback only. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { collectDefaultMetrics, type Gauge, type Registry } from 'prom-client';
import { AssayError, reasonOf } from '../domain/errors.ts';
import { metricCatalogue } from '../ops/metrics-catalogue.ts';

export interface MetricsServerOptions {
  /** Address to listen on; 127.0.0.1 unless a Prometheus of another machine or container scrapes it. */
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly registry: Registry;
  /** Port of the SDK's exporter on loopback; null: this process runs no Temporal worker. */
  readonly corePort: number | null;
  /** Whether /healthz answers 200. */
  ready(): boolean;
}

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

const CORE_TIMEOUT_MS = 2_000;

/**
 * Serves /metrics and /healthz. Names of the two sources never clash (`assay_`, `process_`, `nodejs_` against `temporal_`). Where the SDK's
 * exporter does not answer, the scrape goes on without it and says so in `assay_fleet_sdk_metrics_up`. Throws usage where the port is taken.
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  if (options.registry.getSingleMetric('process_cpu_seconds_total') === undefined) collectDefaultMetrics({ register: options.registry });
  const server = createServer(async (request, response) => {
    try {
      if (request.url === '/healthz') answer(response, options.ready() ? 200 : 503, options.ready() ? 'ready\n' : 'not ready\n');
      else if (request.url === '/metrics') answer(response, 200, await exposition(options), options.registry.contentType);
      else answer(response, 404, 'there are /metrics and /healthz\n');
    } catch (error) {
      // a scrape that fails shows as up == 0, which pages
      answer(response, 500, `${reasonOf(error)}\n`);
    }
  });
  const port = await listening(server, options);
  const host = options.address === '0.0.0.0' || options.address === '::' ? '127.0.0.1' : options.address;
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`, close: () => closed(server) };
}

async function exposition({ registry, corePort }: MetricsServerOptions): Promise<string> {
  const core = corePort === null ? null : await coreMetrics(corePort);
  const up = registry.getSingleMetric(metricCatalogue.sdkUp.name) as Gauge | undefined; // the catalogue says it is a gauge
  up?.set(core === null ? 0 : 1);
  return `${(await registry.metrics()).trimEnd()}\n${core ?? ''}`;
}

async function coreMetrics(port: number): Promise<string | null> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(CORE_TIMEOUT_MS) });
    return response.ok ? await response.text() : null;
  } catch {
    return null;
  }
}

function answer(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}

function listening(server: Server, { address, port }: MetricsServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new AssayError(
          'usage',
          { reason: `cannot serve metrics on ${address}:${port}: ${reasonOf(cause)}`, hint: 'name another with ASSAY_METRICS_PORT' },
          { cause },
        ),
      ),
    );
    server.listen(port, address, () => resolve((server.address() as { port: number }).port)); // a TCP server's address is never a string
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

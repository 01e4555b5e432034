/** A real Temporal server and a real worker whose workflows answer from a script: for callers, who cannot tell the difference. */
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { afterAll, beforeAll } from 'vitest';
import { fleetQueue } from '../../domain/ids.ts';
import { payloadCodec } from '../../ops/client/codec.ts';
import { type AssayClient, type AssayOptions, connectAssay } from '../../ops/client/connect.ts';

const server = new URL('../../.tools/temporal', import.meta.url).pathname;
const workflowsPath = new URL('./canned-workflows.ts', import.meta.url).pathname;

export interface CannedFleet {
  readonly environment: TestWorkflowEnvironment;
  readonly options: AssayOptions;
  /** Closed after the file's tests. */
  client(options?: AssayOptions): Promise<AssayClient>;
  signal(workflowId: string, name: string): Promise<void>;
  runsOf(workflowId: string): Promise<number>;
}

export function useCannedFleet(codecKey: string | null = null): { get(): CannedFleet } {
  let fleet: CannedFleet | undefined;
  const undo: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } } });
    const environment = await TestWorkflowEnvironment.createLocal({
      server: { executable: { type: 'existing-path', path: server }, log: { format: 'pretty', level: 'error' } },
    });
    undo.push(() => environment.teardown());
    undo.push(await startWorker(environment, codecKey));
    const options = { address: environment.address, namespace: environment.namespace ?? 'default', codecKey };
    fleet = {
      environment,
      options,
      async client(more = {}) {
        const client = await connectAssay({ ...options, ...more });
        undo.push(() => client.close());
        return client;
      },
      signal: (workflowId, name) => environment.client.workflow.getHandle(workflowId).signal(name),
      runsOf: (workflowId) => countRuns(environment, workflowId),
    };
  }, 120_000);
  afterAll(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  }, 60_000);
  return {
    get() {
      if (fleet === undefined) throw new Error('the fleet starts before the first test');
      return fleet;
    },
  };
}

async function startWorker({ nativeConnection, namespace }: TestWorkflowEnvironment, codecKey: string | null): Promise<() => Promise<void>> {
  const options: WorkerOptions = {
    connection: nativeConnection,
    namespace: namespace ?? 'default',
    taskQueue: fleetQueue,
    workflowsPath,
    ...payloadCodec(codecKey),
  };
  const worker = await Worker.create(options);
  const running = worker.run();
  return async () => {
    worker.shutdown();
    await running;
  };
}

/** From the server's own record: one id may have had several runs. */
async function countRuns({ client, namespace }: TestWorkflowEnvironment, workflowId: string): Promise<number> {
  const answer = await client.workflowService.countWorkflowExecutions({ namespace: namespace ?? 'default', query: `WorkflowId = '${workflowId}'` });
  return Number(answer.count);
}

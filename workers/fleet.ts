/** One worker process of the fleet: the shared queue and its own host's, one connection, one bundle, one /metrics. */
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { createEvidenceStore } from '../activities/backup/evidence/evidence-store.ts';
import { createBackupSteps } from '../activities/backup/steps.ts';
import { createCapturedStore } from '../activities/control/captured-store.ts';
import { openControl } from '../activities/control/control-database.ts';
import { createMarkerStore } from '../activities/control/marker-store.ts';
import { gaugeRecommendations } from '../activities/control/optimizer-gauges.ts';
import { gaugeProofs } from '../activities/control/proof-gauges.ts';
import { fleetSteps, isRunning, releasePins } from '../activities/fleet/steps.ts';
import { createOptimizerSteps } from '../activities/optimizer/steps.ts';
import { AssayError, reasonOf } from '../domain/errors.ts';
import { fleetQueue, hostQueue } from '../domain/ids.ts';
import type { Observe } from '../domain/observation.ts';
import type { ClusterPolicy, FleetPolicy, SecretReference } from '../domain/policy.ts';
import { createLog } from '../ops/log.ts';
import { createMetrics } from '../ops/metrics.ts';
import { activityIo } from './activity-io.ts';
import { workflowBundle } from './bundle.ts';
import { payloadCodec } from './codec.ts';
import { type ProcessConfig, readSecret, temporalConnection } from './config.ts';
import { backupDependencies } from './dependencies.ts';
import { startExpiry } from './expiry.ts';
import { libraryLog } from './library-log.ts';
import { startMetricsServer } from './metrics-server.ts';
import { optimizerDependencies } from './optimizer-dependencies.ts';
import { crashPointOf, stepInterceptor } from './step-interceptor.ts';
import { startTicks } from './ticks.ts';
import { createWatch, missedRunsOf } from './watch.ts';

export interface Fleet {
  readonly metricsUrl: string;
  /** Ends when the process is told to stop (SIGTERM, SIGINT) or `stop` is called. */
  run(): Promise<void>;
  stop(): void;
}

export interface FleetOptions {
  readonly config: ProcessConfig;
  /** Temporal's address comes from here where the environment is silent. */
  readonly policy: FleetPolicy | null;
  readonly signingKey: SecretReference;
  readonly controlUrl: string;
}

/** Throws temporal-unreachable, control-unreachable, schema-newer. */
export async function startFleet({ config, policy, signingKey, controlUrl }: FleetOptions): Promise<Fleet> {
  const metrics = createMetrics();
  const log = createLog({ level: config.logLevel });
  const observe: Observe = (observation) => {
    log(observation);
    metrics.listener(observation);
  };
  const corePort = await installRuntime(observe);
  const temporal = await connectTemporal(config, policy);
  const control = await openControl(controlUrl);
  await control.migrate();
  const evidence = createEvidenceStore({ control, readSecret, signingKey });
  metrics.setFromHistory(await gaugeProofs(control));
  const dependencies = backupDependencies({ host: config.host, observe, evidence, markerStore: createMarkerStore(control), io: activityIo });
  await sweepClones(dependencies, temporal.client, config.host);
  const workers = await createWorkers({
    config,
    observe,
    temporal,
    activities: {
      ofFleet: fleetSteps({ client: temporal.client, evidence }),
      ofHost: { ...createBackupSteps(dependencies), ...createOptimizerSteps(optimizerDependencies(dependencies, control)) },
    },
  });
  const watch = createWatch({
    observe,
    repositoriesOf: (each) => dependencies.engineFor(each).repositories(),
    missedRuns: (cluster, repositories) => missedRunsOf(temporal.client.schedule, cluster, repositories),
    counts: () => gaugeRecommendations(control),
  });
  const expiry = startExpiry(createCapturedStore(control));
  const ticks = startTicks(dependencies, config.host, watch);
  const server = await startMetricsServer({
    ...config.metrics,
    registry: metrics.registry,
    corePort,
    ready: () => workers.every((worker) => worker.getState() === 'RUNNING'),
  });
  observe({ kind: 'worker-started', host: config.host, queues: [fleetQueue, hostQueue(config.host)], metricsUrl: server.url });
  return {
    metricsUrl: server.url,
    async run() {
      try {
        await Promise.all(workers.map((worker) => worker.run()));
      } finally {
        await ticks.stop();
        await expiry.stop();
        await server.close();
        await control.close();
        await temporal.close();
        observe({ kind: 'worker-stopped', host: config.host });
      }
    },
    stop: () => {
      for (const worker of workers) worker.shutdown();
    },
  };
}

interface TemporalLinks {
  readonly native: NativeConnection;
  readonly client: Client;
  readonly namespace: string;
  close(): Promise<void>;
}

async function connectTemporal(config: ProcessConfig, policy: FleetPolicy | null): Promise<TemporalLinks> {
  const { namespace, ...options } = temporalConnection(config, policy);
  const dataConverter = payloadCodec(config.payloadKey);
  try {
    const native = await NativeConnection.connect(options);
    const connection = await Connection.connect(options);
    return {
      native,
      namespace,
      client: new Client({ connection, namespace, ...dataConverter }),
      async close() {
        await connection.close();
        await native.close();
      },
    };
  } catch (cause) {
    throw new AssayError('temporal-unreachable', { address: options.address, reason: reasonOf(cause) }, { cause });
  }
}

/** Once per process and first of all: the SDK's own metrics and logs are decided here. Returns the port of its metrics on loopback: any, since only ours reads it. */
async function installRuntime(observe: Observe): Promise<number> {
  const port = await freePort();
  Runtime.install({
    logger: libraryLog(observe),
    telemetryOptions: {
      logging: { filter: { core: 'ERROR', other: 'ERROR' }, forward: {} },
      metrics: {
        prometheus: {
          bindAddress: `127.0.0.1:${port}`,
          countersTotalSuffix: true,
          unitSuffix: true,
          useSecondsForDurations: true,
          histogramBucketOverrides: { activity_execution_latency: [0.1, 0.5, 1, 5, 30, 60, 300, 900, 3600, 14400] },
        },
      },
    },
  });
  return port;
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }; // a TCP server's address is never a string
      server.close(() => resolve(port));
    });
  });
}

interface Crew {
  readonly config: ProcessConfig;
  readonly observe: Observe;
  readonly temporal: TemporalLinks;
  readonly activities: { readonly ofFleet: object; readonly ofHost: object };
}

async function createWorkers({ config, observe, temporal, activities }: Crew): Promise<readonly Worker[]> {
  const { ofFleet, ofHost } = activities;
  const shared: Omit<WorkerOptions, 'taskQueue'> = {
    connection: temporal.native,
    namespace: temporal.namespace,
    ...payloadCodec(config.payloadKey),
    shutdownGraceTime: '10s',
    shutdownForceTime: '30s',
    interceptors: { activity: [stepInterceptor(observe, crashPointOf(process.env))] },
  };
  return [
    await Worker.create({
      ...shared,
      taskQueue: fleetQueue,
      workflowBundle: await workflowBundle(),
      activities: ofFleet,
      maxCachedWorkflows: 100,
      workflowThreadPoolSize: 1,
      maxConcurrentActivityTaskExecutions: 10,
    }),
    await Worker.create({ ...shared, taskQueue: hostQueue(config.host), activities: ofHost, maxConcurrentActivityTaskExecutions: 8 }),
  ];
}

/** A clone whose workflow ended without wiping it (the host went down) is wiped before new work begins; what it pinned is free again. */
async function sweepClones(deps: ReturnType<typeof backupDependencies>, client: Client, host: string): Promise<void> {
  const all = await deps.evidence.listPolicies();
  for (const { cluster } of all) await releasePins({ client, evidence: deps.evidence }, cluster);
  const policies = all.filter((policy: ClusterPolicy) => policy.host === host);
  for (const directory of new Set(policies.map((policy) => policy.clone.directory))) {
    await deps.clones.sweep(directory, (owner) => isRunning(client, owner));
  }
}

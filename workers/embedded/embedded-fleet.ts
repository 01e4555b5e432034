/** The whole fleet on this machine, of real parts: a cluster, the control database, Temporal with its UI, a worker process. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { osUser, privateFolder } from '../../activities/os-user.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { type Applied, applyFleet } from '../commands/apply.ts';
import { openPlan } from '../commands/plan-dependencies.ts';
import { readConfig } from '../config.ts';
import { readPolicy } from '../read-policy.ts';
import { type ClusterOptions, createCluster, type EmbeddedCluster } from './cluster.ts';
import { type EmbeddedControl, startControl } from './control.ts';
import { freshFolder } from './folder.ts';
import { type EmbeddedSchedules, policyText } from './policy-text.ts';
import { freePorts } from './ports.ts';
import { type KeyFiles, makeSigningKey } from './signing-key.ts';
import { type EmbeddedTemporal, startTemporal } from './temporal.ts';
import { startWorker, type WorkerProcess } from './worker-process.ts';

export interface EmbeddedFleetOptions {
  /** Parent of everything; default a fresh one under the temporary folder. */
  readonly directory?: string;
  readonly cluster?: ClusterOptions;
  /** Default true: a worker process is started. */
  readonly worker?: boolean;
  readonly headless?: boolean;
  /** Section `optimizer` of its assay.yaml, as a file says it. */
  readonly optimizer?: object;
  /** Default `away`: nothing starts of itself while it is looked at. */
  readonly schedules?: EmbeddedSchedules;
}

export interface EmbeddedFleet {
  readonly directory: string;
  readonly cluster: EmbeddedCluster;
  readonly control: EmbeddedControl;
  readonly temporal: EmbeddedTemporal;
  readonly policyFile: string;
  readonly keys: KeyFiles;
  /** What the `assay` command and a worker need to find this fleet. */
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  client(): Promise<Client>;
  /** The cluster's policy as its file says. */
  policy(): ClusterPolicy;
  /** Starts another worker process (after the first was killed), with more environment where a test needs it. */
  startWorker(env?: Readonly<Record<string, string>>): Promise<WorkerProcess>;
  readonly worker: WorkerProcess | null;
  stop(): Promise<void>;
}

/** Everything is gone again where a part does not start. */
export async function startEmbeddedFleet(options: EmbeddedFleetOptions = {}): Promise<EmbeddedFleet> {
  const owner = osUser();
  const directory = freshFolder(options.directory, owner);
  // the worker's own folder belongs to whoever runs it, the servers' to their OS user
  chmodSync(directory, 0o711);
  const undo: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step().catch(() => {});
  };
  try {
    return await build({ options, directory, undo, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Site {
  readonly options: EmbeddedFleetOptions;
  readonly directory: string;
  readonly undo: (() => Promise<void>)[];
  readonly stop: () => Promise<void>;
}

async function build({ options, directory, undo, stop }: Site): Promise<EmbeddedFleet> {
  const { rm } = await import('node:fs/promises');
  undo.push(() => rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));
  const own = join(directory, 'fleet');
  mkdirSync(own, { mode: 0o700 });
  const keys = makeSigningKey(own);
  const folder = (name: string) => privateFolder(join(directory, name), osUser());
  const [temporal, control, cluster] = await Promise.all([
    keep(undo, startTemporal({ directory: mkdir(join(own, 'temporal')), headless: options.headless ?? false })),
    keep(undo, startControl({ directory: folder('control') })),
    keep(undo, createCluster({ name: 'shop', directory: folder('shop'), ...options.cluster })),
  ]);
  const [metricsPort] = (await freePorts(2)) as [number];
  const host = hostname();
  const policyFile = join(own, 'assay.yaml');
  writeFileSync(
    policyFile,
    policyText({
      cluster,
      host,
      temporalAddress: temporal.address,
      signingKeyFile: keys.privateKey,
      ...(options.optimizer === undefined ? {} : { optimizer: options.optimizer }),
      schedules: options.schedules ?? 'away',
    }),
    { mode: 0o600 },
  );
  const env = { ASSAY_CONTROL_URL: control.url, ASSAY_POLICY: policyFile, ASSAY_HOST: host, ASSAY_TEMPORAL_ADDRESS: temporal.address };
  const logFile = join(own, 'worker.log');
  let worker: WorkerProcess | null = null;
  const fleet: EmbeddedFleet = {
    ...{ directory, cluster, control, temporal, policyFile, keys, env, logFile, stop },
    client: async () => new Client({ connection: await Connection.connect({ address: temporal.address }) }),
    policy: () => onlyCluster(policyFile),
    async startWorker(more = {}) {
      worker = await startWorker({ env: { ...env, ...more }, metricsPort, logFile });
      return worker;
    },
    get worker() {
      return worker;
    },
  };
  undo.push(async () => worker?.kill('SIGTERM'));
  await applyPolicy(fleet);
  if (options.worker ?? true) await fleet.startWorker();
  return fleet;
}

/** As `assay apply` does. */
export async function applyPolicy({ policyFile, env }: Pick<EmbeddedFleet, 'policyFile' | 'env'>): Promise<Applied> {
  const fleet = readPolicy(policyFile);
  const { dependencies, close } = await openPlan({ config: readConfig(env), fleet });
  try {
    return await applyFleet(dependencies, fleet, { confirmRemovals: false });
  } finally {
    await close();
  }
}

async function keep<T extends { destroy(): Promise<void> }>(undo: (() => Promise<void>)[], starting: Promise<T>): Promise<T> {
  const part = await starting;
  undo.push(() => part.destroy());
  return part;
}

function mkdir(path: string): string {
  mkdirSync(path, { mode: 0o700 });
  return path;
}

function onlyCluster(file: string): ClusterPolicy {
  const [policy] = readPolicy(file).clusters;
  if (policy === undefined) throw new TypeError('an embedded fleet has one cluster');
  return policy;
}

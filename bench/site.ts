/** Where is measured: an embedded fleet with a shop's data, and the steps' own parts in this process. */
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { BackupDependencies } from '../activities/backup/ports.ts';
import type { StepIo } from '../activities/io.ts';
import type { ProofSummary } from '../domain/backup/proof.ts';
import type { BackupFingerprintInput, BackupFingerprintResult, BackupProveInput, BackupRunInput, BackupRunResult } from '../domain/backup/requests.ts';
import { fleetQueue, workflowIds } from '../domain/ids.ts';
import type { ClusterPolicy } from '../domain/policy.ts';
import { backupDependencies } from '../workers/dependencies.ts';
import type { EmbeddedCluster } from '../workers/embedded/cluster.ts';
import { type EmbeddedFleet, startEmbeddedFleet } from '../workers/embedded/embedded-fleet.ts';
import { createShop, inDatabase, type ShopServer } from '../workers/embedded/shop.ts';

export interface Site {
  readonly fleet: EmbeddedFleet;
  readonly bytes: number;
  backup(input?: Partial<BackupRunInput>): Promise<BackupRunResult>;
  prove(input: Partial<BackupProveInput>): Promise<ProofSummary>;
  fingerprint(): Promise<BackupFingerprintResult>;
  stop(): Promise<void>;
}

/** Gigabytes of the shop at scale 1. */
const GIGABYTES_PER_SCALE = 0.255;

export async function openSite(gigabytes: number, tell: (line: string) => void): Promise<Site> {
  tell(`a fleet, and ${gigabytes} GB of a shop's data`);
  const fleet = await startEmbeddedFleet({ headless: true });
  try {
    const { bytes } = await filledShop(fleet.cluster, gigabytes);
    await archived(fleet.cluster);
    const client = await fleet.client();
    return {
      fleet,
      bytes,
      backup: (input = {}) => start<BackupRunResult>(client, 'backupRun', { type: 'full', policy: fleet.policy(), ...input }),
      prove: (input) => start<ProofSummary>(client, 'backupProve', { policy: fleet.policy(), ...input }),
      fingerprint: () => start<BackupFingerprintResult>(client, 'backupFingerprint', { policy: fleet.policy() } satisfies Partial<BackupFingerprintInput>),
      stop: async () => {
        await client.connection.close();
        await fleet.stop();
      },
    };
  } catch (error) {
    await fleet.stop();
    throw error;
  }
}

/** Vacuumed and checkpointed: nothing that is left of the loading is paid for by what is measured first. */
export async function filledShop(server: ShopServer, gigabytes: number): Promise<{ readonly bytes: number }> {
  const shop = await createShop(server, { scale: gigabytes / GIGABYTES_PER_SCALE });
  for (const database of shop.databases) await inDatabase(server, database, (client) => client.query('vacuum (freeze, analyze)'));
  await inDatabase(server, 'postgres', (client) => client.query('checkpoint'));
  return shop;
}

/** The WAL of the loading is in the repository: no backup waits for it. */
async function archived(cluster: EmbeddedCluster): Promise<void> {
  const [row] = await cluster.sql<{ name: string }>('select pg_walfile_name(pg_switch_wal()) as name');
  const question = 'select coalesce(last_archived_wal >= $1, false) as done from pg_stat_archiver';
  while (!(await cluster.sql<{ done: boolean }>(question, { params: [row?.name] }))[0]?.done) await pause(250);
}

let started = 0;

async function start<R>(client: Client, workflow: string, input: { policy: ClusterPolicy; requestKey?: string }): Promise<R> {
  const { cluster } = input.policy;
  const requestKey = input.requestKey ?? `bench-${process.pid}-${++started}`;
  const workflowId = workflowIds[workflow as keyof typeof workflowIds](cluster, requestKey);
  return client.workflow.execute(workflow, { workflowId, taskQueue: fleetQueue, args: [{ cluster, ...input, requestKey }] }) as Promise<R>;
}

/** The steps' parts in this process, for what is measured without a workflow around it. Nothing is stored. */
export function parts(): BackupDependencies {
  const nowhere = new Proxy({}, { get: (_, name) => () => Promise.reject(new TypeError(`benchmarks store nothing: ${String(name)}`)) });
  return backupDependencies({ host: hostname(), observe: () => {}, evidence: nowhere as never, markerStore: nowhere as never, io: quietIo });
}

export const quietIo = (): StepIo => ({ signal: new AbortController().signal, beat: () => {}, previous: undefined });

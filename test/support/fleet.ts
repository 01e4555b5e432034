/** A whole embedded fleet for one test file, and the few questions tests ask it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import type { BackupProveInput, BackupRunInput, BackupRunResult } from '../../domain/backup/requests.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import { type EmbeddedFleet, type EmbeddedFleetOptions, startEmbeddedFleet } from '../../workers/embedded/embedded-fleet.ts';

let counter = 0;

/** Starts before the file's tests, is gone after them. */
export function useFleet(options: EmbeddedFleetOptions = {}): { get(): EmbeddedFleet } {
  let fleet: EmbeddedFleet | undefined;
  beforeAll(async () => {
    fleet = await startEmbeddedFleet({ headless: true, ...options });
  }, 300_000);
  afterAll(async () => {
    await fleet?.stop();
  }, 60_000);
  return {
    get() {
      if (fleet === undefined) throw new Error('the fleet starts before the first test');
      return fleet;
    },
  };
}

export const freshKey = (): string => `t${process.pid}-${++counter}`;

export async function startBackup(fleet: EmbeddedFleet, input: Partial<BackupRunInput> = {}) {
  const client = await fleet.client();
  const requestKey = input.requestKey ?? freshKey();
  return client.workflow.start<(input: BackupRunInput) => Promise<BackupRunResult>>('backupRun', {
    workflowId: workflowIds.backupRun('shop', requestKey),
    taskQueue: fleetQueue,
    workflowIdConflictPolicy: 'USE_EXISTING',
    args: [{ cluster: 'shop', type: 'full', policy: fleet.policy(), ...input, requestKey }],
  });
}

export async function startProof(fleet: EmbeddedFleet, input: Partial<BackupProveInput> = {}) {
  const client = await fleet.client();
  const requestKey = input.requestKey ?? freshKey();
  return client.workflow.start<(input: BackupProveInput) => Promise<ProofSummary>>('backupProve', {
    workflowId: workflowIds.backupProve('shop', requestKey),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', policy: fleet.policy(), ...input, requestKey }],
  });
}

/** A worker that dies at this step, and what it says in its last moment; another try of a test has a point of its own. */
export async function startDoomedWorker(fleet: EmbeddedFleet, at: `${string}:before` | `${string}:after`) {
  const report = join(fleet.directory, `crash-${freshKey()}`);
  const worker = await fleet.startWorker({ ASSAY_CRASH_AT: at, ASSAY_CRASH_REPORT: report });
  return { ended: async () => worker.ended.then(() => readFileSync(report, 'utf8').trim()) };
}

/** A table of this many rows, with enough shape to compare. */
export async function fillTable(fleet: EmbeddedFleet, rows: number): Promise<void> {
  await fleet.cluster.sql(
    `create table if not exists account (id bigint primary key, owner text not null, balance numeric(12,2), touched timestamptz default now());
     insert into account select n, 'owner ' || n, n % 1000, now() from generate_series((select coalesce(max(id), 0) + 1 from account), (select coalesce(max(id), 0) from account) + ${rows}) n`,
  );
}

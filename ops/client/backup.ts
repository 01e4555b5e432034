/** The backup agent as another service sees it. Each call with a key is made once, however often it is repeated. */

import { type Client, TimeoutFailure, WorkflowFailedError } from '@temporalio/client';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import type {
  BackupExpireInput,
  BackupExpireResult,
  BackupFingerprintInput,
  BackupFingerprintResult,
  BackupProveInput,
  BackupProveResult,
  BackupRestoreInput,
  BackupRestorePointResult,
  BackupRestoreResult,
  BackupRunInput,
  BackupRunResult,
} from '../../domain/backup/requests.ts';
import { backupWorkflows } from '../../domain/backup/requests.ts';
import type { BackupStatus, RunningWork } from '../../domain/backup/status.ts';
import { AssayError } from '../../domain/errors.ts';
import { clusterPrefix, fleetQueue, workflowIds } from '../../domain/ids.ts';
import { asAssayError } from './failures.ts';
import { type ClientContext, findAnyRequest, findRequest, type Request, startRequest } from './request.ts';
import { checkNames, type InputOf, type Verb } from './verbs.ts';
import { stallOf } from './workers-there.ts';

export interface BackupClient {
  /** Takes a backup and, as the policy says, proves it. A verdict `failed` is a result, not an error. */
  run(input: BackupRunInput): Promise<BackupRunResult>;
  prove(input: BackupProveInput): Promise<BackupProveResult>;
  restore(input: BackupRestoreInput): Promise<BackupRestoreResult>;
  expire(input: BackupExpireInput): Promise<BackupExpireResult>;
  fingerprint(input: BackupFingerprintInput): Promise<BackupFingerprintResult>;
  /** Creates a named restore point and waits until its WAL lies in the repository. The name is the key. */
  restorePoint(cluster: string, name: string): Promise<BackupRestorePointResult>;
  /** Waits for the proof of a backup by the key of its request or by its label. Throws cancelled after `patienceMs` (default one hour), backup-unknown. */
  waitForProof(what: ProofWanted): Promise<ProofSummary>;
  status(cluster: string): Promise<BackupStatus>;
  /** Starts or joins without waiting. */
  start<V extends Verb>(verb: V, input: InputOf<V>): Promise<Request<V>>;
  find<V extends Verb>(verb: V, cluster: string, key: string): Promise<Request<V>>;
  findAny(cluster: string, key: string): Promise<Request<Verb> | null>;
}

export type ProofWanted = { readonly cluster: string; readonly patienceMs?: number } & ({ readonly requestKey: string } | { readonly backup: string });

const PROOF_PATIENCE_MS = 3_600_000;
const LOOK_AGAIN_MS = 5_000;
const STATUS_MS = 60_000;

export function backupClient(context: ClientContext): BackupClient {
  const make = async <V extends Verb>(verb: V, input: InputOf<V>) => (await startRequest(context, verb, input)).result();
  return {
    run: (input) => make('run', input),
    prove: (input) => make('prove', input),
    restore: (input) => make('restore', input),
    expire: (input) => make('expire', input),
    fingerprint: (input) => make('fingerprint', input),
    restorePoint: (cluster, name) => make('restorePoint', { cluster, name }),
    waitForProof: (wanted) => waitForProof(context, wanted),
    status: (cluster) => readStatus(context, cluster),
    start: (verb, input) => startRequest(context, verb, input),
    find: (verb, cluster, key) => findRequest(context, verb, cluster, key),
    findAny: (cluster, key) => findAnyRequest(context, cluster, key),
  };
}

async function waitForProof(context: ClientContext, wanted: ProofWanted): Promise<ProofSummary> {
  const until = Date.now() + (wanted.patienceMs ?? PROOF_PATIENCE_MS);
  for (;;) {
    const proof = 'backup' in wanted ? await proofOfLabel(context, wanted.cluster, wanted.backup) : await proofOfRequest(context, wanted);
    if (proof !== null) return proof;
    const leftMs = until - Date.now();
    if (leftMs <= 0) throw new AssayError('cancelled', { what: `waiting for the proof of ${'backup' in wanted ? wanted.backup : wanted.requestKey}` });
    await new Promise((resolve) => setTimeout(resolve, Math.min(LOOK_AGAIN_MS, leftMs)));
  }
}

async function proofOfLabel(context: ClientContext, cluster: string, label: string): Promise<ProofSummary | null> {
  const { backups, proofs } = await readStatus(context, cluster);
  if (!backups.some((backup) => backup.label === label)) throw new AssayError('backup-unknown', { label, cluster });
  return proofs.find((proof) => proof.backup === label) ?? null;
}

/** The run's own answer holds its proof. */
async function proofOfRequest(
  context: ClientContext,
  { cluster, requestKey, patienceMs = PROOF_PATIENCE_MS }: ProofWanted & { requestKey: string },
): Promise<ProofSummary | null> {
  const request = await findAnyRequest(context, cluster, requestKey);
  if (request === null) return null;
  const result = await withinMs(request.result(), patienceMs);
  if (result === null) return null;
  if ('verdict' in result) return result;
  if ('proof' in result && result.proof !== null && typeof result.proof !== 'string') return result.proof;
  throw new AssayError('usage', { reason: `request ${requestKey} was made without a proof`, hint: 'prove its backup with `assay backup prove`' });
}

async function withinMs<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, ms, null);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** What people and schedules asked for; Temporal knows, the cluster's worker does not. */
async function runningWork(client: Client, cluster: string): Promise<readonly RunningWork[]> {
  const own = [workflowIds.clusterLock(cluster), workflowIds.backupStatus(cluster)];
  const running: RunningWork[] = [];
  const query = `WorkflowId STARTS_WITH "${clusterPrefix(cluster)}" AND ExecutionStatus = "Running"`;
  for await (const { workflowId, type, startTime } of client.workflow.list({ query })) {
    if (!own.includes(workflowId)) running.push({ workflowId, workflow: type, startedAt: startTime.toISOString() });
  }
  return running.sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
}

/** Callers at the same moment share one answer. Throws no-worker, cluster-unreachable where nobody gives one. */
async function readStatus(context: ClientContext, cluster: string): Promise<BackupStatus> {
  checkNames(cluster, 'status', 'run');
  const { client, address } = context;
  const workflowId = workflowIds.backupStatus(cluster);
  try {
    const handle = await client.workflow.start(backupWorkflows.status, {
      workflowId,
      taskQueue: fleetQueue,
      args: [{ cluster }],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowExecutionTimeout: STATUS_MS,
    });
    const answer = handle.result() as Promise<BackupStatus>; // what the workflow of this name returns
    answer.catch(() => {}); // thrown by whichever look below sees it first
    for (;;) {
      const status = await withinMs(answer, LOOK_AGAIN_MS);
      if (status !== null) return { ...status, running: await runningWork(client, cluster) };
      const stalled = await stallOf(client, await handle.describe(), Date.now());
      if (stalled !== null) throw new AssayError('no-worker', { queue: stalled.queue, host: stalled.host });
    }
  } catch (error) {
    if (error instanceof WorkflowFailedError && error.cause instanceof TimeoutFailure) {
      throw new AssayError('cluster-unreachable', { cluster, reason: `no worker answered for it within ${STATUS_MS / 1000} s` }, { cause: error });
    }
    throw asAssayError(error, { address, what: workflowId });
  }
}

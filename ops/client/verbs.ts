/** What can be asked of the agents: verb → workflow, its id, the sentence Temporal's UI shows. */
import { createHash, randomUUID } from 'node:crypto';
import type {
  BackupExpireInput,
  BackupExpireResult,
  BackupFingerprintInput,
  BackupFingerprintResult,
  BackupProveInput,
  BackupProveResult,
  BackupRestoreInput,
  BackupRestorePointInput,
  BackupRestorePointResult,
  BackupRestoreResult,
  BackupRunInput,
  BackupRunResult,
} from '../../domain/backup/requests.ts';
import { backupWorkflows } from '../../domain/backup/requests.ts';
import { AssayError } from '../../domain/errors.ts';
import { workflowIds } from '../../domain/ids.ts';
import { type OptimizerRunInput, type OptimizerRunResult, optimizerWorkflows } from '../../domain/optimizer/requests.ts';

/** Input and result of each verb. */
export interface Verbs {
  run: { input: BackupRunInput; result: BackupRunResult };
  prove: { input: BackupProveInput; result: BackupProveResult };
  restore: { input: BackupRestoreInput; result: BackupRestoreResult };
  expire: { input: BackupExpireInput; result: BackupExpireResult };
  fingerprint: { input: BackupFingerprintInput; result: BackupFingerprintResult };
  restorePoint: { input: BackupRestorePointInput; result: BackupRestorePointResult };
  optimize: { input: OptimizerRunInput; result: OptimizerRunResult };
}

export type Verb = keyof Verbs;
export type InputOf<V extends Verb> = Verbs[V]['input'];
export type ResultOf<V extends Verb> = Verbs[V]['result'];

interface VerbDefinition {
  readonly workflow: string;
  readonly workflowId: (cluster: string, key: string) => string;
  readonly summary: (cluster: string) => string;
}

export const verbs: { readonly [V in Verb]: VerbDefinition } = {
  run: { workflow: backupWorkflows.run, workflowId: workflowIds.backupRun, summary: (cluster) => `Backup of ${cluster}` },
  prove: { workflow: backupWorkflows.prove, workflowId: workflowIds.backupProve, summary: (cluster) => `Proof of a backup of ${cluster}` },
  restore: { workflow: backupWorkflows.restore, workflowId: workflowIds.backupRestore, summary: (cluster) => `Restore of ${cluster}` },
  expire: { workflow: backupWorkflows.expire, workflowId: workflowIds.backupExpire, summary: (cluster) => `Expiry of backups of ${cluster}` },
  fingerprint: { workflow: backupWorkflows.fingerprint, workflowId: workflowIds.backupFingerprint, summary: (cluster) => `Fingerprints of ${cluster}` },
  restorePoint: { workflow: backupWorkflows.restorePoint, workflowId: workflowIds.backupRestorePoint, summary: (cluster) => `Restore point of ${cluster}` },
  optimize: { workflow: optimizerWorkflows.run, workflowId: workflowIds.optimizerRun, summary: (cluster) => `Indexes for ${cluster}` },
};

/** What names a request for good. */
export interface RequestRef {
  readonly verb: Verb;
  readonly cluster: string;
  readonly key: string;
  readonly workflowId: string;
}

/** The key of a request that names none. */
export const freshKey = (): string => randomUUID();

/** Throws usage. */
export function refOf(verb: Verb, cluster: string, key: string): RequestRef {
  checkNames(cluster, key, verb);
  return { verb, cluster, key, workflowId: verbs[verb].workflowId(cluster, key) };
}

const KEY = /^[A-Za-z0-9._:-]{1,128}$/;
const CLUSTER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const MAX_NAME_BYTES = 63;

/** Throws usage where a name could not be part of a workflow id or, for a restore point, of PostgreSQL's record. */
export function checkNames(cluster: string, key: string, verb: Verb): void {
  if (!CLUSTER.test(cluster)) {
    throw new AssayError('usage', { reason: `"${cluster}" is no name of a cluster`, hint: 'letters, digits, dots, dashes, underscores; as in assay.yaml' });
  }
  if (verb === 'restorePoint') {
    if (key !== '' && !key.includes('/') && Buffer.byteLength(key) <= MAX_NAME_BYTES) return;
    throw new AssayError('usage', { reason: `"${key}" is no name of a restore point`, hint: `at most ${MAX_NAME_BYTES} bytes, without a slash` });
  }
  if (!KEY.test(key)) {
    throw new AssayError('usage', { reason: `"${key}" is no request key`, hint: 'up to 128 letters, digits, dots, colons, dashes, underscores' });
  }
}

/** Equal for equal requests, whatever order their fields have; the key and the policy are no part of what was asked. */
export function requestDigest(input: object): string {
  const asked = Object.fromEntries(Object.entries(input).filter(([name]) => name !== 'requestKey' && name !== 'policy'));
  return createHash('sha256')
    .update(JSON.stringify(sorted(asked)))
    .digest('hex')
    .slice(0, 32);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, sorted(each)]));
}

/** The public workflows by name, answering from a script: what happens is said by the name of the cluster. For tests of callers only. */
import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { BackupRecord } from '../../domain/backup/model.ts';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import type {
  BackupExpireInput,
  BackupExpireResult,
  BackupFingerprintResult,
  BackupProveInput,
  BackupRestoreInput,
  BackupRestorePointInput,
  BackupRestorePointResult,
  BackupRestoreResult,
  BackupRunInput,
  BackupRunResult,
  BackupStatusInput,
  Progress,
} from '../../domain/backup/requests.ts';
import type { BackupStatus } from '../../domain/backup/status.ts';
import type { DecisionAnswer, DecisionRequest, RecommendationInput, RecommendationResult } from '../../domain/optimizer/decision.ts';

const at = '2026-11-21T09:00:00Z';
const go = defineSignal('go');
const progress = defineQuery<Progress>('progress');

export const label = '20261121-090000F';

const record = (requestKey: string | null): BackupRecord => ({
  label,
  type: 'full',
  repository: 1,
  prior: null,
  references: [],
  startedAt: at,
  stoppedAt: '2026-11-21T09:00:12Z',
  startLsn: '0/2000028',
  stopLsn: '0/2000138',
  timeline: 1,
  startSegment: '000000010000000000000002',
  stopSegment: '000000010000000000000002',
  databaseBytes: 1_500_000_000,
  repositoryBytes: 70_000_000,
  hasPageErrors: false,
  requestKey,
  engineVersion: '2.45',
});

const verdicts = {
  proven: { verdict: 'proven', level: 'content', cause: null, because: ['12 of 12 tables equal'] },
  failed: { verdict: 'failed', level: null, cause: 'wal-gap', because: ['segment 000000010000000000000007 is missing'] },
  inconclusive: { verdict: 'inconclusive', level: null, cause: 'disk-full', because: ['no room for the clone'] },
} as const;

function proof(cluster: string): ProofSummary {
  const verdict = verdicts[cluster as keyof typeof verdicts] ?? verdicts.proven;
  return {
    id: 'p1',
    cluster,
    backup: label,
    ...verdict,
    findings: 0,
    certificate: { json: `/evidence/${cluster}/p1.json`, html: `/evidence/${cluster}/p1.html` },
    finishedAt: at,
  };
}

/** `slow…` waits for the signal `go`; `refused` and `broken` fail as the fleet's own steps do. */
async function play(cluster: string): Promise<void> {
  let gone = false;
  setHandler(go, () => {
    gone = true;
  });
  setHandler(progress, () => ({ phase: 'backup', detail: 'full backup into repository 1', startedAt: workflowInfo().startTime.toISOString() }));
  if (cluster.startsWith('slow')) await condition(() => gone);
  const values = { cluster, reason: 'archiving does not arrive', hint: 'mend archive_command first' };
  if (cluster === 'refused') {
    throw ApplicationFailure.create({
      type: 'preflight-refused',
      message: `no backup of ${cluster} was started: ${values.reason}`,
      details: [values],
      nonRetryable: true,
    });
  }
  if (cluster === 'broken') await brokenStep(values);
  if (cluster === 'nobody') await proxyActivities<{ takeBackup(): Promise<void> }>({ startToCloseTimeout: '1 minute', taskQueue: 'assay@db1' }).takeBackup();
}

/** As an activity's failure arrives: our code one level down. */
async function brokenStep(values: Record<string, string>): Promise<never> {
  const cause = ApplicationFailure.create({
    type: 'repository-unreachable',
    message: 'repository 1 of stanza shop does not answer: no route',
    details: [{ ...values, repository: 1, stanza: 'shop' }],
  });
  throw new ActivityFailure('Activity task failed', 'takeBackup', '1', 'NON_RETRYABLE_FAILURE', 'worker', cause);
}

export async function backupRun({ cluster, requestKey, prove }: BackupRunInput): Promise<BackupRunResult> {
  await play(cluster);
  return { backup: record(requestKey ?? null), adopted: false, markers: [], proof: prove === 'none' ? null : proof(cluster), engineMs: 12_000 };
}

export async function backupProve({ cluster }: BackupProveInput): Promise<ProofSummary> {
  await play(cluster);
  return proof(cluster);
}

export async function backupRestore({ cluster, into }: BackupRestoreInput): Promise<BackupRestoreResult> {
  await play(cluster);
  return { directory: into, dataDirectory: `${into}/data`, socket: `${into}/socket`, port: 5432, proof: proof(cluster), goLive: ['look at it', 'stop it'] };
}

export async function backupExpire({ cluster, dryRun = false }: BackupExpireInput): Promise<BackupExpireResult> {
  await play(cluster);
  return { kept: [{ label, because: 'the newest proven chain' }], expired: [{ label: '20261101-090000F', because: 'older than 7 days' }], dryRun };
}

export async function backupFingerprint(): Promise<BackupFingerprintResult> {
  return { markers: [{ id: 'm1', database: 'orders', lsn: '0/3000000', at }], notCovered: 2 };
}

export async function backupRestorePoint({ cluster, name }: BackupRestorePointInput): Promise<BackupRestorePointResult> {
  await play(cluster);
  return { name, lsn: '0/4000000', archivedAt: at };
}

export async function backupStatus({ cluster }: BackupStatusInput): Promise<BackupStatus> {
  await play(cluster);
  const none = cluster === 'empty';
  return {
    cluster,
    environment: 'dev',
    at,
    backups: none ? [] : [record(null)],
    proofs: none ? [] : [proof(cluster)],
    provenAt: none ? null : at,
    window: [{ repository: 1, state: 'proven', from: at, to: '2026-11-21T09:30:00Z', because: 'restored and checked' }],
    gaps: [],
    archive: [{ repository: 1, bytes: 0, seconds: 0 }],
    clones: [],
    running: [],
    objectives: { rpoMs: 60_000, rtoMs: 60_000, proofAgeMs: Number.MAX_SAFE_INTEGER },
  };
}

const decide = defineUpdate<DecisionAnswer, [DecisionRequest]>('decide');

/** What becomes of it is said by its own id: `kept`, `rolled-back`, `stale`; `sql`: the policy only hands out SQL. */
export async function optimizerRecommendation({ recommendation: id }: RecommendationInput): Promise<RecommendationResult> {
  let answer: DecisionAnswer | null = null;
  setHandler(decide, ({ verdict, reason }) => {
    const state = verdict === 'refuse' ? 'refused' : id === 'stale' ? 'stale' : 'approved';
    const because = reason === null ? [] : [reason];
    answer = { state, apply: id === 'sql' ? 'sql' : 'execute', because, again: state === 'stale' ? 'optimizer/shop/run/again-stale' : null };
    return answer;
  });
  await condition(() => answer !== null);
  return { recommendation: id, state: id === 'rolled-back' ? 'rolled-back' : 'kept', because: ['statement 7 says so'] };
}

/**
 * One backup, from preflight to proof.
 *
 *   lock ─ preflight → take the backup ─ unlock → markers → wait until archived → prove (a workflow of its own)
 */
import { ApplicationFailure, executeChild, ParentClosePolicy } from '@temporalio/workflow';
import type { MarkerRef } from '../../domain/backup/model.ts';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import type { BackupRunInput, BackupRunResult } from '../../domain/backup/requests.ts';
import { workflowIds } from '../../domain/ids.ts';
import { policyOf, repositoryOf, requestKeyOf, surroundings } from './around.ts';
import { withClusterLock } from './lock.ts';
import { backupProve, orDropped, orUnmarked } from './prove.ts';
import { backupSteps } from './steps.ts';

export async function backupRun(input: BackupRunInput): Promise<BackupRunResult> {
  const around = surroundings(`${input.type} backup of ${input.cluster}`);
  const policy = await policyOf(input);
  const steps = backupSteps(policy.host);
  const requestKey = requestKeyOf(input.requestKey);
  const repository = repositoryOf(policy, input.repository);
  const request = { policy, type: input.type, repository, requestKey };

  around.report('waiting', 'for the lock of the cluster');
  const outcome = await withClusterLock(input.cluster, async () => {
    around.report('preflight', 'does archiving really arrive?');
    const decision = await steps.preflight(request);
    if (decision.verdict === 'refuse') throw refused(input.cluster, decision);
    around.report('backup', `${input.type} backup into repository ${repository}`);
    return steps.takeBackup(request);
  });

  const level = input.prove ?? policy.proof.afterBackup;
  let markers: readonly MarkerRef[] = [];
  let unmarked: string | undefined;
  if (level === 'content') {
    around.report('fingerprinting', 'tables of each database in one snapshot');
    ({ markers, unmarked } = await orUnmarked(around, () => steps.makeMarkers({ policy, equality: 'hash' })));
  }
  around.report('archiving', 'waiting for the WAL up to here');
  const awaited = async () => (await steps.awaitArchived({ policy, repository })).lsn;
  const archivedLsn = level === 'none' ? await awaited() : await orDropped(around, awaited);
  let proof: ProofSummary | null = null;
  if (level !== 'none') {
    around.report('proving', outcome.backup.label);
    proof = await executeChild(backupProve, {
      workflowId: workflowIds.backupProve(input.cluster, proofKey(input.cluster, requestKey)),
      args: [{ cluster: input.cluster, requestKey, policy, repository, backup: outcome.backup.label, level, archivedLsn, ...(unmarked && { unmarked }) }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      staticSummary: `Proof of ${outcome.backup.label} of ${input.cluster}`,
    });
  }
  around.report('done', proof === null ? 'not proven, as asked' : `${proof.verdict}`);
  return { backup: outcome.backup, adopted: outcome.adopted, markers, proof, engineMs: outcome.tookMs };
}

/** A run that is named by its workflow id hands on only what is its own in it; two keys never become one. */
function proofKey(cluster: string, requestKey: string): string {
  const prefix = workflowIds.backupRun(cluster, '');
  return requestKey.startsWith(prefix) ? requestKey.slice(prefix.length) : requestKey;
}

function refused(cluster: string, decision: { because: readonly string[]; hint: string }): ApplicationFailure {
  const values = { cluster, reason: decision.because.join('; '), hint: decision.hint };
  return ApplicationFailure.create({
    type: 'preflight-refused',
    message: `no backup of ${cluster} was started: ${values.reason}`,
    details: [values],
    nonRetryable: true,
  });
}

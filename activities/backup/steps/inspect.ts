/** What can be seen in a repository without restoring anything. */
import { continuityCheck } from '../../../domain/backup/continuity.ts';
import type { BackupRecord, CheckResult } from '../../../domain/backup/model.ts';
import type { ProofPlan } from '../../../domain/backup/proof-plan.ts';
import { AssayError, isAssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BackupEngine } from '../engines/engine.ts';
import type { BackupDependencies } from '../ports.ts';
import { surveyRepository } from '../survey.ts';
import { refuseTakenAway } from './taken-away.ts';

interface OfPlan {
  readonly policy: ClusterPolicy;
  readonly plan: ProofPlan;
}

/** Throws backup-expiring where what is missing was taken away. */
export async function inspectRepository(deps: BackupDependencies, of: OfPlan): Promise<readonly CheckResult[]> {
  try {
    const checks = await inspect(deps, of);
    if (checks.some(({ outcome }) => outcome === 'failed')) await refuseTakenAway(deps, of);
    return checks;
  } catch (error) {
    if (isAssayError(error, 'backup-unknown') || isAssayError(error, 'engine-refused')) await refuseTakenAway(deps, of);
    throw error;
  }
}

async function inspect(deps: BackupDependencies, { policy, plan }: OfPlan): Promise<readonly CheckResult[]> {
  const began = performance.now();
  const { window, info } = await surveyRepository(deps, policy, plan.repository);
  const targets = plan.stops.map((stop) => stop.target);
  const continuity = continuityCheck({ window, backups: info.backups, backup: plan.backup, targets });
  if (continuity.outcome === 'unusable') throw leftBehind(plan.backup, continuity);
  const engine = deps.engineFor(policy);
  const manifests: CheckResult[] = [];
  for (const backup of plan.chain) manifests.push(await manifestCheck(engine, plan.repository, backup));
  return [{ ...continuity, tookMs: Math.round(performance.now() - began) }, ...manifests, pageErrors(plan.chain)];
}

/** Nothing a restore could show would say anything of the backup: recovery never passes it. */
function leftBehind({ label }: BackupRecord, { because, cause }: CheckResult): AssayError {
  const hint = 'prove a backup of the timeline that recovery follows; the old cluster can still be restored with the commands of the engine';
  return new AssayError('refused-by-guard', { what: `a proof of backup ${label}`, reason: because.join('; '), hint, cause: cause ?? 'timeline-switched' });
}

/** The engine restores from either copy: one that is damaged is a finding, both a fault. */
async function manifestCheck(engine: BackupEngine, repository: number, { label }: BackupRecord): Promise<CheckResult> {
  const began = performance.now();
  const { state, detail } = await engine.manifestCopies(repository, label);
  const outcome = state === 'equal' ? 'passed' : state === 'one-damaged' ? 'finding' : 'failed';
  const because = state === 'equal' ? `both manifest copies of ${label} are equal` : `manifest copies of ${label}: ${detail}`;
  const cause = outcome === 'passed' ? null : 'manifest-damaged';
  return { name: 'manifest-copies', outcome, database: null, because: [because], cause, tookMs: Math.round(performance.now() - began) };
}

function pageErrors(chain: readonly BackupRecord[]): CheckResult {
  const bad = chain.filter((backup) => backup.hasPageErrors).map((backup) => backup.label);
  const because = bad.length === 0 ? 'no page checksum error was seen while copying' : `page checksum errors were copied into ${bad.join(', ')}`;
  return {
    name: 'page-errors-at-backup',
    outcome: bad.length === 0 ? 'passed' : 'failed',
    database: null,
    because: [because],
    cause: bad.length === 0 ? null : 'page-corrupt',
    tookMs: 0,
  };
}

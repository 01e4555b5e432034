/** What can be seen in a repository without restoring anything. */
import { continuityCheck } from '../../../domain/backup/continuity.ts';
import type { BackupRecord, CheckResult } from '../../../domain/backup/model.ts';
import type { ProofPlan } from '../../../domain/backup/proof-plan.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BackupEngine } from '../engines/engine.ts';
import type { BackupDependencies } from '../ports.ts';
import { surveyRepository } from '../survey.ts';

export async function inspectRepository(
  deps: BackupDependencies,
  { policy, plan }: { policy: ClusterPolicy; plan: ProofPlan },
): Promise<readonly CheckResult[]> {
  const began = performance.now();
  const { window, info } = await surveyRepository(deps, policy, plan.repository);
  const targets = plan.stops.map((stop) => stop.target);
  const continuity = continuityCheck({ window, backups: info.backups, backup: plan.backup, targets });
  const engine = deps.engineFor(policy);
  const manifests: CheckResult[] = [];
  for (const backup of plan.chain) manifests.push(await manifestCheck(engine, plan.repository, backup));
  return [{ ...continuity, tookMs: Math.round(performance.now() - began) }, ...manifests, pageErrors(plan.chain)];
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

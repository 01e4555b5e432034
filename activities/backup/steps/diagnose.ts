/** A restore did not get where it should: is WAL on the way damaged, or is there no such target? Only asked then, since it reads every segment. */
import { segmentAt, segmentName } from '../../../domain/backup/lsn.ts';
import type { CheckResult } from '../../../domain/backup/model.ts';
import type { StepFault } from '../../../domain/backup/proof-draft.ts';
import { describeTarget, type ProofPlan } from '../../../domain/backup/proof-plan.ts';
import { describeNearest } from '../../../domain/backup/reachability.ts';
import { segmentBytesOf } from '../../../domain/backup/segment-size.ts';
import { AssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BackupDependencies } from '../ports.ts';
import { surveyRepository } from '../survey.ts';
import { refuseTakenAway } from './taken-away.ts';

/** Faults that WAL can be to blame for. */
const SUSPICIOUS = ['target-not-reached', 'clone-start-failed'];

/** What is said of a file that is not there. */
const MISSING = ['backup-unknown', 'engine-failed', 'engine-refused', 'target-not-reached'];

interface Diagnosis {
  readonly policy: ClusterPolicy;
  readonly plan: ProofPlan;
  readonly fault: StepFault;
}

/** Throws backup-expiring where the backup was taken away meanwhile, target-unreachable where unbroken WAL was read to its end and a restore point or transaction was not in it: no fault of the backup. */
export async function diagnose(deps: BackupDependencies, { policy, plan, fault }: Diagnosis): Promise<readonly CheckResult[]> {
  if (MISSING.includes(fault.code)) await refuseTakenAway(deps, { policy, plan });
  // a server that could not wait at its target says nothing of WAL
  if (!SUSPICIOUS.includes(fault.code) || fault.values?.cause === 'marker-unusable') return [];
  const began = performance.now();
  const engine = deps.engineFor(policy);
  const last = lastSegment(plan);
  const needed = (await engine.archive(plan.repository)).filter(({ name }) => name >= plan.backup.startSegment && (last === null || name <= last));
  const damaged = await engine.damagedSegments(plan.repository, needed, deps.io());
  if (damaged.length === 0) {
    if (fault.code === 'target-not-reached') await refuseUnknown(deps, { policy, plan, fault });
    return [];
  }
  const because = damaged.map(({ segment, reason }) => `WAL segment ${segment} is damaged: ${reason}`);
  return [{ name: 'archive-continuity', outcome: 'failed', database: null, because, cause: 'wal-corrupt', tookMs: Math.round(performance.now() - began) }];
}

/** The place of a restore point or a transaction is only known once recovery meets it: one that is not there, or lies before the backup, is met nowhere. */
async function refuseUnknown(deps: BackupDependencies, { policy, plan }: Diagnosis): Promise<void> {
  const target = plan.stops.at(-1)?.target;
  if (target?.kind !== 'name' && target?.kind !== 'xid') return;
  const { window } = await surveyRepository(deps, policy, plan.repository);
  const interval = window.intervals.at(-1);
  if (!interval?.backups.includes(plan.backup.label)) return;
  throw new AssayError('target-unreachable', {
    target: describeTarget(target),
    cluster: policy.cluster,
    reason: `WAL from backup ${plan.backup.label} up to its end at ${interval.to.lsn} was read, and does not hold it; if it is older, name an older backup`,
    nearest: describeNearest({ before: interval.safeEnd, after: null }),
  });
}

/** Null where the target's place is not known beforehand. */
function lastSegment(plan: ProofPlan): string | null {
  const target = plan.stops.at(-1)?.target;
  const segmentBytes = segmentBytesOf(plan.chain);
  return target?.kind === 'lsn' ? segmentName(segmentAt(target.lsn, plan.backup.timeline, segmentBytes), segmentBytes) : null;
}

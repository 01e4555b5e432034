/** A restore did not get where it should: is WAL on the way damaged? Only asked then, since it reads every segment. */
import { segmentAt, segmentName } from '../../../domain/backup/lsn.ts';
import type { CheckResult } from '../../../domain/backup/model.ts';
import type { StepFault } from '../../../domain/backup/proof-draft.ts';
import type { ProofPlan } from '../../../domain/backup/proof-plan.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BackupDependencies } from '../ports.ts';

/** Faults that WAL can be to blame for. */
const SUSPICIOUS = ['target-not-reached', 'clone-start-failed'];
const SEGMENT_BYTES = 16 * 1024 * 1024;

export async function diagnose(
  deps: BackupDependencies,
  { policy, plan, fault }: { policy: ClusterPolicy; plan: ProofPlan; fault: StepFault },
): Promise<readonly CheckResult[]> {
  if (!SUSPICIOUS.includes(fault.code)) return [];
  const began = performance.now();
  const engine = deps.engineFor(policy);
  const last = lastSegment(plan);
  const needed = (await engine.archive(plan.repository)).filter(({ name }) => name >= plan.backup.startSegment && (last === null || name <= last));
  const damaged = await engine.damagedSegments(plan.repository, needed, deps.io());
  if (damaged.length === 0) return [];
  const because = damaged.map(({ segment, reason }) => `WAL segment ${segment} is damaged: ${reason}`);
  return [{ name: 'archive-continuity', outcome: 'failed', database: null, because, cause: 'wal-corrupt', tookMs: Math.round(performance.now() - began) }];
}

/** Null where the target's place is not known beforehand. */
function lastSegment(plan: ProofPlan): string | null {
  const target = plan.stops.at(-1)?.target;
  return target?.kind === 'lsn' ? segmentName(segmentAt(target.lsn, plan.backup.timeline, SEGMENT_BYTES), SEGMENT_BYTES) : null;
}

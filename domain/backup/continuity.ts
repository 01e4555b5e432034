/** Whether WAL leads from a backup to its proof's targets without a hole, as a check with what a hole costs. Pure. */
import type { BackupRecord, CheckResult, RecoveryTarget } from './model.ts';
import { describeTarget } from './proof-plan.ts';
import { reachability, type Unreachable } from './reachability.ts';
import type { Gap, RestorableWindow } from './window.ts';

export interface ContinuityQuestion {
  readonly window: RestorableWindow;
  readonly backups: readonly BackupRecord[];
  readonly backup: BackupRecord;
  readonly targets: readonly RecoveryTarget[];
}

/** A hole is a fault of the archive; an archive that ends before a target that was seen to be archived dropped something. */
export function continuityCheck({ window, backups, backup, targets }: ContinuityQuestion): CheckResult {
  let because: readonly string[] = [];
  for (const target of targets) {
    const found = reachability({ window, backups, target, label: backup.label });
    if (found.verdict === 'refused')
      return failed(found.reason, [...found.because, ...loss(found.gap ?? gapInside(window, backup)), `${describeTarget(target)} cannot be reached`]);
    because = found.because;
  }
  return { name: 'archive-continuity', outcome: 'passed', database: null, because, cause: null, tookMs: 0 };
}

function failed(reason: Unreachable, because: readonly string[]): CheckResult {
  const cause = reason === 'timeline' ? 'timeline-switched' : reason === 'too-late' ? 'archive-dropped' : 'wal-gap';
  const outcome = reason === 'timeline' ? 'unusable' : 'failed';
  return { name: 'archive-continuity', outcome, database: null, because: [because.slice(0, 2).join(': '), ...because.slice(2)], cause, tookMs: 0 };
}

const gapInside = (window: RestorableWindow, backup: BackupRecord): Gap | null => window.gaps.find((gap) => gap.lastMissing >= backup.startSegment) ?? null;

function loss(gap: Gap | null): readonly string[] {
  if (gap === null || gap.before === null || gap.unreachableSeconds === null) return [];
  const minutes = (gap.unreachableSeconds / 60).toFixed(1);
  const until = gap.reachableAgain === null ? 'and no later backup opens the window again' : `until ${gap.reachableAgain.at}`;
  return [`${minutes} minutes after ${gap.before} would be lost, ${until}`];
}

/** Did recovery stop exactly where it was told to? */
import { lsnBytes } from '../../../domain/backup/lsn.ts';
import type { ReachedPoint, RecoveryTarget } from '../../../domain/backup/model.ts';
import { describeTarget } from '../../../domain/backup/proof-plan.ts';
import type { Finding } from './result.ts';

const PAGE_BYTES = 8192n;
const SHORT_HEADER = 24n;
const LONG_HEADER = 40n;
const LEAST_SEGMENT = 1024n * 1024n;

/** Pure. */
export function targetReached(target: RecoveryTarget, reached: ReachedPoint): Finding {
  const asked = describeTarget(target);
  const at = `replayed to ${reached.replayLsn} on timeline ${reached.timeline}`;
  const passed: Finding = { outcome: 'passed', because: [`${asked} reached: ${at}`] };
  const failed: Finding = { outcome: 'failed', cause: 'target-not-reached', because: [`${asked} was asked for, the clone ${at}`] };
  if (!reached.paused && reached.opened !== true) return { outcome: 'unusable', cause: 'interrupted', because: [`recovery is not paused (${at})`] };
  switch (target.kind) {
    case 'lsn':
      if (target.exclusive) return isSamePlace(target.lsn, reached.replayLsn) ? passed : failed;
      return lsnBytes(reached.replayLsn) >= lsnBytes(target.lsn) ? passed : failed;
    case 'time':
      return reached.replayedAt === null || Date.parse(reached.replayedAt) <= Date.parse(target.at) ? passed : failed;
    case 'name':
    case 'xid':
      // recovery pauses at its end only once it met this name or transaction
      return passed;
  }
}

/**
 * Equal, or nothing but a page header between them: a position at the start of a page can be written before or after that page's header
 * (XLogBytePosToRecPtr against XLogBytePosToEndRecPtr in xlog.c), and no record fits in between.
 */
export function isSamePlace(a: string, b: string): boolean {
  const [low, high] = [lsnBytes(a), lsnBytes(b)].sort((x, y) => (x < y ? -1 : 1)) as [bigint, bigint];
  if (low === high) return true;
  if (low % PAGE_BYTES !== 0n) return false;
  return high - low === SHORT_HEADER || (low % LEAST_SEGMENT === 0n && high - low === LONG_HEADER);
}

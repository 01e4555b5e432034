/** Where in the WAL a target lies whose place nobody wrote down, and where the transactions end. */
import { compareLsn, type Lsn } from '../../domain/backup/lsn.ts';
import type { Instant, RecoveryTarget } from '../../domain/backup/model.ts';
import { describeTarget } from '../../domain/backup/proof-plan.ts';
import { describeNearest } from '../../domain/backup/reachability.ts';
import { stopsAt } from '../../domain/backup/wal-records.ts';
import { AssayError, isAssayError } from '../../domain/errors.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { BackupDependencies } from './ports.ts';
import type { Survey } from './survey.ts';
import { searchWal, type WalSearch } from './wal-search.ts';

/**
 * Of a restore point or a transaction; of several restore points of one name the newest. null for other targets, and where this host has no
 * pg_waldump of the major: recovery itself will tell then. Throws target-unreachable where the archive does not hold it.
 */
export async function placeOf(deps: BackupDependencies, survey: Survey, of: { policy: ClusterPolicy; target: RecoveryTarget }): Promise<Lsn | null> {
  const { policy, target } = of;
  if (target.kind !== 'name' && target.kind !== 'xid') return null;
  const kind = target.kind === 'name' ? 'XLOG' : 'Transaction';
  const found = await search(deps, { policy, survey, kind, before: null, pick: (records) => records.findLast((record) => stopsAt(target, record)) ?? null });
  if (found === 'no-printer') return null;
  if (found !== null) return found.lsn;
  throw new AssayError('target-unreachable', {
    target: describeTarget(target),
    cluster: policy.cluster,
    reason: `no WAL that a backup leads through holds it`,
    nearest: describeNearest({ before: survey.window.intervals.at(-1)?.safeEnd ?? null, after: null }),
  });
}

export interface TransactionEnd {
  readonly lsn: Lsn;
  readonly at: Instant;
}

/** The last one that ended before a position. null: none did, as far back as a backup leads; `unknown`: this host has no pg_waldump of the major. */
export async function lastTransaction(
  deps: BackupDependencies,
  survey: Survey,
  { policy, before }: { policy: ClusterPolicy; before: Lsn },
): Promise<TransactionEnd | null | 'unknown'> {
  const pick: WalSearch['pick'] = (records) => records.findLast((record) => record.at !== null && compareLsn(record.lsn, before) < 0) ?? null;
  const found = await search(deps, { policy, survey, kind: 'Transaction', before, pick });
  if (found === 'no-printer') return 'unknown';
  return found === null || found.at === null ? null : { lsn: found.lsn, at: found.at };
}

async function search(deps: BackupDependencies, what: WalSearch) {
  try {
    return await searchWal(deps, what);
  } catch (error) {
    if (isAssayError(error, 'binaries-missing')) return 'no-printer';
    throw error;
  }
}

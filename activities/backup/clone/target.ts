/** A recovery target as PostgreSQL's settings. */
import type { RecoveryTarget } from '../../../domain/backup/model.ts';

/** Only the settings that this target needs; PostgreSQL refuses two kinds of target at once. */
export function targetSettings(target: RecoveryTarget): Readonly<Record<string, string>> {
  switch (target.kind) {
    case 'lsn':
      return { recovery_target_lsn: target.lsn, recovery_target_inclusive: target.exclusive ? 'off' : 'on' };
    case 'time':
      return { recovery_target_time: target.at };
    case 'name':
      return { recovery_target_name: target.name };
    case 'xid':
      return { recovery_target_xid: target.xid, recovery_target_inclusive: target.exclusive ? 'off' : 'on' };
  }
}

/** Would PostgreSQL be told the same? */
export function sameTarget(a: RecoveryTarget, b: RecoveryTarget): boolean {
  return JSON.stringify(targetSettings(a)) === JSON.stringify(targetSettings(b));
}

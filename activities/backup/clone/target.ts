/** A recovery target as PostgreSQL's settings. */
import type { RecoveryTarget } from '../../../domain/backup/model.ts';

/** Only the settings that this target needs; PostgreSQL refuses two kinds of target at once. */
export function targetSettings(target: RecoveryTarget): Readonly<Record<string, string>> {
  switch (target.kind) {
    case 'lsn':
      return { recovery_target_lsn: target.lsn, recovery_target_inclusive: target.exclusive ? 'off' : 'on' };
    case 'time':
      return { recovery_target_time: settingTime(target.at) };
    case 'name':
      return { recovery_target_name: target.name };
    case 'xid':
      return { recovery_target_xid: target.xid, recovery_target_inclusive: target.exclusive ? 'off' : 'on' };
  }
}

/**
 * `2026-11-21 05:58:24.123456+00`: with its offset, since one without is read in the server's own zone, and the offset as a number: while
 * settings are read no zone has a name yet, and the Z of ISO 8601 is refused.
 */
export const settingTime = (at: string): string => at.replace('T', ' ').replace(/Z$/, '+00');

/** Would PostgreSQL be told the same? */
export function sameTarget(a: RecoveryTarget, b: RecoveryTarget): boolean {
  return JSON.stringify(targetSettings(a)) === JSON.stringify(targetSettings(b));
}

/** Records of the WAL that recovery may stop at, as pg_waldump prints them. Pure. Source: xactdesc.c, xlogdesc.c; recoveryStopsBefore in xlogrecovery.c. */
import { type Lsn, lsnAt, lsnBytes } from './lsn.ts';
import type { Instant, RecoveryTarget } from './model.ts';

export interface StopRecord {
  readonly lsn: Lsn;
  /** Transactions: when it ended; null for a restore point, whose time is not printed. */
  readonly at: Instant | null;
  /** The 32 bits that WAL holds of it; null for a restore point. */
  readonly xid: number | null;
  readonly name: string | null;
}

const RECORD = /^rmgr: (\w+) .*?\btx: +(\d+), lsn: ([0-9A-F]+\/[0-9A-F]+), .*? desc: (.*)$/;
const ENDED = /^(?:COMMIT|ABORT)(_PREPARED)? (?:(\d+): )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC/;
const POINT = /^RESTORE_POINT (.*)$/;

/** null for every other record. The printer must have run in the zone UTC. */
export function stopRecord(line: string): StopRecord | null {
  const [, manager, transaction, printed, described] = RECORD.exec(line) ?? [];
  if (printed === undefined || described === undefined) return null;
  // printed with zeros in front: `0/01523AB0`
  const lsn = lsnAt(lsnBytes(printed));
  if (manager === 'XLOG') {
    const name = POINT.exec(described)?.[1];
    return name === undefined ? null : { lsn, at: null, xid: null, name };
  }
  const [, , prepared, at] = manager === 'Transaction' ? (ENDED.exec(described) ?? []) : [];
  if (at === undefined) return null;
  return { lsn, at: new Date(`${at.replace(' ', 'T')}Z`).toISOString(), xid: Number(prepared ?? transaction), name: null };
}

/** Whether recovery to this name or transaction stops at this record. Ids may be told with their epoch, which WAL does not hold. */
export function stopsAt(target: RecoveryTarget, record: StopRecord): boolean {
  if (target.kind === 'name') return record.name === target.name;
  return target.kind === 'xid' && record.xid !== null && record.xid === Number(BigInt(target.xid) & 0xffff_ffffn);
}

/** Where a restore stops: exactly one of --to-time, --to-lsn, --to-name, --to-xid. */
import { isLsn } from '../../domain/backup/lsn.ts';
import type { RecoveryTarget } from '../../domain/backup/model.ts';
import { AssayError } from '../../domain/errors.ts';
import { parseInstant } from './instants.ts';

export interface TargetOptions {
  readonly toTime?: string;
  readonly toLsn?: string;
  readonly toName?: string;
  readonly toXid?: string;
  /** Stop before the transaction or record, not after it. */
  readonly exclusive?: boolean;
}

const names = { toTime: '--to-time', toLsn: '--to-lsn', toName: '--to-name', toXid: '--to-xid' } as const;

/** null where none is given. Throws usage. */
export function targetOf(options: TargetOptions, zone: string): RecoveryTarget | null {
  const given = (Object.keys(names) as (keyof typeof names)[]).filter((name) => options[name] !== undefined);
  if (given.length > 1) throw usage(`${given.map((name) => names[name]).join(' and ')} are given together`, 'a restore stops at one target: give one of them');
  const { toTime, toLsn, toName, toXid, exclusive = false } = options;
  if (exclusive && toLsn === undefined && toXid === undefined) throw usage('--exclusive goes with --to-lsn or --to-xid', 'leave it out');
  if (toTime !== undefined) return { kind: 'time', at: parseInstant(toTime, zone) };
  if (toLsn !== undefined) return { kind: 'lsn', lsn: lsn(toLsn), exclusive };
  if (toXid !== undefined) return { kind: 'xid', xid: xid(toXid), exclusive };
  return toName === undefined ? null : { kind: 'name', name: pointName(toName) };
}

/** Throws usage where none is given: a restore never goes to whatever comes last. */
export function requiredTarget(options: TargetOptions, zone: string): RecoveryTarget {
  const target = targetOf(options, zone);
  if (target === null) throw usage('no target is given', `give one of ${Object.values(names).join(', ')}; "the latest" would hide missing WAL`);
  return target;
}

function lsn(text: string): string {
  if (isLsn(text)) return text.toUpperCase();
  throw usage(`"${text}" is no LSN`, 'write it as PostgreSQL prints it, such as 16/B374D848');
}

function xid(text: string): string {
  if (/^[1-9]\d{0,19}$/.test(text)) return text;
  throw usage(`"${text}" is no transaction id`, 'write a positive whole number, as pg_current_xact_id() prints it');
}

function pointName(text: string): string {
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes > 0 && sizeBytes <= 63) return text;
  throw usage(`a restore point has a name of 1 to 63 bytes, not ${sizeBytes}`, 'give the name it was made with');
}

const usage = (reason: string, hint: string) => new AssayError('usage', { reason, hint });

/** For people. */
export function describe(target: RecoveryTarget, showTime: (instant: string) => string): string {
  switch (target.kind) {
    case 'time':
      return showTime(target.at);
    case 'lsn':
      return `${target.exclusive ? 'just before' : ''} LSN ${target.lsn}`.trim();
    case 'xid':
      return `${target.exclusive ? 'just before' : ''} transaction ${target.xid}`.trim();
    case 'name':
      return `restore point "${target.name}"`;
  }
}

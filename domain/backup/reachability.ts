/** Whether a moment can be restored, from which backup, and if not, which ones nearby can. Pure: asked before anything starts. */

import { compareLsn } from './lsn.ts';
import type { BackupRecord, RecoveryTarget } from './model.ts';
import { consistentFrom, type Gap, type Interval, type RestorableWindow, type WindowPoint } from './window.ts';

export interface ReachabilityQuestion {
  readonly window: RestorableWindow;
  readonly backups: readonly BackupRecord[];
  readonly target: RecoveryTarget;
  /** Start from this backup and no other; null: the newest one that leads there. */
  readonly label: string | null;
}

export type Unreachable = 'no-backup' | 'too-early' | 'too-late' | 'gap' | 'timeline';

export type Reachability =
  | { readonly verdict: 'reachable'; readonly backup: BackupRecord; readonly because: readonly string[] }
  | {
      readonly verdict: 'refused';
      readonly reason: Unreachable;
      readonly because: readonly string[];
      readonly gap: Gap | null;
      readonly nearest: { readonly before: WindowPoint | null; readonly after: WindowPoint | null };
    };

/** Whether `point` comes after the target; restore points and transactions say nothing about their place: only the newest WAL is sure to hold them. */
type Place = (point: WindowPoint) => number;

/** Restore points and transactions are looked for from the newest whole backup, or from `label`: their place is not known here. */
export function reachability(question: ReachabilityQuestion): Reachability {
  const { window, target, label } = question;
  const backups = usable(question);
  if (label !== null && window.leftBehind.includes(label)) {
    return refuse(question, 'timeline', `backup ${label} was made on a timeline that was left behind; recovery follows timeline ${window.timeline}`);
  }
  if (backups.length === 0)
    return refuse(question, 'no-backup', label === null ? 'no backup can be made consistent' : `backup ${label} cannot be made consistent`);
  const place = placeOf(target);
  if (place === null) return fromNewest(backups);
  const candidate = backups.findLast((backup) => place(consistentFrom(backup)) <= 0);
  if (candidate === undefined) return refuse(question, 'too-early', `the oldest backup is consistent only ${at(consistentFrom(backups[0] as BackupRecord))}`);
  const interval = intervalOf(window, candidate);
  if (place(endOf(interval)) > 0) {
    return { verdict: 'reachable', backup: candidate, because: [`WAL goes on without a hole from backup ${candidate.label} to ${interval.to.lsn}`] };
  }
  return beyond(question, interval);
}

/** Sentence for people: a point as position and moment. */
export const describePoint = (point: WindowPoint | null): string => (point === null ? 'none' : `${point.at} (${point.lsn})`);

/** Both neighbours as the catalogue's hint wants them. */
export function describeNearest({ before, after }: { readonly before: WindowPoint | null; readonly after: WindowPoint | null }): string {
  const named = [before === null ? null : `before: ${describePoint(before)}`, after === null ? null : `after: ${describePoint(after)}`].filter(
    (each) => each !== null,
  );
  return named.length === 0 ? 'none; make a full backup' : named.join(', ');
}

/** Whole backups, oldest first. */
function usable({ window, backups, label }: ReachabilityQuestion): readonly BackupRecord[] {
  const whole = new Set(window.intervals.flatMap((interval) => interval.backups));
  return backups.filter((backup) => whole.has(backup.label) && (label === null || backup.label === label)).sort((a, b) => compareLsn(a.stopLsn, b.stopLsn));
}

function placeOf(target: RecoveryTarget): Place | null {
  switch (target.kind) {
    case 'lsn':
      return (point) => compareLsn(point.lsn, target.lsn);
    case 'time':
      return (point) => Date.parse(point.at) - Date.parse(target.at);
    case 'name':
    case 'xid':
      return null;
  }
}

function fromNewest(backups: readonly BackupRecord[]): Reachability {
  const backup = backups.at(-1) as BackupRecord;
  return {
    verdict: 'reachable',
    backup,
    because: [`its place in WAL is not known beforehand: looked for from the end of backup ${backup.label} on, ${at(consistentFrom(backup))}`],
  };
}

function beyond(question: ReachabilityQuestion, interval: Interval): Reachability {
  const { window } = question;
  const gap = window.gaps.find((each) => compareLsn(each.from, interval.to.lsn) >= 0);
  if (gap === undefined) return refuse(question, 'too-late', `WAL in the repository ends ${at(interval.to)}`);
  const names = gap.segments === 1 ? `segment ${gap.firstMissing} is` : `${gap.segments} segments from ${gap.firstMissing} to ${gap.lastMissing} are`;
  return refuse(question, 'gap', `${names} missing from the repository or not to be trusted`, gap);
}

function refuse(question: ReachabilityQuestion, reason: Unreachable, because: string, gap: Gap | null = null): Reachability {
  return { verdict: 'refused', reason, because: [because], gap, nearest: nearestOf(question) };
}

/** Of all intervals, also those that another backup opens: they are what can be asked for instead. */
function nearestOf({ window, target }: ReachabilityQuestion): { before: WindowPoint | null; after: WindowPoint | null } {
  const place = placeOf(target);
  if (place === null) return { before: window.intervals.at(-1)?.safeEnd ?? null, after: null };
  const before = window.intervals.findLast((interval) => place(interval.from) <= 0);
  const after = window.intervals.find((interval) => place(interval.from) > 0);
  return { before: before?.safeEnd ?? null, after: after?.from ?? null };
}

const intervalOf = (window: RestorableWindow, backup: BackupRecord) => window.intervals.find((each) => each.backups.includes(backup.label)) as Interval;

/** A repository tells the arrival of a segment in whole seconds, cut off: up to one more second may be in it. Where a backup's stop gave the end, the second is counted already. */
const endOf = ({ from, to }: Interval): WindowPoint => ({ ...to, at: new Date(Date.parse(to.at) + (to.at === from.at ? 1 : 1_000)).toISOString() });

const at = (point: WindowPoint) => `at ${point.lsn} (${point.at})`;

/** Which moments of the restorable window a proof may pick at random: those it can prove at the level that was asked for. Pure. */
import { compareLsn } from './lsn.ts';
import type { BackupRecord, Instant, MarkerRef, ProofLevel } from './model.ts';
import { consistentFrom } from './window.ts';

export interface MomentQuestion {
  /** Those that lead on, oldest first: a moment is reached from the newest one before it. */
  readonly backups: readonly BackupRecord[];
  /** On the way of recovery; any order. */
  readonly markers: readonly MarkerRef[];
  /** The last moment that is sure to be reached, milliseconds. */
  readonly endMs: number;
  readonly level: ProofLevel;
  /** 0-1: where among the moments. */
  readonly share: number;
}

/** null: there is none. For content a marker of each database must lie between the backup and the moment. */
export function randomMoment(question: MomentQuestion): Instant | null {
  const spans = question.backups.flatMap((_, index) => spanOf(question, index));
  const total = spans.reduce((sum, { fromMs, toMs }) => sum + (toMs - fromMs + 1), 0);
  let left = Math.min(total - 1, Math.floor(question.share * total));
  for (const { fromMs, toMs } of spans) {
    if (left <= toMs - fromMs) return new Date(fromMs + left).toISOString();
    left -= toMs - fromMs + 1;
  }
  return null;
}

/** The newest backup with a marker behind it: the marker's own moment can be proven, however little happened since. */
export function newestWithMarker(backups: readonly BackupRecord[], markers: readonly MarkerRef[]): BackupRecord | null {
  return backups.findLast(({ stopLsn }) => markers.some(({ lsn }) => compareLsn(lsn, stopLsn) >= 0)) ?? null;
}

function spanOf({ backups, markers, endMs, level }: MomentQuestion, index: number): readonly { readonly fromMs: number; readonly toMs: number }[] {
  const backup = backups[index] as BackupRecord;
  const next = backups[index + 1];
  const toMs = next === undefined ? endMs : Math.min(endMs, Date.parse(consistentFrom(next).at) - 1);
  const readyMs = level === 'content' ? markedFrom(backup, markers) : Number.NEGATIVE_INFINITY;
  const fromMs = Math.max(Date.parse(consistentFrom(backup).at), readyMs);
  return fromMs <= toMs ? [{ fromMs, toMs }] : [];
}

/** From when on each database that was ever marked behind the backup has a marker there; infinite where none has. */
function markedFrom({ stopLsn }: BackupRecord, markers: readonly MarkerRef[]): number {
  const first = new Map<string, number>();
  for (const { database, lsn, at } of markers) {
    if (compareLsn(lsn, stopLsn) >= 0) first.set(database, Math.min(first.get(database) ?? Number.POSITIVE_INFINITY, Date.parse(at) + 1));
  }
  return first.size === 0 ? Number.POSITIVE_INFINITY : Math.max(...first.values());
}

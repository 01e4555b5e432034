/**
 * The restorable window: to which moments a cluster can be brought back, and where it can't. Pure; O(n log n) in segments.
 * A backup opens an interval at its stop, which lasts as long as WAL goes on without a hole. Segments count only when they really
 * lie in the repository: the engine's own lists know the oldest and the newest only (backup.md 2.2).
 */

import { compareLsn, type Lsn, lsnDistanceBytes, parseSegmentName, segmentStart } from './lsn.ts';
import type { ArchivedSegment, BackupRecord, Instant, TimelineHistory } from './model.ts';
import { runAt, type SuspectSegment, soundSegments, type WalRun, type WalWay, wayThrough } from './wal-way.ts';

export interface WindowQuestion {
  readonly backups: readonly BackupRecord[];
  /** As the repository lists them, any order. */
  readonly segments: readonly ArchivedSegment[];
  /** Needed once a cluster was ever promoted; default none. */
  readonly histories?: readonly TimelineHistory[];
  readonly segmentBytes: number;
  /** Where the source stands; null where it does not answer: the lag is unknown then. */
  readonly source: { readonly timeline: number; readonly lsn: Lsn; readonly now: Instant } | null;
}

/** A position and about when it was: exact to the second for backups, the arrival of its segment otherwise. */
export interface WindowPoint {
  readonly lsn: Lsn;
  readonly at: Instant;
}

/** Positions in [from, to) can be reached, each from the newest of these backups before it. */
export interface Interval {
  readonly timeline: number;
  readonly from: WindowPoint;
  /** End of the last segment before a hole. */
  readonly to: WindowPoint;
  /** The latest point of it that is sure: the beginning of its last segment. */
  readonly safeEnd: WindowPoint;
  /** Labels, oldest first. */
  readonly backups: readonly string[];
}

/** Segments that are missing between others, or must not count. */
export interface Gap {
  readonly timeline: number;
  readonly firstMissing: string;
  readonly lastMissing: string;
  readonly segments: number;
  readonly from: Lsn;
  readonly to: Lsn;
  readonly lostBytes: number;
  /** Arrival of the segments on both sides; null before the first one of all. */
  readonly before: Instant | null;
  readonly after: Instant;
  /** Time between them. */
  readonly lostSeconds: number | null;
  /** From when on moments can be reached again: the next backup that is whole; null: not before a new one is made. */
  readonly reachableAgain: WindowPoint | null;
  /** All that can't be reached because of it; up to the newest segment where there is no such backup. */
  readonly unreachableSeconds: number | null;
}

export interface RestorableWindow {
  /** Timeline that recovery follows: the youngest one. */
  readonly timeline: number;
  readonly intervals: readonly Interval[];
  /** From the oldest backup's start to the newest segment. */
  readonly gaps: readonly Gap[];
  readonly suspects: readonly SuspectSegment[];
  /** Backups that can't even be made consistent: WAL between their start and stop is missing. */
  readonly broken: readonly string[];
  /** Backups made on a timeline that was left behind before they ended: recovery to the youngest timeline passes them by. */
  readonly leftBehind: readonly string[];
  readonly newest: ArchivedSegment | null;
  /** How far the archive is behind the source; null where the source is unknown. */
  readonly lag: { readonly bytes: number; readonly seconds: number } | null;
}

/** Backups on the way, each with the run of WAL that its start lies in. */
interface Rooted {
  readonly backup: BackupRecord;
  readonly run: WalRun;
}

export function restorableWindow(question: WindowQuestion): RestorableWindow {
  const { segmentBytes, histories = [] } = question;
  const { sound, suspects } = soundSegments(question.segments, segmentBytes);
  const timeline = youngest(question);
  const way = wayThrough(timeline, sound, { histories, segmentBytes });
  const onWay = question.backups.filter((backup) => way.holds(backup.timeline, backup.stopLsn)).sort((a, b) => compareLsn(a.stopLsn, b.stopLsn));
  const rooted = onWay.flatMap((backup) => root(backup, way, segmentBytes));
  const whole = new Set(rooted.map(({ backup }) => backup.label));
  const newest = way.runs.at(-1)?.last.segment ?? null;
  return {
    timeline,
    intervals: intervalsOf(rooted, question),
    gaps: gapsOf(way, { onWay, rooted, segmentBytes }),
    suspects,
    broken: onWay.map((backup) => backup.label).filter((label) => !whole.has(label)),
    leftBehind: question.backups.filter((backup) => !onWay.includes(backup)).map((backup) => backup.label),
    newest,
    lag: lagOf(question, newest),
  };
}

/** The moment a backup can be restored to at the earliest: its stop, which the engine gives in whole seconds. */
export const consistentFrom = (backup: BackupRecord): WindowPoint => ({
  lsn: backup.stopLsn,
  at: new Date(Date.parse(backup.stoppedAt) + 1_000).toISOString(),
});

function youngest({ segments, histories = [], backups, source }: WindowQuestion): number {
  let newest = source?.timeline ?? 1;
  for (const history of histories) newest = Math.max(newest, history.timeline);
  for (const backup of backups) newest = Math.max(newest, backup.timeline);
  for (const { name } of segments) newest = Math.max(newest, Number.parseInt(name.slice(0, 8), 16));
  return newest;
}

/** Empty where WAL between its start and its stop is missing. */
function root(backup: BackupRecord, way: WalWay, segmentBytes: number): Rooted[] {
  const run = runAt(way, parseSegmentName(backup.startSegment, segmentBytes).number);
  if (run === undefined || parseSegmentName(backup.stopSegment, segmentBytes).number > run.last.number) return [];
  return [{ backup, run }];
}

function intervalsOf(rooted: readonly Rooted[], { segmentBytes }: WindowQuestion): readonly Interval[] {
  const byRun = new Map<WalRun, BackupRecord[]>();
  for (const { backup, run } of rooted) byRun.set(run, [...(byRun.get(run) ?? []), backup]);
  return [...byRun].map(([run, backups]) => {
    const from = consistentFrom(backups[0] as BackupRecord);
    const lastStart = segmentStart(run.last.number, segmentBytes);
    const isSafe = compareLsn(lastStart, from.lsn) > 0;
    return {
      timeline: parseSegmentName(run.last.segment.name, segmentBytes).timeline,
      from,
      to: { lsn: segmentStart(run.last.number + 1, segmentBytes), at: later(from.at, run.last.segment.archivedAt) },
      safeEnd: isSafe ? { lsn: lastStart, at: later(from.at, (run.lastButOne ?? run.last).segment.archivedAt) } : from,
      backups: backups.map((backup) => backup.label),
    };
  });
}

function gapsOf(way: WalWay, known: { onWay: readonly BackupRecord[]; rooted: readonly Rooted[]; segmentBytes: number }): readonly Gap[] {
  const { onWay, segmentBytes } = known;
  if (onWay.length === 0 || way.runs.length === 0) return [];
  const oldestStart = Math.min(...onWay.map((backup) => parseSegmentName(backup.startSegment, segmentBytes).number));
  const gaps: Gap[] = [];
  let before: WalRun | null = null;
  for (const run of way.runs) {
    const firstMissing = Math.max(oldestStart, before === null ? oldestStart : before.last.number + 1);
    if (run.last.number < oldestStart) continue;
    if (firstMissing < run.first.number) gaps.push(gapOf(way, { firstMissing, before, after: run }, known));
    before = run;
  }
  return gaps;
}

function gapOf(
  way: WalWay,
  hole: { firstMissing: number; before: WalRun | null; after: WalRun },
  { rooted, segmentBytes }: { rooted: readonly Rooted[]; segmentBytes: number },
): Gap {
  const { firstMissing, before, after } = hole;
  const segments = after.first.number - firstMissing;
  const next = rooted.find(({ run }) => run.first.number >= after.first.number)?.backup;
  const reachableAgain = next === undefined ? null : consistentFrom(next);
  const left = before?.last.segment.archivedAt ?? null;
  const newest = way.runs.at(-1)?.last.segment.archivedAt ?? after.last.segment.archivedAt;
  return {
    timeline: Number.parseInt(way.nameOf(firstMissing).slice(0, 8), 16),
    firstMissing: way.nameOf(firstMissing),
    lastMissing: way.nameOf(after.first.number - 1),
    segments,
    from: segmentStart(firstMissing, segmentBytes),
    to: segmentStart(after.first.number, segmentBytes),
    lostBytes: segments * segmentBytes,
    before: left,
    after: after.first.segment.archivedAt,
    lostSeconds: left === null ? null : secondsBetween(left, after.first.segment.archivedAt),
    reachableAgain,
    unreachableSeconds: left === null ? null : secondsBetween(left, reachableAgain?.at ?? newest),
  };
}

/** Bytes are those the source has written since the newest segment; seconds the age of that segment while there are such bytes of a whole segment. */
function lagOf({ source, segmentBytes }: WindowQuestion, newest: ArchivedSegment | null): RestorableWindow['lag'] {
  if (source === null) return null;
  if (newest === null) return { bytes: lsnDistanceBytes('0/0', source.lsn), seconds: 0 };
  const archivedTo = segmentStart(parseSegmentName(newest.name, segmentBytes).number + 1, segmentBytes);
  const bytes = Math.max(0, lsnDistanceBytes(archivedTo, source.lsn));
  return { bytes, seconds: bytes === 0 ? 0 : secondsBetween(newest.archivedAt, source.now) };
}

const secondsBetween = (from: Instant, to: Instant) => Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 1000));

const later = (a: Instant, b: Instant) => (Date.parse(a) > Date.parse(b) ? a : b);

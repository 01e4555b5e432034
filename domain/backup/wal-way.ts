/**
 * Archived WAL as recovery walks it: along one way through the timelines, segment number by segment number. Pure; O(n log n).
 * For each number exactly one file counts, that of the youngest timeline which had begun by then
 * (`XLogFileReadAnyTLI` in xlogrecovery.c tries the youngest first); its first segment repeats what the older one held up to the switch.
 */

import { type Lsn, lsnBytes, parseSegmentName, segmentName } from './lsn.ts';
import type { ArchivedSegment, TimelineHistory } from './model.ts';
import { wayTo } from './timeline.ts';

/** A file that does not count as its segment: the engine refuses to hand out either of two, and a short one ends recovery. */
export interface SuspectSegment {
  readonly name: string;
  readonly path: string;
  readonly reason: 'empty' | 'short' | 'duplicate';
}

export interface Placed {
  readonly number: number;
  readonly segment: ArchivedSegment;
}

/** Consecutive segments without a hole. */
export interface WalRun {
  readonly first: Placed;
  readonly last: Placed;
  /** The one before the last; null in a run of one. */
  readonly lastButOne: Placed | null;
}

export interface WalWay {
  /** The timeline it ends on. */
  readonly timeline: number;
  /** In order of position. */
  readonly runs: readonly WalRun[];
  /** Name of the file that counts for a number. */
  nameOf(number: number): string;
  /** Whether something made on this timeline up to this position lies on the way, or was left behind at a promotion. */
  holds(timeline: number, stopLsn: Lsn): boolean;
}

/** Splits off the files that must not count. */
export function soundSegments(
  segments: readonly ArchivedSegment[],
  segmentBytes: number,
): { readonly sound: readonly ArchivedSegment[]; readonly suspects: readonly SuspectSegment[] } {
  const times = new Map<string, number>();
  for (const { name } of segments) times.set(name, (times.get(name) ?? 0) + 1);
  const sound: ArchivedSegment[] = [];
  const suspects: SuspectSegment[] = [];
  for (const segment of segments) {
    const reason = faultOf(segment, { isDuplicate: (times.get(segment.name) ?? 0) > 1, segmentBytes });
    if (reason === null) sound.push(segment);
    else suspects.push({ name: segment.name, path: segment.path, reason });
  }
  return { sound, suspects };
}

/** The way to `timeline`; `segments` must be sound and may be of any timeline, in any order. */
export function wayThrough(
  timeline: number,
  segments: readonly ArchivedSegment[],
  { histories, segmentBytes }: { readonly histories: readonly TimelineHistory[]; readonly segmentBytes: number },
): WalWay {
  const parts = partsOf(timeline, histories, segmentBytes);
  const timelineAt = (number: number) => parts.findLast((part) => part.firstNumber <= number)?.timeline ?? timeline;
  const placed: Placed[] = [];
  for (const segment of segments) {
    const id = parseSegmentName(segment.name, segmentBytes);
    if (timelineAt(id.number) === id.timeline) placed.push({ number: id.number, segment });
  }
  placed.sort((a, b) => a.number - b.number);
  return {
    timeline,
    runs: runsOf(placed),
    nameOf: (number) => segmentName({ timeline: timelineAt(number), number }, segmentBytes),
    holds: (of, stopLsn) => {
      const part = parts.find((each) => each.timeline === of);
      return part !== undefined && (part.leftAt === null || lsnBytes(stopLsn) <= lsnBytes(part.leftAt));
    },
  };
}

/** The run with this number in it. */
export function runAt(way: WalWay, number: number): WalRun | undefined {
  let low = 0;
  let high = way.runs.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const run = way.runs[middle] as WalRun;
    if (number < run.first.number) high = middle - 1;
    else if (number > run.last.number) low = middle + 1;
    else return run;
  }
  return undefined;
}

const COMPRESSED = /\.(gz|bz2|lz4|zst)$/;

function faultOf(segment: ArchivedSegment, { isDuplicate, segmentBytes }: { isDuplicate: boolean; segmentBytes: number }): SuspectSegment['reason'] | null {
  if (segment.sizeBytes === 0) return 'empty';
  // encryption only adds to a segment, compression may leave anything
  if (!COMPRESSED.test(segment.path) && segment.sizeBytes < segmentBytes) return 'short';
  return isDuplicate ? 'duplicate' : null;
}

interface Part {
  readonly timeline: number;
  readonly firstNumber: number;
  readonly leftAt: Lsn | null;
}

function partsOf(timeline: number, histories: readonly TimelineHistory[], segmentBytes: number): readonly Part[] {
  const parts: Part[] = [];
  let begin = 0;
  for (const { timeline: of, leftAt } of wayTo(timeline, histories)) {
    parts.push({ timeline: of, firstNumber: begin, leftAt });
    if (leftAt !== null) begin = Number(lsnBytes(leftAt) / BigInt(segmentBytes));
  }
  return parts;
}

function runsOf(placed: readonly Placed[]): readonly WalRun[] {
  const runs: WalRun[] = [];
  let first: Placed | undefined;
  let before: Placed | null = null;
  let last: Placed | undefined;
  for (const each of placed) {
    if (first !== undefined && last !== undefined && each.number === last.number + 1) {
      before = last;
      last = each;
      continue;
    }
    if (first !== undefined && last !== undefined) runs.push({ first, last, lastButOne: before });
    [first, before, last] = [each, null, each];
  }
  if (first !== undefined && last !== undefined) runs.push({ first, last, lastButOne: before });
  return runs;
}

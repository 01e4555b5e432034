/** The size of WAL segments, where no server is there to tell: a backup knows its positions and the segments they lie in. Pure. */
import { type Lsn, lsnBytes } from './lsn.ts';
import type { BackupRecord } from './model.ts';

/** PostgreSQL's default. */
const USUAL = 16 * 1024 * 1024;
/** `initdb --wal-segsize`: a power of two from 1 MB to 1 GB. */
const POSSIBLE = Array.from({ length: 11 }, (_, power) => 2 ** power * 1024 * 1024);

/** Of the sizes that fit every backup the usual one, else the smallest; the usual one too where none fits or there is no backup. */
export function segmentBytesOf(backups: readonly BackupRecord[]): number {
  const places = backups.flatMap(({ startLsn, startSegment, stopLsn, stopSegment }) => [
    { lsn: startLsn, segment: startSegment, mayEnd: false },
    // a backup that stops at a boundary names the segment before it
    { lsn: stopLsn, segment: stopSegment, mayEnd: true },
  ]);
  const fitting = POSSIBLE.filter((bytes) => places.every((place) => fits(place, BigInt(bytes))));
  return fitting.includes(USUAL) ? USUAL : (fitting[0] ?? USUAL);
}

function fits({ lsn, segment, mayEnd }: { readonly lsn: Lsn; readonly segment: string; readonly mayEnd: boolean }, bytes: bigint): boolean {
  const at = lsnBytes(lsn);
  return nameTail(at, bytes) === segment.slice(8) || (mayEnd && at % bytes === 0n && nameTail(at - 1n, bytes) === segment.slice(8));
}

/** The part of a segment's name behind its timeline. */
function nameTail(at: bigint, bytes: bigint): string {
  const hex = (part: bigint) => part.toString(16).toUpperCase().padStart(8, '0');
  return hex(at >> 32n) + hex((at & 0xffff_ffffn) / bytes);
}

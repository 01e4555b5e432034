/**
 * Positions in the write-ahead log and the segment files that hold them.
 * Source: PostgreSQL manual, "WAL Internals"; `XLogFileName` in xlog_internal.h.
 */

/** A WAL position as PostgreSQL prints it: `16/B374D848`. */
export type Lsn = string;

const LSN = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i;
const SEGMENT = /^[0-9A-F]{24}$/;

export function isLsn(text: string): text is Lsn {
  return LSN.test(text);
}

/** Bytes since the start of WAL. Throws RangeError on anything that is not an LSN. */
export function lsnBytes(lsn: Lsn): bigint {
  const match = LSN.exec(lsn);
  if (!match) throw new RangeError(`not an LSN: ${lsn}`);
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

export function lsnAt(bytes: bigint): Lsn {
  const hex = (n: bigint) => n.toString(16).toUpperCase();
  return `${hex(bytes >> 32n)}/${hex(bytes & 0xffffffffn)}`;
}

/** Negative where `a` comes first, 0 where equal. */
export function compareLsn(a: Lsn, b: Lsn): number {
  const difference = lsnBytes(a) - lsnBytes(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** `to - from` in bytes; negative where `to` lies before `from`. */
export function lsnDistanceBytes(from: Lsn, to: Lsn): number {
  return Number(lsnBytes(to) - lsnBytes(from));
}

/** The 24 hex digits of a segment file: timeline, log, segment. */
export interface SegmentId {
  readonly timeline: number;
  /** Number of the segment since the start of WAL. */
  readonly number: number;
}

/** The segment that holds the byte at `lsn`. */
export function segmentAt(lsn: Lsn, timeline: number, segmentBytes: number): SegmentId {
  return { timeline, number: Number(lsnBytes(lsn) / BigInt(segmentBytes)) };
}

export function segmentName(segment: SegmentId, segmentBytes: number): string {
  const perLog = 0x1_0000_0000 / segmentBytes;
  const hex = (n: number) => n.toString(16).toUpperCase().padStart(8, '0');
  return hex(segment.timeline) + hex(Math.floor(segment.number / perLog)) + hex(segment.number % perLog);
}

/** Throws RangeError where the name is no segment's. */
export function parseSegmentName(name: string, segmentBytes: number): SegmentId {
  if (!SEGMENT.test(name)) throw new RangeError(`not a WAL segment: ${name}`);
  const part = (from: number) => Number.parseInt(name.slice(from, from + 8), 16);
  return { timeline: part(0), number: part(8) * (0x1_0000_0000 / segmentBytes) + part(16) };
}

/** First byte of a segment. */
export function segmentStart(number: number, segmentBytes: number): Lsn {
  return lsnAt(BigInt(number) * BigInt(segmentBytes));
}

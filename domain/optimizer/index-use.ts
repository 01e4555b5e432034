/**
 * Since when an index was not read. PostgreSQL keeps neither an index's age nor, before version 16, the moment of its last use: each look notes how
 * often it was read until then, and what happened between two looks is known to nobody else. Pure.
 */
import type { Instant } from './model.ts';

/** What is known of an index from the looks so far. */
export interface IndexUse {
  /** Of its definition: another one under the same name is another index. */
  readonly digest: string;
  readonly firstSeenAt: Instant;
  /** No later than this it was read; null: never while it was watched. */
  readonly usedAt: Instant | null;
  readonly scans: number;
}

export interface IndexLook {
  readonly digest: string;
  readonly scans: number;
  readonly lastScanAt: Instant | null;
}

/** An index is not called unused before it was watched for so long. */
export const WATCH_MS = 30 * 86_400_000;

/** Fewer reads than before: the counters began anew, and it may have been read in between. */
export function useNow(before: IndexUse | null, { digest, scans, lastScanAt }: IndexLook, now: Instant): IndexUse {
  if (before === null || before.digest !== digest) return { digest, firstSeenAt: now, usedAt: scans === 0 ? null : (lastScanAt ?? now), scans };
  return scans === before.scans ? before : { ...before, usedAt: scans === 0 ? now : (lastScanAt ?? now), scans };
}

/** `countersSince`: a reset hides what was counted before it. */
export function unusedSince({ firstSeenAt, usedAt }: IndexUse, countersSince: Instant | null): Instant {
  return [firstSeenAt, usedAt, countersSince].flatMap((at) => at ?? []).reduce((a, b) => (Date.parse(a) > Date.parse(b) ? a : b));
}

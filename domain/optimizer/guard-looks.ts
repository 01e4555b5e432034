/**
 * From looks at counters to samples: what a statement's executions between two looks took together, and how far they lay apart. Pure.
 * Source of the way back from two sums of squares to their difference: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm" (1979).
 */
import type { Instant } from './model.ts';

/** One row of pg_stat_statements; `row` is what makes it one: user, and whether a client sent it. */
export interface CountedRow {
  readonly row: string;
  /** queryid. */
  readonly statement: string;
  readonly calls: number;
  readonly totalMs: number;
  /** Sum of squared distances from the mean. */
  readonly squares: number;
  /** Of 8 KiB: shared, local and temporary, whether they were in memory or not. Not in looks of an earlier version. */
  readonly blocks?: number;
}

export interface GuardLook {
  readonly window: number;
  readonly look: number;
  readonly takenAt: Instant;
  /** Start of the server. */
  readonly startedAt: Instant;
  /** Last reset of all counters; null where the extension does not say. */
  readonly resetAt: Instant | null;
  readonly rows: readonly CountedRow[];
  /** Views, and functions that are not PostgreSQL's own, which the statements name: what they touch is not known. */
  readonly opaque?: readonly string[];
}

/** Executions of one statement between two looks. */
export interface Batch {
  readonly calls: number;
  readonly totalMs: number;
  readonly squares: number;
  /** null: not known. */
  readonly blocks: number | null;
}

export interface WindowCounts {
  /** By statement, in the order of time. */
  readonly batches: ReadonlyMap<string, readonly Batch[]>;
  /** What makes the window less than a fair one. */
  readonly disturbances: readonly string[];
}

/** The looks of one window, in order. */
export function windowCounts(looks: readonly GuardLook[]): WindowCounts {
  const batches = new Map<string, Batch[]>();
  const disturbances = new Set<string>();
  for (const [place, after] of looks.entries()) {
    const before = looks[place - 1];
    if (before === undefined) continue;
    const isRestarted = before.startedAt !== after.startedAt;
    const isReset = before.resetAt !== after.resetAt;
    if (isRestarted) disturbances.add(`the server was started anew at ${after.startedAt}`);
    if (isReset) disturbances.add(`the counters were reset at ${after.resetAt ?? 'an unknown time'}`);
    for (const [statement, batch] of between(isReset ? [] : before.rows, after.rows)) batches.set(statement, [...(batches.get(statement) ?? []), batch]);
  }
  return { batches, disturbances: [...disturbances] };
}

function between(before: readonly CountedRow[], after: readonly CountedRow[]): Map<string, Batch> {
  const earlier = new Map(before.map((row) => [keyOf(row), row]));
  const found = new Map<string, Batch>();
  for (const row of after) {
    const first = earlier.get(keyOf(row));
    // fewer than before: it was counted anew in between, and all it has counted ran in between
    const batch = first === undefined || row.calls < first.calls || row.totalMs < first.totalMs ? plain(row) : difference(plain(first), plain(row));
    const known = found.get(row.statement);
    if (batch.calls > 0) found.set(row.statement, known === undefined ? batch : joined(known, batch));
  }
  return found;
}

const keyOf = ({ row, statement }: CountedRow): string => `${row} ${statement}`;

const plain = ({ calls, totalMs, squares, blocks }: CountedRow): Batch => ({ calls, totalMs, squares, blocks: blocks ?? null });

function difference(first: Batch, both: Batch): Batch {
  const calls = both.calls - first.calls;
  const totalMs = both.totalMs - first.totalMs;
  const blocks = both.blocks === null || first.blocks === null ? null : both.blocks - first.blocks;
  if (calls === 0) return { calls, totalMs: 0, squares: 0, blocks };
  if (first.calls === 0) return both;
  const apart = totalMs / calls - first.totalMs / first.calls;
  return { calls, totalMs, squares: Math.max(0, both.squares - first.squares - (apart ** 2 * first.calls * calls) / both.calls), blocks };
}

/** Two samples as one. */
export function joined(one: Batch, other: Batch): Batch {
  const calls = one.calls + other.calls;
  if (one.calls === 0) return other;
  if (other.calls === 0) return one;
  const apart = other.totalMs / other.calls - one.totalMs / one.calls;
  const squares = one.squares + other.squares + (apart ** 2 * one.calls * other.calls) / calls;
  const blocks = one.blocks === null || other.blocks === null ? null : one.blocks + other.blocks;
  return { calls, totalMs: one.totalMs + other.totalMs, squares, blocks };
}

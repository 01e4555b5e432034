/** A set of indexes that a run built and measured, as the page of its recommendation compares it with the others. */
import type { Decision } from './model.ts';
import type { Interval } from './statistics.ts';

export interface TriedSet {
  /** Of the experiment. */
  readonly id: string;
  readonly indexes: number;
  /** Real bytes of all of them. */
  readonly sizeBytes: number;
  /** Executed total with it / without it. */
  readonly total: Interval;
  readonly decision: Decision;
}

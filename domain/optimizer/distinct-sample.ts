/** Distinct values of a table from a sample of its rows. */

export interface SampleCounts {
  readonly sampled: number;
  /** Distinct values in the sample. */
  readonly distinct: number;
  /** Values seen exactly once. */
  readonly once: number;
  /** Rows of the whole table. */
  readonly rows: number;
}

/** The Duj1 estimator of Haas and Stokes, as ANALYZE uses it: n·d / (n − f1 + f1·n/N). Between what was seen and the rows there are. */
export function distinctFromSample({ sampled, distinct, once, rows }: SampleCounts): number {
  if (sampled === 0) return rows;
  const guess = (sampled * distinct) / (sampled - once + (once * sampled) / Math.max(rows, sampled));
  return Math.min(Math.max(guess, distinct), Math.max(rows, distinct));
}

/** What a metric of the catalogue is made of. */

/** Seconds; backups and restores take from a blink to hours. */
export const LONG = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14_400];
/** Seconds; how long writers of an application may have waited. */
export const SHORT = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

/** What one metric is. `buckets` only for histograms, in seconds. */
export interface MetricDefinition {
  readonly name: `assay_${'backup' | 'fleet' | 'optimizer'}_${string}`;
  readonly kind: 'gauge' | 'counter' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
  readonly buckets?: readonly number[];
}

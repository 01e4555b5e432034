/** What the optimizer may do on a cluster. Pure. */
import type { ClusterPolicy, SchedulePolicy } from '../policy.ts';
import type { OptimizerLimits } from './model.ts';

export interface OptimizerPolicy {
  /** When runs start; null: only by hand. */
  readonly schedule: SchedulePolicy | null;
  /** Looked at by the schedule, one after another; null: the database of the cluster's connection. */
  readonly databases: readonly string[] | null;
  /** What differs from domain/optimizer/limits.ts. */
  readonly limits: Partial<OptimizerLimits>;
  /** What an approval leads to: the SQL for the user's own pipeline, or its execution by Assay. */
  readonly apply: 'sql' | 'execute';
  /** Evidence older than this is measured again before anything is applied. */
  readonly evidenceAgeMs: number;
  /** A recommendation that nobody decided on expires then. */
  readonly decisionMs: number;
  readonly guard: {
    readonly windowMs: number;
    readonly windows: number;
    /** Calls of a statement in a window below which it says nothing. */
    readonly minCalls: number;
  };
  /** Longest wait for a lock on a table of the user. */
  readonly lockTimeoutMs: number;
  readonly capture: {
    /** Values that statements were really sent with are looked for, and kept encrypted. */
    readonly values: boolean;
    readonly keepMs: number;
  };
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Where the policy says nothing. */
export const defaultOptimizerPolicy: OptimizerPolicy = {
  schedule: null,
  databases: null,
  limits: {},
  apply: 'sql',
  evidenceAgeMs: 7 * DAY_MS,
  decisionMs: 30 * DAY_MS,
  guard: { windowMs: HOUR_MS, windows: 2, minCalls: 30 },
  lockTimeoutMs: 2_000,
  capture: { values: true, keepMs: 7 * DAY_MS },
};

/** A policy of an older history has no word of the optimizer. */
export const optimizerPolicyOf = ({ optimizer }: Pick<ClusterPolicy, 'optimizer'>): OptimizerPolicy => optimizer ?? defaultOptimizerPolicy;

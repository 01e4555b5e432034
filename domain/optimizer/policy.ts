/** What the optimizer may do on a cluster. Pure. */
import type { ClusterPolicy, SchedulePolicy, SecretReference } from '../policy.ts';
import { defaultLimits } from './limits.ts';
import type { OptimizerLimits } from './model.ts';
import type { ChangeKind } from './recommendation.ts';

export interface OptimizerPolicy {
  /** When a run starts; null: only by hand. */
  readonly schedule: SchedulePolicy | null;
  /** That the schedule looks at; null: the one of the cluster's connection. */
  readonly database: string | null;
  readonly limits: OptimizerLimits;
  /** What an approval leads to: the SQL for the user's own pipeline, or its execution by Assay. */
  readonly apply: 'sql' | 'execute';
  /** Kinds of change that are executed without a person's approval. */
  readonly unattended: readonly ChangeKind[];
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
  /** Longest wait for a lock that others queue behind. */
  readonly lockTimeoutMs: number;
  /** Values that statements are really sent with: taken from the server's log and sessions, kept encrypted. */
  readonly capture: {
    readonly values: boolean;
    readonly keepMs: number;
    readonly key: SecretReference;
  };
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Where the policy says nothing. */
export const defaultOptimizerPolicy: OptimizerPolicy = {
  schedule: null,
  database: null,
  limits: defaultLimits,
  apply: 'sql',
  unattended: [],
  evidenceAgeMs: 7 * DAY_MS,
  decisionMs: 30 * DAY_MS,
  guard: { windowMs: HOUR_MS, windows: 2, minCalls: 30 },
  lockTimeoutMs: 2_000,
  capture: { values: false, keepMs: 7 * DAY_MS, key: 'env:ASSAY_CAPTURE_KEY' },
};

/** A policy of an older history says nothing, or not all of it. */
export const optimizerPolicyOf = ({ optimizer }: Pick<ClusterPolicy, 'optimizer'>): OptimizerPolicy => ({ ...defaultOptimizerPolicy, ...optimizer });

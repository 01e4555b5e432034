/**
 * What a caller sends to the optimizer agent and what comes back. Fields are added, never renamed.
 * Results carry ids, counts and figures: texts of statements and indexes stay in the control database (`assay optimizer show`).
 */
import type { ClusterPolicy } from '../policy.ts';
import type { HygieneSummary } from './hygiene-report.ts';
import type { Decision, OptimizerLimits } from './model.ts';
import type { Interval } from './statistics.ts';

export interface OptimizerRunInput {
  readonly cluster: string;
  /** The database of the cluster's own connection where left out. */
  readonly database?: string;
  /** Same key, same request. Part of the workflow id, which stands for it where it is left out. */
  readonly requestKey?: string;
  readonly policy?: ClusterPolicy;
  /** The first one of the policy where left out. */
  readonly repository?: number;
  /** Default: domain/optimizer/limits.ts. */
  readonly limits?: Partial<OptimizerLimits>;
  /** Whole paths of .sql files or folders on the cluster's host; pg_stat_statements where left out. */
  readonly workload?: readonly string[];
  /** What of pg_stat_statements counts: all since its counters began (`reset`, the default), or what came since the cluster's last run. */
  readonly since?: 'reset' | 'last-run';
  /** Count only what runs in this time from now on; `since` is no question then. */
  readonly windowMs?: number;
  /** A proof older than this makes no lab; the policy's objective where left out. */
  readonly maxProofAgeMs?: number;
}

export interface WorkloadSummary {
  readonly statements: number;
  readonly calls: number;
  readonly totalMs: number;
  /** Statements that get no verdict, by reason. */
  readonly notJudged: Readonly<Record<string, number>>;
  readonly notices: readonly string[];
  /** Values that were really sent were looked for. Absent in results of earlier versions. */
  readonly capturesValues?: boolean;
}

export interface SearchSummary {
  /** Statements that could be planned with values. */
  readonly bound: number;
  /** Statements that could not be: they get no verdict. */
  readonly notBound?: number;
  /** Sets that what-if planning found worth building. */
  readonly sets: number;
  readonly explains: number;
  /** What the plans cannot show, for people. */
  readonly notices?: readonly string[];
}

/** One set that was really built and measured. */
export interface ExperimentSummary {
  readonly id: string;
  readonly indexes: number;
  readonly sizeBytes: number;
  readonly total: Interval;
  readonly faster: number;
  readonly slower: number;
  readonly decision: Decision;
  /** Executed total against that of the fastest accepted set, both measured in the same rounds. Absent: not measured beside it. */
  readonly behindFastest?: Interval;
}

export interface OptimizerRunResult {
  /** Id of the run. */
  readonly run: string;
  readonly cluster: string;
  readonly database: string;
  /** Proof and backup that the lab was made of. */
  readonly proof: string;
  readonly backup: string;
  readonly workload: WorkloadSummary;
  readonly search: SearchSummary;
  readonly experiments: readonly ExperimentSummary[];
  /** Id of the recommendation; null where nothing was worth recommending, and `because` says why. */
  readonly recommendation: string | null;
  readonly because: readonly string[];
  /** Indexes that are there: what should go or be built anew. Its recommendation is another one. Absent in results of earlier versions. */
  readonly hygiene?: HygieneSummary;
  /** Statistics on columns that go together; likewise. */
  readonly statistics?: StatisticsSummary;
  /** Settings for single statements; likewise. */
  readonly settings?: SettingsSummary;
  /** Other texts of statements; each recommendation is one statement's. */
  readonly rewrites?: RewritesSummary;
}

export interface StatisticsSummary {
  /** That a wrong count of rows pointed to. */
  readonly ideas: number;
  /** null: none is recommended, and `because` says why. */
  readonly recommendation: string | null;
  readonly because: readonly string[];
}

export interface RewritesSummary {
  /** Statements that another text was tried for. */
  readonly tried: number;
  readonly recommendations: readonly string[];
  readonly because: readonly string[];
}

export interface SettingsSummary {
  /** Statements whose plan asks for one; null: it could not be looked at, and `because` says why. */
  readonly asked: number | null;
  /** Statements that were measured with settings of their own. */
  readonly tried: number;
  /** null: none is recommended, and `because` says why. Where there are several, the first. */
  readonly recommendation: string | null;
  /** One for each statement; missing in results of earlier versions, which had all in one. */
  readonly recommendations?: readonly string[];
  readonly because: readonly string[];
}

/** Ids of all that a run recommends: indexes first, the other kinds after them. */
export const recommendedBy = (result: OptimizerRunResult): readonly string[] => [
  ...new Set([
    ...[result, result.hygiene, result.statistics, result.settings].flatMap((part) => part?.recommendation ?? []),
    ...(result.settings?.recommendations ?? []),
    ...(result.rewrites?.recommendations ?? []),
  ]),
];

/** Names of the public workflows. */
export const optimizerWorkflows = { run: 'optimizerRun', recommendation: 'optimizerRecommendation' } as const;

/** Everything the fleet notices, as one closed union; `ops/log.ts` and `ops/metrics.ts` are its two exhaustive listeners. */

import type { BackupType, Cause, CheckName, ProofDepth, ProofLevel, RecoveryTime } from './backup/model.ts';
import type { ErrorCode } from './errors.ts';
import type { Instant, NotJudgedReason, RecommendationState } from './optimizer/model.ts';
import type { ProposalKind } from './optimizer/recommendation.ts';

interface OfCluster {
  readonly cluster: string;
}

export type Observation =
  | { readonly kind: 'worker-started'; readonly host: string; readonly queues: readonly string[]; readonly metricsUrl?: string }
  | { readonly kind: 'worker-stopped'; readonly host: string }
  /** A worker began to watch a cluster, or its policy changed: what alerts compare with, and which series start at zero. */
  | ({
      readonly kind: 'cluster-watched';
      readonly repositories: readonly number[];
      readonly objectives: {
        readonly rpoSeconds: number | null;
        readonly rtoSeconds: number | null;
        readonly proofAgeSeconds: number;
        /** How old the newest look at the workload may be; null: nobody looks by schedule. */
        readonly workloadAgeSeconds: number | null;
        /** How long a change may be applied without a verdict of its guard. */
        readonly guardSeconds: number;
      };
    } & OfCluster)
  /** The cluster left the policy: its series end. */
  | ({ readonly kind: 'cluster-forgotten' } & OfCluster)
  | ({ readonly kind: 'witness-written'; readonly lsn: string } & OfCluster)
  | ({ readonly kind: 'witness-failed'; readonly reason: string } & OfCluster)
  | ({
      readonly kind: 'archive-measured';
      readonly repository: number;
      readonly lagBytes: number;
      readonly lagSeconds: number;
      readonly gaps: number;
    } & OfCluster)
  /** Times are instants, null where no backup can be restored; known also while the source is silent. */
  | ({ readonly kind: 'window-measured'; readonly repository: number; readonly oldest: string | null; readonly newest: string | null } & OfCluster)
  | ({ readonly kind: 'engine-progress'; readonly phase: 'backup' | 'restore'; readonly doneBytes: number; readonly totalBytes: number } & OfCluster)
  | ({
      readonly kind: 'backup-taken';
      readonly label: string;
      readonly type: BackupType;
      readonly repository: number;
      readonly tookMs: number;
      readonly databaseBytes: number;
      readonly repositoryBytes: number;
      readonly adopted: boolean;
    } & OfCluster)
  | ({ readonly kind: 'backup-failed'; readonly type: BackupType; readonly code: ErrorCode } & OfCluster)
  | ({
      readonly kind: 'marker-made';
      readonly database: string;
      readonly way: string;
      readonly tables: number;
      readonly tookMs: number;
      readonly fenceMs: number;
    } & OfCluster)
  | ({ readonly kind: 'marker-failed'; readonly database: string; readonly reason: string } & OfCluster)
  | ({ readonly kind: 'clone-opened'; readonly clone: string } & OfCluster)
  | ({ readonly kind: 'clone-wiped'; readonly clone: string; readonly swept: boolean } & OfCluster)
  | ({ readonly kind: 'check-made'; readonly check: CheckName; readonly outcome: string; readonly tookMs: number } & OfCluster)
  | ({
      readonly kind: 'proof-judged';
      readonly proof: string;
      readonly backup: string;
      readonly repository: number;
      readonly verdict: 'proven' | 'failed' | 'inconclusive';
      readonly level: ProofLevel | null;
      readonly cause: Cause | null;
      readonly depth: ProofDepth;
      /** Unix seconds of the moment that was proven. */
      readonly provenAtSeconds: number;
      readonly rpoSeconds: number | null;
      readonly recoveryTime: RecoveryTime | null;
    } & OfCluster)
  | ({ readonly kind: 'backups-expired'; readonly labels: readonly string[]; readonly dryRun: boolean } & OfCluster)
  /** `reason`: why none was, null where the decision was carried out. */
  | ({ readonly kind: 'markers-removed'; readonly removed: number; readonly kept: number; readonly reason: string | null } & OfCluster)
  | ({ readonly kind: 'restore-finished'; readonly outcome: 'proven' | 'failed' | 'inconclusive' | 'refused' } & OfCluster)
  /** `missed`: runs that Temporal skipped since this worker's last look; at its first look all since the schedule was made, 0 too. */
  | ({ readonly kind: 'schedule-missed'; readonly schedule: string; readonly missed: number } & OfCluster)
  | ({ readonly kind: 'objective-missed'; readonly objective: 'rpo' | 'rto'; readonly measuredSeconds: number; readonly objectiveSeconds: number } & OfCluster)
  | ({
      readonly kind: 'workload-observed';
      readonly source: 'pg_stat_statements' | 'files';
      readonly statements: number;
      readonly notJudged: number;
    } & OfCluster)
  /** `ratio`: executed total with the set / without it. */
  | ({ readonly kind: 'experiment-measured'; readonly experiment: string; readonly verdict: 'accepted' | 'rejected'; readonly ratio: number } & OfCluster)
  | ({ readonly kind: 'recommendation-made'; readonly recommendation: string; readonly indexes: number; readonly ratio: number } & OfCluster)
  | ({
      readonly kind: 'optimizer-run-ended';
      readonly run: string;
      readonly outcome: 'recommended' | 'nothing' | 'failed';
      readonly tookMs: number;
    } & OfCluster)
  /** Statements that get no verdict: those that a look at the workload left out, that found no plan or values, that could not be measured. */
  | ({
      readonly kind: 'statements-not-judged';
      readonly step: 'observe' | 'bind' | 'measure';
      readonly reasons: Readonly<Partial<Record<NotJudgedReason, number>>>;
    } & OfCluster)
  /** A recommendation came into another state than `proposed`, which `recommendation-made` tells; told at least once for each. */
  | ({ readonly kind: 'recommendation-state'; readonly database: string; readonly recommendation: string; readonly state: RecommendationState } & OfCluster)
  /** One statement of an approved change was carried out on the source. */
  | ({ readonly kind: 'change-applied'; readonly change: ProposalKind; readonly tookMs: number } & OfCluster)
  /** What one guard window said of an applied recommendation. */
  | ({ readonly kind: 'guard-verdict'; readonly verdict: 'keep' | 'roll-back' | 'undecided' } & OfCluster)
  /** What the control database knows of a cluster, counted again and again: outlives a worker. */
  | ({ readonly kind: 'recommendations-counted' } & RecommendationCounts & OfCluster)
  /** What a library that we run on says by itself. */
  | { readonly kind: 'library-said'; readonly library: 'temporal' | 'node' | 'node-cron'; readonly level: 'info' | 'warn' | 'error'; readonly message: string }
  | { readonly kind: 'step-failed'; readonly step: string; readonly code: ErrorCode; readonly message: string };

type ByState<T> = Readonly<Partial<Record<RecommendationState, T>>>;

export interface RecommendationCounts {
  /** Those in each state now; no state: none. */
  readonly states: ByState<number>;
  /** Since when the oldest of those is in it. */
  readonly oldestAt: ByState<Instant>;
  /** When one last came into each state, wherever it is now. */
  readonly lastAt: ByState<Instant>;
  /** Newest look at pg_stat_statements; null: never. */
  readonly collectedAt: Instant | null;
  /** When a guard window last said that a change is to be rolled back; null: never. */
  readonly regressedAt: Instant | null;
  /** Executed total with the newest recommendation against without it; null: there is none. */
  readonly ratio: number | null;
}

export type Observe = (observation: Observation) => void;

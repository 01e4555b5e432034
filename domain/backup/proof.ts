/** The evidence of one restore: what was asked, what was reached, what was checked. Its signed form is the certificate. */

import type { ObjectivesPolicy } from '../policy.ts';
import type {
  BackupRecord,
  CheckResult,
  CloneRef,
  Instant,
  MarkerRef,
  ProofDepth,
  ReachedPoint,
  RecoveryTarget,
  RecoveryTime,
  Verdict,
  Witness,
} from './model.ts';

export interface Versions {
  readonly assay: string;
  readonly engine: string;
  readonly source: string;
  readonly clone: string;
  readonly node: string;
  readonly operatingSystem: string;
}

export interface Proof {
  readonly id: string;
  readonly cluster: string;
  readonly environment: string;
  /** Workflow id of the run that made it. */
  readonly madeBy: string;
  readonly host: string;
  readonly depth: ProofDepth;
  readonly repository: number;
  readonly systemIdentifier: string;
  readonly timeline: number;
  /** The backup that was restored and all it builds on, oldest first. */
  readonly chain: readonly BackupRecord[];
  /** Every target the clone was walked to, in order; the last one is what was proven. */
  readonly targets: readonly RecoveryTarget[];
  readonly reached: ReachedPoint | null;
  /** Moment of the source that was proven: the last marker's, or the target time. */
  readonly provenAt: Instant | null;
  readonly markers: readonly MarkerRef[];
  readonly newestWitness: Witness | null;
  /** Age of the newest witness that came back, when the proof began; null where none did, and where the target was a moment of somebody's choice. */
  readonly rpoMs: number | null;
  readonly recoveryTime: RecoveryTime | null;
  readonly checks: readonly CheckResult[];
  readonly verdict: Verdict;
  readonly objectives: ObjectivesPolicy;
  readonly versions: Versions;
  readonly startedAt: Instant;
  readonly finishedAt: Instant;
}

/** Of the tables that could be compared; `notCovered` says which were not, as `database: object (reason)`, at most ten. */
export interface ProofCoverage {
  /** 0-1, of the bytes. */
  readonly share: number;
  readonly tables: number;
  readonly tablesCovered: number;
  readonly notCovered: readonly string[];
  readonly notCoveredNotListed: number;
}

/** What travels through workflows and to callers. */
export interface ProofSummary {
  readonly id: string;
  readonly cluster: string;
  readonly backup: string;
  readonly verdict: Verdict['verdict'];
  readonly level: 'content' | 'structure' | null;
  readonly cause: string | null;
  readonly because: readonly string[];
  readonly findings: number;
  /** What was found beside the verdict, one sentence each. This and what follows is missing where an older worker made the proof. */
  readonly found?: readonly string[];
  readonly coverage?: ProofCoverage;
  /** Measured; null where the restore did not get so far. */
  readonly recoveryTimeMs?: number | null;
  readonly recoveryPointMs?: number | null;
  /** Moment of the source that was compared, or the target time; null where there is none. */
  readonly provenAt?: Instant | null;
  readonly repository?: number;
  readonly certificate: { readonly json: string; readonly html: string };
  readonly finishedAt: Instant;
}

export type { CloneRef };

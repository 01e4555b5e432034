/** The nouns of the backup agent. Times are ISO 8601 in UTC, sizes bytes, durations milliseconds. */
import type { Lsn } from './lsn.ts';
import type { Equality, NotCovered } from './marker-model.ts';

export type { Equality, Marker, MarkerRef, MarkerWay, NotCovered, NotCoveredReason, SequenceState, TableFingerprint, TableName } from './marker-model.ts';

export type Instant = string;
export type BackupType = 'full' | 'differential' | 'incremental';

/** One backup as the engine's own catalogue describes it. */
export interface BackupRecord {
  readonly label: string;
  readonly type: BackupType;
  readonly repository: number;
  /** Label this one builds on; null for a full backup. */
  readonly prior: string | null;
  /** Every label this one needs to be restored, itself excluded. */
  readonly references: readonly string[];
  readonly startedAt: Instant;
  readonly stoppedAt: Instant;
  readonly startLsn: Lsn;
  readonly stopLsn: Lsn;
  readonly timeline: number;
  readonly startSegment: string;
  readonly stopSegment: string;
  readonly databaseBytes: number;
  /** What this backup added to the repository. */
  readonly repositoryBytes: number;
  /** The engine noticed page checksum errors while copying. */
  readonly hasPageErrors: boolean;
  /** Idempotency key of the request that made it (pgBackRest annotation `assay-request`); null for a foreign backup. */
  readonly requestKey: string | null;
  readonly engineVersion: string;
}

export interface RepositoryInfo {
  readonly stanza: string;
  readonly systemIdentifier: string;
  readonly postgresVersion: string;
  readonly encrypted: boolean;
  readonly backups: readonly BackupRecord[];
  /** pgBackRest's id of the current archive, e.g. `15-1`. */
  readonly archiveId: string;
  /** Another process holds the stanza's backup lock now. */
  readonly busy: boolean;
}

/** A WAL segment that really lies in the repository. */
export interface ArchivedSegment {
  readonly name: string;
  readonly repository: number;
  /** Path inside the repository, for diagnosis and `repo-get`. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly archivedAt: Instant;
}

/** A timeline was left at this LSN for the next one. */
export interface TimelineBranch {
  readonly timeline: number;
  readonly leftAt: Lsn;
}

/** Where a timeline comes from: every timeline before it, oldest first. */
export interface TimelineHistory {
  readonly timeline: number;
  readonly branches: readonly TimelineBranch[];
}

/** A row Assay writes on the source at a steady cadence. */
export interface Witness {
  /** int8 as text. */
  readonly id: string;
  readonly at: Instant;
  readonly lsn: Lsn;
  readonly transactionId: string;
  readonly nonce: string;
}

export type RecoveryTarget =
  | { readonly kind: 'lsn'; readonly lsn: Lsn; readonly exclusive: boolean }
  | { readonly kind: 'time'; readonly at: Instant }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'xid'; readonly xid: string; readonly exclusive: boolean };

/** A restored cluster in a private directory, no TCP. Handed between steps; `host` is the only worker that may touch it. */
export interface CloneRef {
  readonly id: string;
  readonly cluster: string;
  readonly host: string;
  readonly directory: string;
}

/** Where the recovery of a clone stands. */
export interface ReachedPoint {
  readonly replayLsn: Lsn;
  readonly replayedAt: Instant | null;
  readonly timeline: number;
  readonly paused: boolean;
  /**
   * It got there and opened for writing by itself: while a transaction with more than 64 subtransactions is open, a standby lets nobody in, and
   * so does not wait. What was committed by then is what any session sees, but no later target can be reached from here.
   */
  readonly opened?: boolean;
}

export type CheckName =
  | 'archive-continuity'
  | 'manifest-copies'
  | 'page-errors-at-backup'
  | 'target-reached'
  | 'system-identifier'
  | 'snapshot-equivalence'
  | 'witness'
  | 'fingerprints'
  | 'page-checksums'
  | 'amcheck'
  | 'sequences'
  | 'constraints'
  | 'assertions';

/** `unusable`: the test itself could not be made; `not-applicable`: nothing there to test. */
export type CheckOutcome = 'passed' | 'failed' | 'unusable' | 'not-applicable' | 'finding';

export interface CheckResult {
  readonly name: CheckName;
  readonly outcome: CheckOutcome;
  /** null: the cluster as a whole. */
  readonly database: string | null;
  /** Sentences with figures, no row content; the first one is shown in lists. */
  readonly because: readonly string[];
  readonly cause: Cause | null;
  readonly tookMs: number;
}

/** Closed set: metric label and certificate field. */
export type Cause =
  | 'wal-gap'
  | 'wal-corrupt'
  | 'archive-dropped'
  | 'backup-file-corrupt'
  | 'backup-missing'
  | 'manifest-damaged'
  | 'target-not-reached'
  | 'content-differs'
  | 'page-corrupt'
  | 'index-or-heap-corrupt'
  | 'sequence-behind'
  | 'constraint-violated'
  | 'assertion-failed'
  | 'witness-differs'
  | 'system-identifier-differs'
  | 'timeline-switched'
  | 'repository-unreachable'
  | 'wrong-cipher-key'
  | 'disk-full'
  | 'missing-extension'
  | 'missing-binaries'
  | 'collation-version'
  | 'clone-start-failed'
  | 'no-marker'
  | 'marker-unusable'
  | 'amcheck-unavailable'
  | 'interrupted'
  | 'unknown';

export type ProofLevel = 'content' | 'structure';

export interface Finding {
  readonly check: CheckName;
  readonly cause: Cause | null;
  readonly text: string;
}

/** What was compared, of what there is. */
export interface Coverage {
  readonly databases: number;
  readonly databasesCovered: number;
  readonly tables: number;
  readonly tablesCovered: number;
  readonly bytes: number;
  readonly bytesCovered: number;
  /** Oldest fingerprint used, milliseconds before the target. */
  readonly oldestFingerprintMs: number;
  readonly equalities: readonly Equality[];
  readonly notCovered: readonly NotCovered[];
  /** Ids of the markers whose tables these figures count: those of databases that are there at the end. Left out by older proofs: all. */
  readonly counted?: readonly string[];
}

export type Verdict =
  | {
      readonly verdict: 'proven';
      readonly level: ProofLevel;
      readonly because: readonly string[];
      readonly findings: readonly Finding[];
      readonly coverage: Coverage;
    }
  | {
      readonly verdict: 'failed';
      readonly cause: Cause;
      readonly because: readonly string[];
      readonly findings: readonly Finding[];
      readonly coverage: Coverage;
    }
  | {
      readonly verdict: 'inconclusive';
      readonly cause: Cause;
      readonly because: readonly string[];
      readonly findings: readonly Finding[];
      readonly coverage: Coverage;
    };

/** Measured recovery time by phase. `honest`: fsync was on throughout. */
export interface RecoveryTime {
  readonly fetchMs: number;
  readonly startMs: number;
  readonly replayMs: number;
  readonly checkMs: number;
  readonly honest: boolean;
}

export type ProofDepth = 'plain' | 'deep';

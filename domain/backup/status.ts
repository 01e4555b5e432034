/** Where the backups of one cluster stand: the answer of `assay backup status`, `list` and `show`. */
import type { ObjectivesPolicy } from '../policy.ts';
import type { BackupRecord, Instant } from './model.ts';
import type { ProofSummary } from './proof.ts';

/** `proven`: a restore got there; `reachable`: a backup and unbroken WAL lead there; `broken`: WAL is missing. */
export type WindowState = 'proven' | 'reachable' | 'broken';

/** Part of the restorable window; parts of one repository do not overlap. */
export interface WindowPart {
  readonly repository: number;
  readonly state: WindowState;
  readonly from: Instant;
  readonly to: Instant;
  /** What makes it so, for example the first missing segment. */
  readonly because: string;
}

/** WAL that is not there: no target after `after` and before `until` can be reached. */
export interface WindowGap {
  readonly repository: number;
  readonly firstMissing: string;
  readonly lastMissing: string;
  readonly segments: number;
  readonly after: Instant | null;
  readonly until: Instant | null;
}

/** How far a repository is behind the source. */
export interface ArchiveLag {
  readonly repository: number;
  readonly bytes: number;
  readonly seconds: number;
}

/** What it holds is not known: nothing of it is in the answer. */
export interface UnreachableRepository {
  readonly repository: number;
  readonly reason: string;
}

export interface CloneInUse {
  readonly id: string;
  readonly host: string;
  /** Workflow id of the run it serves. */
  readonly owner: string;
  readonly since: Instant;
}

export interface RunningWork {
  readonly workflowId: string;
  /** `backupRun`, `backupProve`, … */
  readonly workflow: string;
  readonly startedAt: Instant;
}

export interface BackupStatus {
  readonly cluster: string;
  readonly environment: string;
  readonly at: Instant;
  readonly backups: readonly BackupRecord[];
  /** Newest proof of each backup. */
  readonly proofs: readonly ProofSummary[];
  /** When the newest proof that proved a backup ended; null where nothing was proven yet. Which moments are proven says `window`. */
  readonly provenAt: Instant | null;
  readonly window: readonly WindowPart[];
  readonly gaps: readonly WindowGap[];
  readonly archive: readonly ArchiveLag[];
  readonly clones: readonly CloneInUse[];
  readonly running: readonly RunningWork[];
  readonly objectives: ObjectivesPolicy;
  /** Missing: every repository answered. */
  readonly unreachable?: readonly UnreachableRepository[];
}

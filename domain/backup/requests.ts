/**
 * What a caller sends to the backup agent and what comes back: inputs and results of the public workflows.
 * Fields are added, never renamed. A `policy` left out means the one that `assay apply` stored.
 */
import type { ClusterPolicy } from '../policy.ts';
import type { Lsn } from './lsn.ts';
import type { BackupRecord, BackupType, Instant, MarkerRef, ProofDepth, ProofLevel, RecoveryTarget } from './model.ts';
import type { ProofSummary } from './proof.ts';

interface Request {
  readonly cluster: string;
  /** Same key, same request: a second caller joins the first one's run. Part of the workflow id, which stands for it where it is left out. */
  readonly requestKey?: string;
  readonly policy?: ClusterPolicy;
  /** The first one of the policy where left out. */
  readonly repository?: number;
}

export interface BackupRunInput extends Request {
  readonly type: BackupType;
  /** How the backup is proven afterwards; the policy decides where left out. */
  readonly prove?: ProofLevel | 'none';
}

export interface BackupRunResult {
  readonly backup: BackupRecord;
  /** An earlier attempt of the same request had made it. */
  readonly adopted: boolean;
  readonly markers: readonly MarkerRef[];
  /** null where no proof was asked for. */
  readonly proof: ProofSummary | null;
  /** The engine's own part of the run. */
  readonly engineMs: number;
}

export interface BackupProveInput extends Request {
  /** Label; the newest backup that can reach the target where left out. */
  readonly backup?: string;
  /** Default `plain`. */
  readonly depth?: ProofDepth;
  /** Default `content`. */
  readonly level?: ProofLevel;
  /** The newest markers after the backup where left out. */
  readonly target?: RecoveryTarget;
  /** WAL up to here is known to be archived: no new markers are made, the newest after the backup serve. */
  readonly archivedLsn?: Lsn;
  /** A random moment of the restorable window is the target. */
  readonly random?: boolean;
  /** Why no marker could be made just now: said where the proof then lacks one. */
  readonly unmarked?: string;
}

export type BackupProveResult = ProofSummary;

export interface BackupRestoreInput extends Request {
  readonly target: RecoveryTarget;
  /** Whole path of an empty or new folder on the cluster's host. */
  readonly into: string;
  /** Label to start from; the newest one before the target where left out. */
  readonly backup?: string;
  /** Default `content`: compared with the newest markers on the way, where there are any. `structure` leaves that out, and runs sooner. */
  readonly level?: ProofLevel;
}

export interface BackupRestoreResult {
  readonly directory: string;
  readonly socket: string;
  readonly port: number;
  readonly proof: ProofSummary;
  readonly dataDirectory: string;
  /** Steps to make it production, in order: archiving is off in a restored cluster. Empty where nothing was left, and the folder is as it was: the proof says why. */
  readonly goLive: readonly string[];
}

export interface BackupExpireInput extends Request {
  /** Default false. */
  readonly dryRun?: boolean;
}

export interface RetentionReason {
  readonly label: string;
  readonly because: string;
}

export interface BackupExpireResult {
  readonly kept: readonly RetentionReason[];
  readonly expired: readonly RetentionReason[];
  readonly dryRun: boolean;
  /** How many markers no backup that is left needs; removed with them. Missing in a dry run, and where an older worker ran. */
  readonly markersRemoved?: number;
}

export type BackupFingerprintInput = Request;

export interface BackupFingerprintResult {
  readonly markers: readonly MarkerRef[];
  /** Objects left out; the markers name each with its reason. */
  readonly notCovered: number;
}

export interface BackupRestorePointInput {
  readonly cluster: string;
  /** At most 63 bytes; it is the key of the request too. */
  readonly name: string;
  readonly policy?: ClusterPolicy;
}

export interface BackupRestorePointResult {
  readonly name: string;
  readonly lsn: Lsn;
  /** The WAL that holds it was seen in the repository. */
  readonly archivedAt: Instant;
}

export interface BackupStatusInput {
  readonly cluster: string;
  readonly policy?: ClusterPolicy;
}

/** Names of the queries every running workflow answers. */
export const queries = { progress: 'progress' } as const;

/** Answer of `progress`; the byte counts are there while an engine copies. */
export interface Progress {
  readonly phase: string;
  readonly detail: string;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
  /** How far the step is that runs now, in words: `4 of 12, round 2 of 5`. */
  readonly step?: string;
  readonly startedAt: Instant;
}

/** Names of the public workflows, as Temporal and other languages know them. */
export const backupWorkflows = {
  run: 'backupRun',
  prove: 'backupProve',
  restore: 'backupRestore',
  expire: 'backupExpire',
  fingerprint: 'backupFingerprint',
  restorePoint: 'backupRestorePoint',
  status: 'backupStatus',
} as const;

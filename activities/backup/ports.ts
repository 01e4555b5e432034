/** What the backup steps are built from; constructed in `workers/` only. */

import type { FoundDatabase } from '../../domain/backup/databases.ts';
import type { Lsn } from '../../domain/backup/lsn.ts';
import type {
  BackupRecord,
  CheckResult,
  CloneRef,
  Marker,
  MarkerRef,
  NotCovered,
  ProofDepth,
  ReachedPoint,
  RecoveryTarget,
  Witness,
} from '../../domain/backup/model.ts';
import type { Pin } from '../../domain/backup/pins.ts';
import type { PreflightSource } from '../../domain/backup/preflight.ts';
import type { Proof, ProofSummary } from '../../domain/backup/proof.ts';
import type { Observe } from '../../domain/observation.ts';
import type { ClusterPolicy, SecretReference } from '../../domain/policy.ts';
import type { StepIo } from '../io.ts';
import type { BackupEngine, RestoreRequest } from './engines/engine.ts';

/** Resolves `env:` and `file:` references; throws secret-unreadable. */
export type ReadSecret = (reference: SecretReference) => string;

export type EngineFor = (policy: ClusterPolicy) => BackupEngine;

/** Where the source stands; one connection to the cluster's own database. */
export interface SourceState extends PreflightSource {
  readonly now: string;
}

/** The live cluster, read and (only in Assay's own schema) written. */
export interface Source {
  state(policy: ClusterPolicy): Promise<SourceState>;
  writeWitness(policy: ClusterPolicy): Promise<Witness>;
  /** pg_switch_wal(); returns the LSN up to which WAL must be archived. A separate statement after a committed write. */
  switchWal(policy: ClusterPolicy): Promise<Lsn>;
  createRestorePoint(policy: ClusterPolicy, name: string): Promise<Lsn>;
}

/** Makes markers of the live cluster. */
export interface MarkerMaker {
  /** One marker per covered database, in LSN order, and what is not covered. `equality: 'text'` for deep proofs. */
  make(
    policy: ClusterPolicy,
    options: { readonly equality: 'hash' | 'text'; readonly previous: readonly Marker[] },
    io: StepIo,
  ): Promise<{ readonly markers: readonly Marker[]; readonly notCovered: readonly NotCovered[] }>;
}

/** Clones on this host. */
export interface Clones {
  /** Checks room and the limit, makes the private folders. Idempotent by id. `into`: whole path of the folder to use, beyond the limit: a restore for a person. */
  open(policy: ClusterPolicy, id: string, owner: string, neededBytes: number, into?: string | null): Promise<CloneRef>;
  /** Folders the engine restores into. */
  restoreFolders(clone: CloneRef): Pick<RestoreRequest, 'dataDirectory' | 'tablespaceDirectory' | 'lockDirectory' | 'spoolDirectory' | 'logDirectory'>;
  /** Starts recovery towards the target and waits until it is paused there. Throws target-not-reached, clone-start-failed, disk-full, binaries-missing. */
  start(
    policy: ClusterPolicy,
    clone: CloneRef,
    target: RecoveryTarget,
    io: StepIo,
  ): Promise<{ readonly reached: ReachedPoint; readonly startMs: number; readonly replayMs: number }>;
  /** Stops and starts the same clone towards a later target. */
  walk(
    policy: ClusterPolicy,
    clone: CloneRef,
    target: RecoveryTarget,
    io: StepIo,
  ): Promise<{ readonly reached: ReachedPoint; readonly startMs: number; readonly replayMs: number }>;
  promote(policy: ClusterPolicy, clone: CloneRef, io: StepIo): Promise<void>;
  stop(policy: ClusterPolicy, clone: CloneRef): Promise<void>;
  /** Starts a promoted, stopped clone again as an ordinary cluster (archiving still off) that stays. */
  serve(policy: ClusterPolicy, clone: CloneRef, io: StepIo): Promise<void>;
  /** Clones that are there now, whatever state they are in. */
  list(policy: ClusterPolicy): Promise<readonly { readonly id: string; readonly host: string; readonly owner: string; readonly since: string }[]>;
  /** Gone whatever state it is in; idempotent. */
  wipe(clone: CloneRef): Promise<void>;
  /** Wipes every clone of this host whose owner is no longer running. */
  sweep(directory: string, isOwnerRunning: (owner: string) => Promise<boolean>): Promise<readonly string[]>;
}

/** Checks on a clone. Each returns results, never throws for a fault it found. */
export interface CloneChecks {
  /** On a clone paused at any target: reached exactly (replay LSN, time, name), system identifier as the source's. */
  arrival(
    policy: ClusterPolicy,
    clone: CloneRef,
    stop: { readonly target: RecoveryTarget; readonly reached: ReachedPoint; readonly systemIdentifier?: string },
  ): Promise<readonly CheckResult[]>;
  /** On a clone that stands at the marker's LSN: snapshot equivalence, witness, sequences, fingerprints. */
  content(policy: ClusterPolicy, clone: CloneRef, marker: Marker, reached: ReachedPoint, io: StepIo): Promise<readonly CheckResult[]>;
  /** On a promoted clone: amcheck and constraints per database, assertions; then stopped: page checksums. */
  structure(policy: ClusterPolicy, clone: CloneRef, options: { readonly depth: ProofDepth }, io: StepIo): Promise<readonly CheckResult[]>;
  /** Databases of the clone that can be connected to, templates left out, with their size and identity. */
  databases(policy: ClusterPolicy, clone: CloneRef): Promise<readonly FoundDatabase[]>;
  /** The newest witness in the clone; null where there is none. */
  newestWitness(policy: ClusterPolicy, clone: CloneRef): Promise<Witness | null>;
}

/** Markers with their fingerprints: too big for histories. */
export interface MarkerStore {
  save(marker: Marker): Promise<MarkerRef>;
  load(id: string): Promise<Marker>;
  /** Markers of a cluster whose LSN lies in [from, to], by database and LSN. */
  between(cluster: string, from: Lsn, to: Lsn | null): Promise<readonly MarkerRef[]>;
  newest(cluster: string): Promise<readonly Marker[]>;
  /** Ids of markers that proofs of these backups name. */
  named(cluster: string, backups: readonly string[]): Promise<ReadonlySet<string>>;
  /** Idempotent. Their files go too; certificates that name them carry their figures and digests themselves. */
  remove(cluster: string, markers: readonly MarkerRef[]): Promise<void>;
}

/** Proofs, certificates and backups as the control database and the evidence folder keep them. */
export interface EvidenceStore {
  /** Signs, chains, writes JSON and HTML beside the repository, records in the control database. Idempotent by proof id. `markers`: as loaded; those left out are read. */
  issue(policy: ClusterPolicy, proof: Proof, markers?: readonly Marker[]): Promise<ProofSummary>;
  recordBackup(policy: ClusterPolicy, backup: BackupRecord): Promise<void>;
  /** Labels of backups by their newest proof, for retention. */
  provenBackups(cluster: string): Promise<readonly ProofSummary[]>;
  /** Labels that clones and restores in progress need now; `pin` and `unpin` are idempotent by owner. */
  pinned(cluster: string): Promise<readonly string[]>;
  /** The same with their owners, and what expiries have announced (domain/backup/pins.ts). */
  pins(cluster: string): Promise<readonly Pin[]>;
  pin(cluster: string, owner: string, labels: readonly string[]): Promise<void>;
  unpin(cluster: string, owner: string): Promise<void>;
  appliedPolicy(cluster: string): Promise<ClusterPolicy | null>;
  savePolicy(policy: ClusterPolicy): Promise<void>;
  listPolicies(): Promise<readonly ClusterPolicy[]>;
  removePolicy(cluster: string): Promise<void>;
}

export interface BackupDependencies {
  readonly evidence: EvidenceStore;
  readonly engineFor: EngineFor;
  readonly source: Source;
  readonly markerMaker: MarkerMaker;
  readonly markerStore: MarkerStore;
  readonly clones: Clones;
  readonly checks: CloneChecks;
  readonly observe: Observe;
  readonly now: () => Date;
  /** Heartbeat, cancellation and progress of the step in hand. */
  readonly io: () => StepIo;
  readonly host: string;
  /** Version of the PostgreSQL binaries clones run on. */
  readonly cloneVersion: (policy: ClusterPolicy) => Promise<string>;
  readonly assayVersion: string;
}

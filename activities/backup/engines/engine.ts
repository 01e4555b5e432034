/** A backup engine behind one interface; one file per engine. Each call names its repository where it matters. */
import type { ArchivedSegment, BackupRecord, BackupType, RecoveryTarget, RepositoryInfo, TimelineHistory } from '../../../domain/backup/model.ts';
import type { StepIo } from '../../io.ts';

/** A folder or file of this host that a backup needs, and that the engine's OS user cannot use. */
export interface ShutFolder {
  /** As the engine's own configuration calls it, `lock-path`. */
  readonly option: string;
  readonly path: string;
  readonly user: string;
}

export interface BackupRequest {
  readonly type: BackupType;
  readonly requestKey: string;
  readonly repository: number;
}

export interface BackupOutcome {
  readonly backup: BackupRecord;
  /** Found already made by an earlier attempt of the same request. */
  readonly adopted: boolean;
  readonly tookMs: number;
}

export interface RestoreRequest {
  readonly label: string;
  readonly repository: number;
  readonly target: RecoveryTarget;
  /** `pause`: stays in recovery, read-only, at the target. `promote`: opens for writing. */
  readonly action: 'pause' | 'promote';
  /** Empty folder the data directory is written to. */
  readonly dataDirectory: string;
  /** Every tablespace is mapped below this folder. */
  readonly tablespaceDirectory: string;
  readonly lockDirectory: string;
  readonly spoolDirectory: string;
  readonly logDirectory: string;
}

export interface ManifestCopies {
  readonly label: string;
  /** `equal`: byte for byte. `one-damaged`: the engine still restores from the other. */
  readonly state: 'equal' | 'one-damaged' | 'both-damaged';
  readonly detail: string;
}

export interface SegmentDamage {
  readonly segment: string;
  readonly reason: string;
}

/** All methods throw AssayError: engine-failed, engine-refused, engine-busy, repository-unreachable, wrong-cipher-key, disk-full. */
export interface BackupEngine {
  readonly stanza: string;
  version(): Promise<string>;
  /** Ids of the repositories the configuration names, ascending. */
  repositories(): Promise<readonly number[]>;
  /** Looks, makes nothing; empty where all can be used. What lies on other hosts is not looked at. */
  shutFolders(): Promise<readonly ShutFolder[]>;
  info(repository: number): Promise<RepositoryInfo>;
  /** Every segment of the current archive id, in order. From the real listing, not from `info`. `since`: only from this name on, which is much less to list. */
  archive(repository: number, since?: string): Promise<readonly ArchivedSegment[]>;
  /** Where each timeline of the current archive branched off, ascending; empty before the first promotion. */
  timelines(repository: number): Promise<readonly TimelineHistory[]>;
  /** Makes the backup, or adopts the one an earlier attempt of the same request made. Idempotent by requestKey. */
  backup(request: BackupRequest, io: StepIo): Promise<BackupOutcome>;
  /** Restores into an empty folder; does not start anything. Idempotent: a half-restored folder is begun anew. */
  restore(request: RestoreRequest, io: StepIo): Promise<{ readonly bytes: number; readonly tookMs: number }>;
  /** Exact argument list that `restore` runs, for `--print`. */
  restoreCommand(request: RestoreRequest): readonly string[];
  /** restore_command of a clone that is pointed at a new target without a new restore. */
  manifestCopies(repository: number, label: string): Promise<ManifestCopies>;
  /** Reads segments through the engine and compares each with the checksum in its name. Diagnosis only. */
  damagedSegments(repository: number, segments: readonly ArchivedSegment[], io: StepIo): Promise<readonly SegmentDamage[]>;
  /** A segment as PostgreSQL handed it over, into a new file (0600) of ours. Throws engine-refused where the engine cannot read it. */
  fetchSegment(segment: ArchivedSegment, file: string): Promise<void>;
  /** Removes exactly these backups, then WAL no remaining backup needs. `dryRun` runs the engine's own. */
  expire(
    repository: number,
    labels: readonly string[],
    dryRun: boolean,
    io: StepIo,
  ): Promise<{ readonly removed: readonly string[]; readonly walBefore: number; readonly walAfter: number }>;
  /** The engine's own verify: text status and exit code, both. */
  verify(repository: number, io: StepIo): Promise<{ readonly status: string; readonly exit: number; readonly text: string }>;
  /** Idempotent. A repository that does not answer is known within half a minute. */
  stanzaCreate(io: StepIo): Promise<void>;
}

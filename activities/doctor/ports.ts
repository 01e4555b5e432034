/** What the doctor is built from; constructed in `workers/commands/doctor.ts` only. */
import type { ArchivedSegment, RepositoryInfo } from '../../domain/backup/model.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';

/** Resolves `env:` and `file:` references; throws secret-unreadable. */
export type ReadSecret = (reference: string) => string;

/** The engine as the doctor asks it; throws AssayError as the engine does. */
export interface EngineView {
  version(policy: ClusterPolicy): Promise<string>;
  repositories(policy: ClusterPolicy): Promise<readonly number[]>;
  /** Paths of this host that a backup needs and the engine's OS user cannot use, each with the option that names it. */
  shutFolders(policy: ClusterPolicy): Promise<readonly { readonly option: string; readonly path: string; readonly user: string }[]>;
  info(policy: ClusterPolicy, repository: number): Promise<RepositoryInfo>;
  archive(policy: ClusterPolicy, repository: number): Promise<readonly ArchivedSegment[]>;
}

export interface TemporalView {
  readonly address: string;
  /** Version of the server. Throws temporal-unreachable. */
  version(): Promise<string>;
  /** Identities of workers that poll this queue now. */
  pollers(queue: string, kind: 'workflow' | 'activity'): Promise<readonly string[]>;
}

export interface DoctorDependencies {
  /** This host: engine, binaries and disks are looked at only for clusters whose worker is here. */
  readonly host: string;
  readonly readSecret: ReadSecret;
  readonly engine: EngineView;
  /** Grants and objects of Assay that are missing in a cluster, as SQL with its reason. */
  missingObjects(policy: ClusterPolicy): Promise<readonly { readonly sql: string; readonly why: string }[]>;
  /** null: not looked at. */
  readonly temporal: TemporalView | null;
  readonly now: () => Date;
  /** How long WAL may be under way before it counts as not arriving; default 10 s. */
  readonly archivePatienceMs?: number;
}

/** What `plan`, `apply` and `remove` are built from. */
import type { ScheduleClient } from '@temporalio/client';
import type { EvidenceStore } from '../../activities/backup/ports.ts';
import type { ObjectSql } from '../../domain/plan.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';

/** Assay's own objects in a user's cluster. Throws cluster-unreachable, privilege-missing. */
export interface SourceObjects {
  /** In the order they must be made. */
  missing(policy: ClusterPolicy): Promise<readonly ObjectSql[]>;
  /** Those that are there, in the order they must be dropped. */
  present(policy: ClusterPolicy): Promise<readonly ObjectSql[]>;
  /** Makes what is missing. Idempotent. */
  apply(policy: ClusterPolicy): Promise<void>;
  /** Throws what `remove` would throw, and changes nothing. */
  rehearseRemoval(policy: ClusterPolicy): Promise<void>;
  /** Drops what is there. Idempotent. */
  remove(policy: ClusterPolicy): Promise<void>;
}

/** The pgbackrest.conf that Assay makes itself; never one that was adopted. */
export interface EngineConfiguration {
  /** What the file should hold. Holds secrets: never shown. */
  desired(policy: ClusterPolicy): Promise<string>;
  /** What it holds; null where there is none. */
  current(policy: ClusterPolicy): Promise<string | null>;
  /** Makes the stanza, then puts the file in its place, 0600 for the engine's OS user. Idempotent; where it throws the file is as it was. */
  write(policy: ClusterPolicy, text: string): Promise<void>;
}

export interface PlanDependencies {
  readonly schedules: ScheduleClient;
  readonly evidence: Pick<EvidenceStore, 'appliedPolicy' | 'savePolicy' | 'listPolicies' | 'removePolicy'>;
  readonly objects: SourceObjects;
  readonly configuration: EngineConfiguration;
  /** This host: managed configurations of clusters on other hosts are left to an apply there. */
  readonly host: string;
  readonly now: () => Date;
}

/**
 * What a cluster's policy is once `assay.yaml` was read: the input of every workflow.
 * The file's own form (snake_case, durations as text) is in `policy-file.ts`. Secrets are references here, never values.
 */

import type { OptimizerPolicy } from './optimizer/policy.ts';

/** `env:NAME` or `file:/path` (mode 0600). */
export type SecretReference = string;

export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: SecretReference | null;
  /** Database used for whatever concerns the cluster as a whole; witnesses live there. */
  readonly database: string;
  readonly sslMode: 'disable' | 'require' | 'verify-full';
  readonly sslRootCertificate: string | null;
}

export type Repository =
  | { readonly kind: 'posix'; readonly id: number; readonly path: string; readonly cipherPass: SecretReference | null }
  | {
      readonly kind: 's3';
      readonly id: number;
      readonly path: string;
      readonly bucket: string;
      readonly endpoint: string;
      readonly port: number | null;
      readonly region: string;
      readonly uriStyle: 'host' | 'path';
      readonly verifyTls: boolean;
      readonly key: SecretReference;
      readonly keySecret: SecretReference;
      readonly cipherPass: SecretReference | null;
    };

export interface EnginePolicy {
  readonly kind: 'pgbackrest';
  readonly binary: string;
  readonly stanza: string;
  /** pgbackrest.conf to use. `adopted`: the user's, never written. `managed`: made by `assay apply` from `repositories`. */
  readonly config: string;
  readonly ownership: 'adopted' | 'managed';
  /** Empty where the configuration was adopted. */
  readonly repositories: readonly Repository[];
  readonly processMax: number;
  /** Whole of an engine run. */
  readonly timeoutMs: number;
}

export interface SchedulePolicy {
  readonly cron: string;
  readonly timeZone: string;
  readonly jitterMs: number;
  readonly catchUpMs: number;
}

export interface RetentionPolicy {
  /** Full backups (with all that build on them) to keep at least. */
  readonly fulls: number;
  /** Every moment of the last so many days stays restorable. */
  readonly days: number;
  /** Labels never expired. */
  readonly keep: readonly string[];
  /** When old backups are expired; absent or null: never by itself. */
  readonly schedule?: SchedulePolicy | null;
}

export interface Assertion {
  readonly name: string;
  readonly database: string;
  readonly sql: string;
  /** Rows expected, each value as PostgreSQL's text form; null is NULL. */
  readonly expect: readonly (readonly (string | null)[])[];
}

export interface FingerprintPolicy {
  readonly mode: 'full' | 'changed' | 'sample';
  readonly maxSnapshotAgeMs: number;
  readonly parallel: number;
  /** Longest wait for a consistent point. */
  readonly waitMs: number;
  /** `sample`: share of bytes read each time, 0-1. */
  readonly sampleShare: number;
  /** Markers between backups, so often; absent or null: only with backups and proofs. */
  readonly everyMs?: number | null;
  /** Standby the tables are read on instead of the primary; absent or null: none. */
  readonly standby?: Connection | null;
}

export interface ProofPolicy {
  readonly afterBackup: 'content' | 'structure' | 'none';
  readonly deep: SchedulePolicy | null;
  readonly randomPerWeek: number;
  readonly fingerprint: FingerprintPolicy;
  readonly assertions: readonly Assertion[];
}

export interface ClonePolicy {
  /** Parent folder of all clones, on a disk with room. */
  readonly directory: string;
  readonly maxClones: number;
  readonly memoryMb: number;
  /** OS user of clones and engine where the worker is root; null: the owner of the data directory. */
  readonly osUser: string | null;
  /** Folder with initdb, postgres, pg_amcheck of the cluster's major; null: looked for in the usual places. */
  readonly binaries: string | null;
  /** fsync on: recovery time is honest. */
  readonly honest: boolean;
}

export interface ObjectivesPolicy {
  readonly rpoMs: number | null;
  readonly rtoMs: number | null;
  /** A proof older than this is stale. */
  readonly proofAgeMs: number;
}

export interface ClusterPolicy {
  readonly cluster: string;
  readonly environment: 'dev' | 'staging' | 'production';
  /** Host whose worker does host-bound work. */
  readonly host: string;
  readonly connection: Connection;
  readonly excludedDatabases: readonly string[];
  readonly engine: EnginePolicy;
  readonly schedules: { readonly full: SchedulePolicy | null; readonly differential: SchedulePolicy | null; readonly incremental: SchedulePolicy | null };
  readonly retention: RetentionPolicy;
  readonly objectives: ObjectivesPolicy;
  readonly proof: ProofPolicy;
  readonly witness: { readonly everyMs: number; readonly keepMs: number };
  readonly clone: ClonePolicy;
  /** What the optimizer may do; absent or null, also in parts, in older histories: domain/optimizer/policy.ts says it. */
  readonly optimizer?: OptimizerPolicy | null;
  /** Folder for certificates and markers beside the repository, outside the engine's own tree. */
  readonly evidenceDirectory: string;
}

export interface FleetPolicy {
  /** Whole path of the file this came from. */
  readonly file: string;
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    /** Paths of PEM files; absent or null: no TLS. */
    readonly tls?: {
      readonly certificate: string | null;
      readonly key: string | null;
      readonly ca: string | null;
      readonly serverName: string | null;
    } | null;
  };
  readonly control: SecretReference;
  /** Ed25519 private key, PKCS#8 PEM. */
  readonly signingKey: SecretReference;
  readonly clusters: readonly ClusterPolicy[];
}

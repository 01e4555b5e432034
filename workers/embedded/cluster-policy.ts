/** The policy of an embedded cluster: complete, with small and quick defaults. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { ClusterPolicy } from '../../domain/policy.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export interface PolicySource {
  readonly name: string;
  readonly directory: string;
  readonly socketDirectory: string;
  readonly port: number;
  readonly osUser: { readonly name: string; readonly switched: boolean };
  readonly binaries: string;
  readonly configFile: string;
  readonly stanza: string;
  /** Path of the program. */
  readonly pgbackrest: string;
}

/** Witness each second, fingerprints full, no schedules; clones and evidence inside the cluster's folder. */
export function embeddedPolicy(source: PolicySource): ClusterPolicy {
  return {
    cluster: source.name,
    environment: 'dev',
    host: hostname(),
    connection: {
      host: source.socketDirectory,
      port: source.port,
      user: 'postgres',
      password: null,
      database: 'postgres',
      sslMode: 'disable',
      sslRootCertificate: null,
    },
    excludedDatabases: [],
    engine: {
      kind: 'pgbackrest',
      binary: source.pgbackrest,
      stanza: source.stanza,
      config: source.configFile,
      ownership: 'adopted',
      repositories: [],
      processMax: 2,
      timeoutMs: HOUR,
    },
    schedules: { full: null, differential: null, incremental: null },
    retention: { fulls: 2, days: 7, keep: [] },
    objectives: { rpoMs: 2 * MINUTE, rtoMs: 10 * MINUTE, proofAgeMs: DAY },
    proof: {
      afterBackup: 'content',
      deep: null,
      randomPerWeek: 0,
      fingerprint: { mode: 'full', maxSnapshotAgeMs: 10 * MINUTE, parallel: 2, waitMs: 5 * SECOND, sampleShare: 0.1 },
      assertions: [],
    },
    witness: { everyMs: SECOND, keepMs: DAY },
    clone: {
      directory: join(source.directory, 'clones'),
      maxClones: 2,
      memoryMb: 256,
      osUser: source.osUser.switched ? source.osUser.name : null,
      binaries: source.binaries,
      honest: true,
    },
    evidenceDirectory: join(source.directory, 'evidence'),
  };
}

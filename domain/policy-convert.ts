/** From the file's form to the policy that workflows take. */
import type { Assertion, ClusterPolicy, Connection, EnginePolicy, FleetPolicy, ProofPolicy, Repository, SchedulePolicy, SecretReference } from './policy.ts';
import type { ClusterFile, PolicyFile } from './policy-file.ts';
import { toOptimizer } from './policy-optimizer.ts';
import type { ScheduleFile } from './policy-schedule.ts';

/** Where the file lies; relative paths in it start at `folder`. Both whole paths, the folder without a trailing slash. */
export interface FilePlace {
  readonly file: string;
  readonly folder: string;
}

/** The fleet's policy, clusters in the order of their names. */
export function toFleetPolicy(content: PolicyFile, place: FilePlace): FleetPolicy {
  const { address, namespace, tls } = content.temporal;
  const path = (written: string | null) => (written === null ? null : wholePath(place.folder, written));
  return {
    file: place.file,
    temporal: {
      address,
      namespace,
      tls: tls === null ? null : { certificate: path(tls.certificate), key: path(tls.key), ca: path(tls.ca), serverName: tls.server_name },
    },
    control: wholeReference(place.folder, content.control),
    signingKey: wholeReference(place.folder, content.signing_key),
    clusters: Object.entries(content.clusters)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, cluster]) => toClusterPolicy(name, cluster, place.folder)),
  };
}

function toClusterPolicy(name: string, file: ClusterFile, folder: string): ClusterPolicy {
  return {
    cluster: name,
    environment: file.environment,
    host: file.host,
    connection: toConnection(file.connection, folder),
    excludedDatabases: file.exclude_databases,
    engine: toEngine(name, file.pgbackrest, folder),
    schedules: {
      full: toSchedule(file.schedules.full),
      differential: toSchedule(file.schedules.differential),
      incremental: toSchedule(file.schedules.incremental),
    },
    retention: { fulls: file.retention.fulls, days: file.retention.days, keep: file.retention.keep, schedule: toSchedule(file.retention.schedule) },
    objectives: { rpoMs: file.objectives.rpo, rtoMs: file.objectives.rto, proofAgeMs: file.objectives.proof_age },
    proof: toProof(file.proof, folder),
    witness: { everyMs: file.witness.every, keepMs: file.witness.keep },
    clone: {
      directory: wholePath(folder, file.clone.directory),
      maxClones: file.clone.max_clones,
      memoryMb: Math.floor(file.clone.memory / 1024 ** 2),
      osUser: file.clone.os_user,
      binaries: file.clone.binaries === null ? null : wholePath(folder, file.clone.binaries),
      honest: file.clone.honest,
    },
    optimizer: toOptimizer(file.optimizer, { toSchedule, toReference: (reference) => wholeReference(folder, reference) }),
    evidenceDirectory: wholePath(folder, file.evidence),
  };
}

function toConnection(file: ClusterFile['connection'], folder: string): Connection {
  return {
    host: file.host,
    port: file.port,
    user: file.user,
    password: maybeReference(folder, file.password),
    database: file.database,
    sslMode: file.ssl,
    sslRootCertificate: file.ssl_root_certificate === null ? null : wholePath(folder, file.ssl_root_certificate),
  };
}

function toEngine(name: string, file: ClusterFile['pgbackrest'], folder: string): EnginePolicy {
  return {
    kind: 'pgbackrest',
    // a bare name is looked up on PATH
    binary: file.binary.includes('/') ? wholePath(folder, file.binary) : file.binary,
    stanza: file.stanza,
    config: wholePath(folder, file.config ?? file.managed_config ?? `pgbackrest-${name}.conf`),
    ownership: file.config === undefined ? 'managed' : 'adopted',
    repositories: file.repositories.map((repository) => toRepository(repository, folder)),
    processMax: file.process_max,
    timeoutMs: file.timeout,
  };
}

function toRepository(file: ClusterFile['pgbackrest']['repositories'][number], folder: string): Repository {
  const cipherPass = maybeReference(folder, file.cipher_pass);
  if (file.kind === 'posix') return { kind: 'posix', id: file.id, path: wholePath(folder, file.path), cipherPass };
  return {
    kind: 's3',
    id: file.id,
    path: file.path,
    bucket: file.bucket,
    endpoint: file.endpoint,
    port: file.port,
    region: file.region,
    uriStyle: file.uri_style,
    verifyTls: file.verify_tls,
    key: wholeReference(folder, file.key),
    keySecret: wholeReference(folder, file.key_secret),
    cipherPass,
  };
}

function toProof(file: ClusterFile['proof'], folder: string): ProofPolicy {
  const { mode, max_snapshot_age, parallel, wait, sample_share, every, standby } = file.fingerprint;
  return {
    afterBackup: file.after_backup,
    deep: toSchedule(file.deep),
    randomPerWeek: file.random_per_week,
    fingerprint: {
      ...{ mode, maxSnapshotAgeMs: max_snapshot_age, parallel, waitMs: wait, sampleShare: sample_share, everyMs: every },
      ...(standby === null ? {} : { standby: toConnection(standby, folder) }),
    },
    assertions: file.assertions.map(toAssertion),
  };
}

const toAssertion = ({ name, database, sql, expect }: ClusterFile['proof']['assertions'][number]): Assertion => ({
  name,
  database,
  sql,
  expect: expect.map((row) => row.map(asPostgresText)),
});

function asPostgresText(value: string | number | boolean | null): string | null {
  if (typeof value === 'boolean') return value ? 't' : 'f';
  return value === null ? null : String(value);
}

function toSchedule(file: ScheduleFile | null): SchedulePolicy | null {
  return file === null ? null : { cron: file.cron, timeZone: file.timezone, jitterMs: file.jitter, catchUpMs: file.catch_up };
}

/** A whole path from one that may start at the folder. */
export const wholePath = (folder: string, written: string): string => (written.startsWith('/') ? written : `${folder}/${written.replace(/^(\.\/)+/, '')}`);

const wholeReference = (folder: string, reference: SecretReference): SecretReference =>
  reference.startsWith('file:') ? `file:${wholePath(folder, reference.slice('file:'.length))}` : reference;

const maybeReference = (folder: string, reference: SecretReference | null) => (reference === null ? null : wholeReference(folder, reference));

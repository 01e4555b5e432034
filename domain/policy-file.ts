/**
 * `assay.yaml`: every key with unit, range, default and one line of help. Parser, JSON Schema for editors and docs/configuration.md
 * all come from here. Keys are public: added, never renamed. Rules across keys are in `policy-rules.ts`.
 */
import { z } from 'zod';
import { choice, count, duration, flag, path, secret, shaped, share, size, text } from './policy-fields.ts';
import { optimizer } from './policy-optimizer.ts';
import { schedule } from './policy-schedule.ts';

const cipherPass = () => secret('AES-256 key of this repository; the repository is not encrypted without it').nullable().prefault(null);
const repositoryId = () => count({ help: 'Number of the repository in pgBackRest (repo1, repo2, …)', min: 1, max: 4, unit: 'number' });

const posix = z.strictObject({
  kind: z.literal('posix').meta({ description: 'A folder of this host, or mounted on it', 'x-unit': 'choice', 'x-range': 'posix' }),
  id: repositoryId().prefault(1),
  path: path('Folder of the repository'),
  cipher_pass: cipherPass(),
});

const s3 = z.strictObject({
  kind: z.literal('s3').meta({ description: 'An S3-compatible object store', 'x-unit': 'choice', 'x-range': 's3' }),
  id: repositoryId().prefault(1),
  path: shaped('Prefix inside the bucket', /^\//, 'a path that starts with /').prefault('/'),
  bucket: text('Name of the bucket'),
  endpoint: shaped('Host of the store', /^[^\s/:]+$/, 'a host name without https:// and port'),
  port: count({ help: 'Port of the store', min: 1, max: 65_535, unit: 'port' }).nullable().prefault(null),
  region: text('Region of the bucket'),
  uri_style: choice('How the bucket is addressed', ['host', 'path']).prefault('host'),
  verify_tls: flag("Check the store's certificate").prefault(true),
  key: secret('Access key'),
  key_secret: secret('Secret of the access key'),
  cipher_pass: cipherPass(),
});

const repository = z.discriminatedUnion('kind', [posix, s3], { error: 'write kind: posix or kind: s3' });

/** Stanzas that can be named in a policy; the engine itself takes any name. */
export const stanzaPattern = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

const pgbackrest = z.strictObject({
  binary: text('Program to run, a name on PATH or a path').prefault('pgbackrest'),
  stanza: shaped('Stanza of this cluster', stanzaPattern, 'letters, digits, dots, dashes, underscores'),
  config: path('Existing pgbackrest.conf to adopt: used as it is, never written').optional(),
  managed_config: path('Where `assay apply` writes the pgbackrest.conf made from `repositories`; default pgbackrest-CLUSTER.conf beside this file').optional(),
  repositories: z
    .array(repository, { error: 'write a list of repositories' })
    .max(4)
    .meta({ description: 'Repositories of a configuration that Assay makes; leave out where `config` names an existing one' })
    .prefault([]),
  process_max: count({ help: 'Processes that copy and compress', min: 1, max: 64 }).prefault(2),
  timeout: duration({ help: 'Longest time of one engine run', min: '1m', max: '7d' }).prefault('24h'),
});

const connection = z.strictObject({
  host: text('Host name, address, or folder of the Unix socket'),
  port: count({ help: 'Port', min: 1, max: 65_535, unit: 'port' }).prefault(5432),
  user: text('Role Assay connects as; `assay doctor` names the grants it lacks').prefault('assay'),
  password: secret('Password of the role').nullable().prefault(null),
  database: text('Database for whatever concerns the whole cluster; witnesses live there').prefault('postgres'),
  ssl: choice('TLS: encrypted, or encrypted and the server checked', ['disable', 'require', 'verify-full']).prefault('disable'),
  ssl_root_certificate: path('Authority that signed the server certificate, PEM').nullable().prefault(null),
});

const fingerprint = z.strictObject({
  mode: choice('Which tables are read for a marker: all, those changed since the last marker, a rotating sample', ['full', 'changed', 'sample']).prefault(
    'full',
  ),
  max_snapshot_age: duration({ help: 'Longest time one snapshot is held; it keeps vacuum from removing rows', min: '10s', max: '6h' }).prefault('10m'),
  parallel: count({ help: 'Connections that read at a time', min: 1, max: 32 }).prefault(2),
  wait: duration({ help: 'Longest wait for a consistent point', min: '1s', max: '10m' }).prefault('30s'),
  sample_share: share({ help: 'Mode sample: share of the bytes read each time', min: 0.01, max: 1 }).prefault(0.1),
  every: duration({ help: 'Make markers between backups too, so often; they let random moments be proven by content', min: '5m', max: '7d' })
    .nullable()
    .prefault(null),
  standby: connection
    .nullable()
    .meta({
      description:
        'A standby to read the tables on instead: replay is paused there for milliseconds. Needs EXECUTE on pg_wal_replay_pause and pg_wal_replay_resume',
    })
    .prefault(null),
});

const cell = z.union([z.string(), z.number(), z.boolean(), z.null()], { error: 'write a text, number, true, false or null' });

const assertion = z.strictObject({
  name: text('Name shown in the certificate'),
  database: text('Database it runs in'),
  sql: text('One query, run on the clone in a read-only transaction by a role that is no superuser'),
  expect: z
    .array(z.array(cell, { error: 'write each row as a list: [value, …]' }), { error: 'write a list of rows: [[value, …], …]' })
    .meta({ description: "Rows it must give, values in PostgreSQL's text form", 'x-unit': 'rows' }),
});

const proof = z.strictObject({
  after_backup: choice('Level of the proof made after each backup', ['content', 'structure', 'none']).prefault('content'),
  deep: schedule()
    .nullable()
    .meta({ description: 'When a deep proof is made (every index entry, text equality); null: never' })
    .prefault({ cron: '0 4 * * 0', jitter: '30m' }),
  random_per_week: count({ help: 'Proofs a week at random moments of the restorable window, among those that can be proven', min: 0, max: 168 }).prefault(2),
  fingerprint: fingerprint.meta({ description: 'How the content is compared' }).prefault({}),
  assertions: z
    .array(assertion, { error: 'write a list of assertions' })
    .meta({ description: 'Queries of your own that must hold on each clone' })
    .prefault([]),
});

const cluster = z.strictObject({
  environment: choice('What the cluster is used for; production has stricter guards', ['dev', 'staging', 'production']),
  host: shaped('Host whose worker runs engine and clones (ASSAY_HOST there)', /^[A-Za-z0-9._-]+$/, 'letters, digits, dots, dashes'),
  connection: connection.meta({ description: 'How Assay connects' }),
  exclude_databases: z
    .array(text('Name of a database'), { error: 'write a list of names' })
    .meta({ description: 'Databases that are not compared; each certificate names them' })
    .prefault([]),
  pgbackrest: pgbackrest.meta({ description: 'The backup engine' }),
  schedules: z
    .strictObject({
      full: schedule().nullable().meta({ description: 'When a full backup is made; null: never by Assay' }).prefault(null),
      differential: schedule().nullable().meta({ description: 'When a differential backup is made; null: never by Assay' }).prefault(null),
      incremental: schedule().nullable().meta({ description: 'When an incremental backup is made; null: never by Assay' }).prefault(null),
    })
    .meta({ description: 'When backups are made' })
    .prefault({}),
  retention: z
    .strictObject({
      fulls: count({ help: 'Full backups, with all that build on them, kept at least', min: 1, max: 1000 }).prefault(2),
      days: count({ help: 'Every moment of the last so many days stays restorable', min: 0, max: 3650, unit: 'days' }).prefault(14),
      keep: z.array(text('Label of a backup'), { error: 'write a list of backup labels' }).meta({ description: 'Labels never expired' }).prefault([]),
      schedule: schedule().nullable().meta({ description: 'When old backups are expired; null: only by hand' }).prefault({ cron: '0 6 * * *', jitter: '15m' }),
    })
    .meta({ description: 'What is kept; the newest proven chain always is' })
    .prefault({}),
  objectives: z
    .strictObject({
      rpo: duration({ help: 'Most data that may be lost, as time; measured by proofs', min: '1s', max: '30d' }).nullable().prefault(null),
      rto: duration({ help: 'Longest recovery; measured by proofs', min: '1s', max: '30d' }).nullable().prefault(null),
      proof_age: duration({ help: 'A proof older than this is stale', min: '1m', max: '365d' }).prefault('8d'),
    })
    .meta({ description: 'What is promised, and alerted on' })
    .prefault({}),
  proof: proof.meta({ description: 'How backups are proven' }).prefault({}),
  witness: z
    .strictObject({
      every: duration({ help: 'Cadence of the witness row that measures RPO', min: '1s', max: '1h' }).prefault('15s'),
      keep: duration({ help: 'How long witness rows are kept', min: '1h', max: '365d' }).prefault('14d'),
    })
    .meta({ description: 'The row Assay writes to know how far a restore really came' })
    .prefault({}),
  clone: z
    .strictObject({
      directory: path('Parent folder of clones, on a disk with room for the cluster').prefault('/var/lib/assay/clones'),
      max_clones: count({ help: 'Clones at a time', min: 1, max: 16 }).prefault(2),
      memory: size({ help: 'Memory one clone may use', min: '64MB', max: '1TB' }).prefault('512MB'),
      os_user: text('OS user of clones and engine where the worker is root; default: the owner of the data directory').nullable().prefault(null),
      binaries: path("Folder with postgres and pg_amcheck of the cluster's major; default: looked for").nullable().prefault(null),
      honest: flag('fsync on: the recovery time measured is that of a real recovery').prefault(true),
    })
    .meta({ description: 'Where restores are tried' })
    .prefault({}),
  optimizer: optimizer.meta({ description: 'What the optimizer may do' }).prefault({}),
  evidence: path('Folder for certificates and markers, outside the repository; each cluster has its own in it').prefault('/var/lib/assay/evidence'),
});

/** A cluster's name; the rule is checked in `policy-rules.ts`, so that a bad name does not hide the faults below it. */
export const clusterNamePattern = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** The whole file. Parsing gives durations in milliseconds and sizes in bytes, with every default filled in. */
export const policyFile = z.strictObject({
  version: z
    .literal(1, { error: ({ input }) => (input === undefined ? 'missing: write version: 1' : 'write version: 1') })
    .meta({ description: 'Version of this format', 'x-unit': 'number', 'x-range': '1' }),
  temporal: z
    .strictObject({
      address: shaped('Temporal server; ASSAY_TEMPORAL_ADDRESS overrides it', /^\S+:\d+$/, 'HOST:PORT').prefault('127.0.0.1:7233'),
      namespace: text('Namespace; ASSAY_TEMPORAL_NAMESPACE overrides it').prefault('default'),
      tls: z
        .strictObject({
          certificate: path('Client certificate, PEM').nullable().prefault(null),
          key: path('Key of the client certificate, PEM, mode 0600').nullable().prefault(null),
          ca: path('Authority that signed the server certificate, PEM').nullable().prefault(null),
          server_name: text('Name expected in the server certificate').nullable().prefault(null),
        })
        .nullable()
        .meta({ description: 'TLS to Temporal; null: none' })
        .prefault(null),
    })
    .meta({ description: 'Where Temporal is' })
    .prefault({}),
  control: secret('Control database, a reference to its postgresql:// URL').prefault('env:ASSAY_CONTROL_URL'),
  signing_key: secret('Ed25519 private key that signs certificates, PEM').prefault('env:ASSAY_SIGNING_KEY'),
  clusters: z
    .record(z.string().meta({ description: 'Name of a cluster', pattern: clusterNamePattern.source }), cluster, { error: 'write a group of clusters by name' })
    .meta({ description: 'Clusters by name; the name is part of every workflow id' })
    .prefault({}),
});

export type PolicyFile = z.output<typeof policyFile>;
export type ClusterFile = PolicyFile['clusters'][string];

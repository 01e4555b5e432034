/** Proofs as the steps make them, for the tests of certificates: one proven, failed, inconclusive; names as hostile as PostgreSQL allows. */
import { randomUUID } from 'node:crypto';
import type { BackupRecord, CheckResult, Marker, TableFingerprint, Verdict } from '../../domain/backup/model.ts';
import type { Proof } from '../../domain/backup/proof.ts';

export const hostile = `"; drop table x; --</script><b>\u202eevil`;

export function exampleBackup(over: Partial<BackupRecord> = {}): BackupRecord {
  return {
    label: '20261121-020004F',
    type: 'full',
    repository: 1,
    prior: null,
    references: [],
    startedAt: '2026-11-21T02:00:04.000Z',
    stoppedAt: '2026-11-21T02:03:31.000Z',
    startLsn: '4/2A000028',
    stopLsn: '4/2C1F0110',
    timeline: 1,
    startSegment: '00000001000000040000002A',
    stopSegment: '00000001000000040000002C',
    databaseBytes: 1_503_000_000,
    repositoryBytes: 412_000_000,
    hasPageErrors: false,
    requestKey: 'schedule-full',
    engineVersion: 'pgBackRest 2.45',
    ...over,
  };
}

export function exampleFingerprint(table: string, over: Partial<TableFingerprint> = {}): TableFingerprint {
  return {
    oid: 16_400,
    schema: 'public',
    table,
    rows: '1000',
    sum: '-87213123123123123',
    equality: 'hash',
    bytes: 8_192,
    seeds: ['813', '-99123'],
    takenAt: '2026-11-21T05:44:07.120Z',
    ...over,
  };
}

export function exampleMarker(over: Partial<Marker> = {}): Marker {
  return {
    id: randomUUID(),
    cluster: 'shop',
    database: 'shop',
    way: 'slot',
    lsn: '4/537A7548',
    timeline: 1,
    at: '2026-11-21T05:44:07.120Z',
    snapshot: '48656:48660:48657,48659',
    witness: null,
    fingerprints: [
      exampleFingerprint('order_items', { bytes: 512_000_000, rows: '6210044' }),
      exampleFingerprint('orders', { bytes: 301_000_000, rows: '2050113' }),
      exampleFingerprint('customers', { bytes: 120_000_000, rows: '410000' }),
      exampleFingerprint('products', { bytes: 64_000_000, rows: '50000' }),
      exampleFingerprint('payments', { bytes: 58_000_000, rows: '1800000' }),
      exampleFingerprint('addresses', { bytes: 31_000_000, rows: '380000' }),
      exampleFingerprint('sessions', { bytes: 12_000_000, rows: '90000', schema: 'web' }),
      exampleFingerprint('documents', { bytes: 9_000_000, rows: '2000', equality: 'text' }),
      exampleFingerprint(hostile, { bytes: 4_000_000 }),
      exampleFingerprint('countries', { bytes: 16_384, rows: '249' }),
    ],
    sequences: [],
    notCovered: [],
    tookMs: 812.4,
    fenceMs: 0,
    ...over,
  };
}

export function secondMarker(): Marker {
  return exampleMarker({
    database: 'billing',
    lsn: '4/537A9A10',
    at: '2026-11-21T05:44:09.480Z',
    fingerprints: [
      exampleFingerprint('invoices', { bytes: 140_000_000, rows: '980000', takenAt: '2026-11-21T05:44:09.480Z' }),
      exampleFingerprint('ledger', { bytes: 88_000_000, rows: '1400000', takenAt: '2026-11-21T05:38:09.480Z' }),
    ],
  });
}

const check = (name: CheckResult['name'], because: string, over: Partial<CheckResult> = {}): CheckResult => ({
  name,
  outcome: 'passed',
  database: null,
  because: [because],
  cause: null,
  tookMs: 412.7,
  ...over,
});

const checks: CheckResult[] = [
  check('archive-continuity', '132 segments from 00000001000000040000002A to 000000010000000400000053, no gap'),
  check('manifest-copies', 'one copy of the manifest of 20261121-020004F is truncated; the other serves', { outcome: 'finding', cause: 'manifest-damaged' }),
  check('target-reached', 'replay stopped exactly at 4/537A9A10, paused, timeline 1'),
  check('system-identifier', '7441230981234567890, as the source'),
  check('snapshot-equivalence', '5 transactions in flight, all seen alike on both', { database: 'shop' }),
  check('witness', 'witness 18233 came back with its nonce'),
  check('fingerprints', '10 of 10 tables equal', { database: 'shop', tookMs: 4_812 }),
  check('fingerprints', '2 of 2 tables equal', { database: 'billing', tookMs: 1_310 }),
  check('amcheck', '61 relations sound', { database: 'shop', tookMs: 2_213 }),
  check('amcheck', '9 relations sound', { database: 'billing', tookMs: 601 }),
  check('sequences', '14 sequences, none behind', { database: 'shop' }),
  check('constraints', '22 constraints valid', { database: 'shop' }),
  check('assertions', 'no assertions in the policy', { outcome: 'not-applicable', tookMs: 0 }),
  check('page-checksums', '183472 blocks, none bad', { tookMs: 633 }),
];

const coverage: Verdict['coverage'] = {
  databases: 3,
  databasesCovered: 2,
  tables: 14,
  tablesCovered: 12,
  bytes: 1_380_000_000,
  bytesCovered: 1_339_016_384,
  oldestFingerprintMs: 360_000,
  equalities: ['hash', 'text'],
  notCovered: [
    { database: 'scratch', object: null, reason: 'database-excluded', detail: 'excluded_databases in the policy' },
    { database: 'shop', object: 'web.cache', reason: 'unlogged', detail: '' },
    { database: 'shop', object: hostile, reason: 'row-security', detail: 'policy tenants hides rows' },
  ],
};

export interface Example {
  readonly proof: Proof;
  readonly markers: readonly Marker[];
}

/** Level `content`, two databases, a full and an incremental backup. */
export function provenExample(over: Partial<Proof> = {}): Example {
  const markers = [exampleMarker(), secondMarker()];
  const chain = [
    exampleBackup({ startedAt: '2026-11-15T02:00:04.000Z', stoppedAt: '2026-11-15T02:03:31.000Z', label: '20261115-020004F' }),
    exampleBackup({
      label: '20261115-020004F_20261121-052003I',
      type: 'incremental',
      prior: '20261115-020004F',
      references: ['20261115-020004F'],
      startedAt: '2026-11-21T05:20:03.000Z',
      stoppedAt: '2026-11-21T05:20:21.000Z',
      repositoryBytes: 18_300_000,
    }),
  ];
  const proof: Proof = {
    id: randomUUID(),
    cluster: 'shop',
    environment: 'production',
    madeBy: 'backup/shop/prove/nightly',
    host: 'db1.example.net',
    depth: 'plain',
    repository: 1,
    systemIdentifier: '7441230981234567890',
    timeline: 1,
    chain,
    targets: markers.map((marker) => ({ kind: 'lsn', lsn: marker.lsn, exclusive: true })),
    reached: { replayLsn: '4/537A9A10', replayedAt: '2026-11-21T05:44:09.470Z', timeline: 1, paused: true },
    provenAt: '2026-11-21T05:44:09.480Z',
    markers: markers.map(({ id, database, lsn, at }) => ({ id, database, lsn, at })),
    newestWitness: { id: '18233', at: '2026-11-21T05:43:58.004Z', lsn: '4/53790010', transactionId: '48655', nonce: '6f1d3a0c9b7e4452' },
    rpoMs: 42_310.5,
    recoveryTime: { fetchMs: 8_512.3, startMs: 940.2, replayMs: 2_204.9, checkMs: 9_700.1, honest: true },
    checks,
    verdict: {
      verdict: 'proven',
      level: 'content',
      because: ['12 of 14 tables hold the same rows as the source at their markers', 'the clone stopped exactly at 4/537A9A10'],
      findings: [{ check: 'manifest-copies', cause: 'manifest-damaged', text: 'one copy of the manifest of 20261115-020004F is truncated' }],
      coverage,
    },
    objectives: { rpoMs: 60_000, rtoMs: 30_000, proofAgeMs: 86_400_000 },
    versions: { assay: '0.1.0', engine: 'pgBackRest 2.45', source: '15.18', clone: '15.18', node: '24.21.0', operatingSystem: 'Debian GNU/Linux 12' },
    startedAt: '2026-11-21T05:44:40.320Z',
    finishedAt: '2026-11-21T05:45:02.900Z',
    ...over,
  };
  return { proof, markers };
}

const nothingCompared: Verdict['coverage'] = { ...coverage, databasesCovered: 0, tablesCovered: 0, bytesCovered: 0, oldestFingerprintMs: 0, equalities: [] };

export function failedExample(over: Partial<Proof> = {}): Example {
  const { proof, markers } = provenExample();
  return {
    markers,
    proof: {
      ...proof,
      id: randomUUID(),
      reached: null,
      provenAt: null,
      newestWitness: null,
      rpoMs: null,
      recoveryTime: { fetchMs: 8_600, startMs: 900, replayMs: 61_000, checkMs: 0, honest: false },
      targets: [{ kind: 'time', at: '2026-11-21T05:44:07.000Z' }],
      checks: [
        check('archive-continuity', 'segment 000000010000000400000047 is missing between 05:31:02 and 05:36:40', {
          outcome: 'failed',
          cause: 'wal-gap',
        }),
        check('manifest-copies', 'both copies of 2 manifests are equal'),
        check('target-reached', 'recovery ended at 4/46FFFFD0, before the target', { outcome: 'failed', cause: 'target-not-reached', tookMs: 62_000 }),
        check('fingerprints', 'the clone never reached a marker', { outcome: 'unusable', tookMs: 0 }),
      ],
      verdict: {
        verdict: 'failed',
        cause: 'wal-gap',
        because: [
          'WAL segment 000000010000000400000047 is missing from repository 1',
          'everything after 2026-11-21 05:31:02 UTC would be lost: 5 min 38 s up to the next segment, and all that follows it',
        ],
        findings: [],
        coverage: nothingCompared,
      },
      ...over,
    },
  };
}

export function inconclusiveExample(over: Partial<Proof> = {}): Example {
  const { proof } = provenExample();
  return {
    markers: [],
    proof: {
      ...proof,
      id: randomUUID(),
      chain: [],
      targets: [],
      markers: [],
      reached: null,
      provenAt: null,
      newestWitness: null,
      rpoMs: null,
      recoveryTime: null,
      checks: [
        check('archive-continuity', 'repository 1 does not answer: connect ECONNREFUSED 10.0.0.9:443', {
          outcome: 'unusable',
          cause: 'repository-unreachable',
        }),
      ],
      verdict: {
        verdict: 'inconclusive',
        cause: 'repository-unreachable',
        because: ['repository 1 did not answer within 60 s: connect ECONNREFUSED 10.0.0.9:443'],
        findings: [],
        coverage: { ...nothingCompared, databases: 0, tables: 0, bytes: 0, notCovered: [] },
      },
      ...over,
    },
  };
}

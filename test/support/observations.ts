/** One observation of every kind, as a fleet at work makes them. */
import type { Observation } from '../../domain/observation.ts';

type Kind = Observation['kind'];

const cluster = 'shop';
const repository = 1;

/** A kind that is missing here does not compile. */
export const oneOfEach: { readonly [K in Exclude<Kind, 'cluster-forgotten' | 'worker-stopped'>]: Extract<Observation, { kind: K }> } = {
  'worker-started': { kind: 'worker-started', host: 'db1', queues: ['assay', 'assay@db1'] },
  'cluster-watched': {
    kind: 'cluster-watched',
    cluster,
    repositories: [repository],
    objectives: { rpoSeconds: 65, rtoSeconds: 60, proofAgeSeconds: 90_000, workloadAgeSeconds: 172_800, guardSeconds: 28_800 },
  },
  'witness-written': { kind: 'witness-written', cluster, lsn: '0/5000028' },
  'witness-failed': { kind: 'witness-failed', cluster, reason: 'the server is shutting down' },
  'archive-measured': { kind: 'archive-measured', cluster, repository, lagBytes: 4096, lagSeconds: 12, gaps: 0 },
  'window-measured': { kind: 'window-measured', cluster, repository, oldest: '2026-11-14T05:00:10.000Z', newest: '2026-11-21T05:12:00.000Z' },
  'engine-progress': { kind: 'engine-progress', cluster, phase: 'backup', doneBytes: 50, totalBytes: 100 },
  'backup-taken': {
    kind: 'backup-taken',
    cluster,
    repository,
    label: '20261121-050000F',
    type: 'full',
    tookMs: 9300,
    databaseBytes: 1_503_000_000,
    repositoryBytes: 70_000_000,
    adopted: false,
  },
  'backup-failed': { kind: 'backup-failed', cluster, type: 'full', code: 'engine-busy' },
  'marker-made': { kind: 'marker-made', cluster, database: 'orders', way: 'slot', tables: 5, tookMs: 2600, fenceMs: 0 },
  'marker-failed': { kind: 'marker-failed', cluster, database: 'orders', reason: 'a transaction kept running' },
  'clone-opened': { kind: 'clone-opened', cluster, clone: 'c1' },
  'clone-wiped': { kind: 'clone-wiped', cluster, clone: 'c1', swept: false },
  'check-made': { kind: 'check-made', cluster, check: 'fingerprints', outcome: 'passed', tookMs: 2700 },
  'proof-judged': {
    kind: 'proof-judged',
    cluster,
    repository,
    proof: 'p1',
    backup: '20261121-050000F',
    verdict: 'proven',
    level: 'content',
    cause: null,
    depth: 'plain',
    provenAtSeconds: 1_795_000_000,
    rpoSeconds: 14,
    recoveryTime: { fetchMs: 8500, startMs: 700, replayMs: 1900, checkMs: 6000, honest: true },
  },
  'backups-expired': { kind: 'backups-expired', cluster, labels: ['20261101-050000F'], dryRun: false },
  'markers-removed': { kind: 'markers-removed', cluster, removed: 12, kept: 40, reason: null },
  'restore-finished': { kind: 'restore-finished', cluster, outcome: 'proven' },
  'schedule-missed': { kind: 'schedule-missed', cluster, schedule: 'backup/shop/schedule/full', missed: 1 },
  'objective-missed': { kind: 'objective-missed', cluster, objective: 'rto', measuredSeconds: 75, objectiveSeconds: 60 },
  'workload-observed': { kind: 'workload-observed', cluster, source: 'pg_stat_statements', statements: 42, notJudged: 7 },
  'experiment-measured': { kind: 'experiment-measured', cluster, experiment: 'e1', verdict: 'accepted', ratio: 0.31 },
  'recommendation-made': { kind: 'recommendation-made', cluster, recommendation: 'r1', indexes: 2, ratio: 0.31 },
  'optimizer-run-ended': { kind: 'optimizer-run-ended', cluster, run: 'o1', outcome: 'recommended', tookMs: 95_000 },
  'statements-not-judged': { kind: 'statements-not-judged', cluster, step: 'observe', reasons: { utility: 5, budget: 2 } },
  'recommendation-state': { kind: 'recommendation-state', cluster, database: 'orders', recommendation: 'r1', state: 'approved' },
  'change-applied': { kind: 'change-applied', cluster, change: 'create-index', tookMs: 2100 },
  'guard-verdict': { kind: 'guard-verdict', cluster, verdict: 'keep' },
  'recommendations-counted': {
    kind: 'recommendations-counted',
    cluster,
    states: { proposed: 1, kept: 3 },
    oldestAt: { proposed: '2026-11-20T05:00:10.000Z', kept: '2026-10-01T05:00:00.000Z' },
    lastAt: { proposed: '2026-11-20T05:00:10.000Z', kept: '2026-11-12T05:00:00.000Z', 'rolled-back': '2026-11-10T05:00:00.000Z' },
    regressedAt: '2026-11-10T04:55:00.000Z',
    collectedAt: '2026-11-21T05:00:10.000Z',
    ratio: 0.31,
  },
  'library-said': { kind: 'library-said', library: 'temporal', level: 'warn', message: 'Worker state changed' },
  'step-failed': { kind: 'step-failed', step: 'takeBackup', code: 'engine-busy', message: 'another process holds the lock' },
};

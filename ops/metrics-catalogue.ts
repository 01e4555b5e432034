/**
 * Every metric of the fleet: name, kind, labels, one line of help. Names are public: added, never renamed.
 * Labels hold closed sets only (declared clusters and hosts, verdicts, causes…): never a table, a query, a tenant.
 */

import { optimizerMetrics } from './metrics-catalogue-optimizer.ts';
import { LONG, type MetricDefinition, SHORT } from './metrics-definition.ts';

export type { MetricDefinition } from './metrics-definition.ts';

const repository = ['cluster', 'repository'] as const;

export const metricCatalogue = {
  lastProven: {
    name: 'assay_backup_last_proven_timestamp_seconds',
    kind: 'gauge',
    labels: repository,
    help: 'Newest moment of the source that a restore proved, Unix time; set again from the control database when a worker starts.',
  },
  lastVerdict: {
    name: 'assay_backup_last_verdict_timestamp_seconds',
    kind: 'gauge',
    labels: ['cluster', 'repository', 'depth', 'verdict'],
    help: 'When each verdict was last given, Unix time. A failure stands until a proof of the same depth succeeds.',
  },
  inconclusiveInRow: {
    name: 'assay_backup_inconclusive_proofs_in_a_row',
    kind: 'gauge',
    labels: repository,
    help: 'Proofs that could not be made since the last one that gave a verdict.',
  },
  proofs: {
    name: 'assay_backup_proofs_total',
    kind: 'counter',
    labels: ['cluster', 'repository', 'depth', 'verdict', 'level', 'cause'],
    help: 'Proofs by verdict, level (content, structure, none) and cause (none where proven).',
  },
  provenRpo: {
    name: 'assay_backup_proven_rpo_seconds',
    kind: 'gauge',
    labels: repository,
    help: 'Recovery point proven last: age of the newest witness that a restore brought back, when the proof began.',
  },
  recoveryTime: {
    name: 'assay_backup_recovery_time_seconds',
    kind: 'gauge',
    labels: ['cluster', 'repository', 'phase', 'honest'],
    help: 'Measured recovery time of the last proof by phase (fetch, start, replay, check). honest="false": fsync was off.',
  },
  objective: {
    name: 'assay_backup_objective_seconds',
    kind: 'gauge',
    labels: ['cluster', 'objective'],
    help: 'Objectives of the policy: rpo, rto (+Inf where it has none), proof_age (an older proof is stale).',
  },
  objectivesMissed: {
    name: 'assay_backup_objectives_missed_total',
    kind: 'counter',
    labels: ['cluster', 'objective'],
    help: 'Proofs that measured a recovery point (rpo) or recovery time (rto) beyond its objective.',
  },
  archiveLagBytes: {
    name: 'assay_backup_archive_lag_bytes',
    kind: 'gauge',
    labels: repository,
    help: 'WAL that the source wrote and the repository does not hold yet.',
  },
  archiveLagSeconds: {
    name: 'assay_backup_archive_lag_seconds',
    kind: 'gauge',
    labels: repository,
    help: 'Age of the oldest write that the repository does not hold yet.',
  },
  archiveGaps: {
    name: 'assay_backup_archive_gaps',
    kind: 'gauge',
    labels: repository,
    help: 'Holes in the archived WAL between the oldest backup and the newest segment, from the listing of the repository itself.',
  },
  archiveMeasured: {
    name: 'assay_backup_archive_measured_timestamp_seconds',
    kind: 'gauge',
    labels: repository,
    help: 'When the archive was last compared with the source, Unix time.',
  },
  windowOldest: {
    name: 'assay_backup_window_oldest_timestamp_seconds',
    kind: 'gauge',
    labels: repository,
    help: 'Oldest moment that the repository reaches, Unix time; no series where it reaches none. Between the two may be gaps.',
  },
  windowNewest: {
    name: 'assay_backup_window_newest_timestamp_seconds',
    kind: 'gauge',
    labels: repository,
    help: 'Newest moment that the repository surely reaches, Unix time: behind a gap only once a newer backup was made.',
  },
  lastWitness: {
    name: 'assay_backup_last_witness_timestamp_seconds',
    kind: 'gauge',
    labels: ['cluster'],
    help: 'When the newest witness row was written on the source, Unix time.',
  },
  witnesses: { name: 'assay_backup_witnesses_total', kind: 'counter', labels: ['cluster', 'outcome'], help: 'Witness rows by outcome (written, failed).' },
  backups: {
    name: 'assay_backup_backups_total',
    kind: 'counter',
    labels: ['cluster', 'repository', 'type', 'outcome'],
    help: 'Backups by outcome: taken, or adopted from an earlier attempt of the same request.',
  },
  backupFailures: {
    name: 'assay_backup_backup_failures_total',
    kind: 'counter',
    labels: ['cluster', 'type', 'code'],
    help: 'Backups that failed or were refused, by error code.',
  },
  lastBackup: {
    name: 'assay_backup_last_backup_timestamp_seconds',
    kind: 'gauge',
    labels: ['cluster', 'repository', 'type'],
    help: 'When the last backup ended, Unix time. It counts only once it is proven.',
  },
  engineDuration: {
    name: 'assay_backup_engine_duration_seconds',
    kind: 'histogram',
    labels: ['cluster', 'operation'],
    help: 'Time of the engine itself: full, differential, incremental, restore.',
    buckets: LONG,
  },
  databaseBytes: {
    name: 'assay_backup_database_bytes',
    kind: 'gauge',
    labels: ['cluster'],
    help: 'Size of the cluster in its last backup.',
  },
  repositoryBytes: {
    name: 'assay_backup_repository_added_bytes_total',
    kind: 'counter',
    labels: ['cluster', 'repository', 'type'],
    help: 'Bytes that backups added to the repository.',
  },
  engineDoneBytes: {
    name: 'assay_backup_engine_done_bytes',
    kind: 'gauge',
    labels: ['cluster', 'phase'],
    help: 'Progress of the engine run in hand, or of the last one.',
  },
  engineExpectedBytes: {
    name: 'assay_backup_engine_expected_bytes',
    kind: 'gauge',
    labels: ['cluster', 'phase'],
    help: 'Size of the engine run in hand, or of the last one.',
  },
  missedSchedules: {
    name: 'assay_backup_missed_schedules_total',
    kind: 'counter',
    labels: ['cluster', 'schedule'],
    help: 'Scheduled runs that Temporal skipped because their catch-up time was over, since the schedule was made.',
  },
  markers: { name: 'assay_backup_markers_total', kind: 'counter', labels: ['cluster', 'way'], help: 'Markers by the way snapshot and LSN were made to agree.' },
  markerFailures: { name: 'assay_backup_marker_failures_total', kind: 'counter', labels: ['cluster'], help: 'Markers that could not be made.' },
  markerDuration: {
    name: 'assay_backup_marker_duration_seconds',
    kind: 'histogram',
    labels: ['cluster'],
    help: 'Time to make one marker of one database, fingerprints included.',
    buckets: LONG,
  },
  fence: {
    name: 'assay_backup_marker_fence_seconds',
    kind: 'histogram',
    labels: ['cluster'],
    help: 'How long writers could have been blocked by a marker; 0 for the lock-free ways.',
    buckets: SHORT,
  },
  clonesOpen: { name: 'assay_backup_clones_open', kind: 'gauge', labels: ['cluster'], help: 'Clones that this worker holds now.' },
  clonesSwept: {
    name: 'assay_backup_clones_swept_total',
    kind: 'counter',
    labels: ['cluster'],
    help: 'Clones wiped by the sweeper because their owner was gone.',
  },
  checks: {
    name: 'assay_backup_checks_total',
    kind: 'counter',
    labels: ['cluster', 'check', 'outcome'],
    help: 'Checks of proofs by outcome (passed, failed, unusable, not-applicable, finding).',
  },
  checkDuration: { name: 'assay_backup_check_duration_seconds', kind: 'histogram', labels: ['check'], help: 'Time of each check.', buckets: LONG },
  restores: { name: 'assay_backup_restores_total', kind: 'counter', labels: ['cluster', 'outcome'], help: 'Restores that people asked for, by outcome.' },
  markersRemoved: {
    name: 'assay_backup_markers_removed_total',
    kind: 'counter',
    labels: ['cluster'],
    help: 'Markers removed by retention: no backup that is left needs them.',
  },
  expired: { name: 'assay_backup_expired_backups_total', kind: 'counter', labels: ['cluster'], help: 'Backups removed by retention; dry runs do not count.' },
  ...optimizerMetrics,
  workerInfo: { name: 'assay_fleet_worker_info', kind: 'gauge', labels: ['host'], help: '1 while the worker of this host runs, 0 once it began to stop.' },
  stepFailures: {
    name: 'assay_fleet_step_failures_total',
    kind: 'counter',
    labels: ['step', 'code'],
    help: 'Attempts of workflow steps that ended in an error, by error code; a retry may have mended it.',
  },
  sdkUp: {
    name: 'assay_fleet_sdk_metrics_up',
    kind: 'gauge',
    labels: [],
    help: "1 where the Temporal SDK's own metrics were part of this scrape.",
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricKey = keyof typeof metricCatalogue;

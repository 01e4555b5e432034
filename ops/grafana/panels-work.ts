/** Panels about the work behind the proofs. Names of metrics come from the catalogue only. */
import { metricCatalogue as m } from '../metrics-catalogue.ts';
import type { RowDefinition } from './panel.ts';
import { grown, of, ofRepository, quantileOf } from './queries.ts';

/** The engine's runs. */
export const backups: RowDefinition = {
  title: 'Are backups made?',
  panels: [
    {
      title: 'Since the last backup',
      help: 'By type. It counts only once it is proven.',
      unit: 's',
      kind: 'time',
      queries: [{ expr: `time() - max by (cluster, type) (${of(m.lastBackup.name)})`, legend: '{{cluster}} {{type}}' }],
    },
    {
      title: 'Backups taken',
      help: 'In the time shown; adopted: found made by an earlier attempt of the same request.',
      unit: 'short',
      kind: 'stat',
      queries: [{ expr: grown('type, outcome', m.backups.name), legend: '{{type}} {{outcome}}' }],
    },
    {
      title: 'Backups failed',
      help: 'In the time shown, by error code (docs/errors.md).',
      unit: 'short',
      kind: 'stat',
      redFrom: 1,
      queries: [{ expr: grown('code', m.backupFailures.name), legend: '{{code}}' }],
    },
    {
      title: 'Schedules missed',
      help: 'Runs that Temporal skipped because their catch-up time was over.',
      unit: 'short',
      kind: 'stat',
      redFrom: 1,
      queries: [{ expr: grown('cluster, schedule', m.missedSchedules.name), legend: '{{cluster}} {{schedule}}' }],
    },
    {
      title: 'Time of the engine, 95 %',
      help: 'Backups by type, and restores.',
      unit: 's',
      kind: 'time',
      queries: [{ expr: quantileOf(0.95, 'cluster, operation', m.engineDuration.name), legend: '{{cluster}} {{operation}}' }],
    },
    {
      title: 'Size of the cluster',
      help: 'In its last backup.',
      unit: 'bytes',
      kind: 'time',
      queries: [{ expr: `max by (cluster) (${of(m.databaseBytes.name)})`, legend: '{{cluster}}' }],
    },
    {
      title: 'Added to the repository',
      help: 'By backups in the time shown.',
      unit: 'bytes',
      kind: 'time',
      queries: [{ expr: grown('cluster, repository', m.repositoryBytes.name), legend: ofRepository }],
    },
    {
      title: 'Engine run in hand',
      help: 'Share done of the run in hand, or of the last one.',
      unit: 'percentunit',
      kind: 'time',
      queries: [
        {
          expr: `max by (cluster, phase) (${of(m.engineDoneBytes.name)} / (${of(m.engineExpectedBytes.name)} > 0))`,
          legend: '{{cluster}} {{phase}}',
        },
      ],
    },
    {
      title: 'Restores by people, and expiry',
      help: 'In the time shown.',
      unit: 'short',
      kind: 'stat',
      queries: [
        { expr: grown('outcome', m.restores.name), legend: 'restore {{outcome}}' },
        { expr: grown('cluster', m.expired.name), legend: '{{cluster}} expired' },
        { expr: grown('cluster', m.markersRemoved.name), legend: '{{cluster}} markers removed' },
      ],
    },
  ],
};

/** Markers, checks, clones. */
export const evidence: RowDefinition = {
  title: 'What does the evidence cost?',
  panels: [
    {
      title: 'Markers by way',
      help: 'slot and optimistic take no lock; fence may hold writers up. Failed: no marker was made.',
      unit: 'short',
      kind: 'stacked',
      queries: [
        { expr: grown('cluster, way', m.markers.name), legend: '{{cluster}} {{way}}' },
        { expr: grown('cluster', m.markerFailures.name), legend: '{{cluster}} failed' },
      ],
    },
    {
      title: 'Writers held up by a marker, 99 %',
      help: '0 for the lock-free ways.',
      unit: 's',
      kind: 'time',
      queries: [{ expr: quantileOf(0.99, 'cluster', m.fence.name), legend: '{{cluster}}' }],
    },
    {
      title: 'Time of a marker, 95 %',
      help: 'Fingerprints of one database included.',
      unit: 's',
      kind: 'time',
      queries: [{ expr: quantileOf(0.95, 'cluster', m.markerDuration.name), legend: '{{cluster}}' }],
    },
    {
      title: 'Checks by outcome',
      help: 'Of all proofs in the time shown.',
      unit: 'short',
      kind: 'stacked',
      queries: [{ expr: grown('check, outcome', m.checks.name), legend: '{{check}} {{outcome}}' }],
    },
    {
      title: 'Time of the checks, 95 %',
      help: 'Of all clusters.',
      unit: 's',
      kind: 'time',
      queries: [{ expr: quantileOf(0.95, 'check', m.checkDuration.name, ''), legend: '{{check}}' }],
    },
    {
      title: 'Clones',
      help: 'Open now; swept: wiped because their owner was gone.',
      unit: 'short',
      kind: 'time',
      queries: [
        { expr: `sum by (cluster) (${of(m.clonesOpen.name)})`, legend: '{{cluster}} open' },
        { expr: grown('cluster', m.clonesSwept.name), legend: '{{cluster}} swept' },
      ],
    },
  ],
};

/** Workers, and the Temporal SDK's own metrics. */
export const fleet: RowDefinition = {
  title: 'Does the fleet work?',
  panels: [
    {
      title: 'Workers',
      help: '1: Prometheus reaches the worker, and the worker runs.',
      unit: 'short',
      kind: 'stat',
      queries: [
        { expr: 'up{job="assay"}', legend: '{{instance}} answers' },
        { expr: `max by (host) (${m.workerInfo.name})`, legend: '{{host}} runs' },
      ],
    },
    {
      title: 'Steps failed',
      help: 'Attempts by error code; a retry may have mended it.',
      unit: 'short',
      kind: 'stacked',
      queries: [{ expr: `sum by (step, code) (increase(${m.stepFailures.name}[$__range]))`, legend: '{{step}} {{code}}' }],
    },
    {
      title: 'Steps waiting for a worker, 95 %',
      help: 'Rises when slots are short or a host has no worker.',
      unit: 's',
      kind: 'time',
      queries: [
        {
          expr: quantileOf(0.95, 'task_queue', 'temporal_activity_schedule_to_start_latency_seconds', ''),
          legend: '{{task_queue}}',
        },
      ],
    },
    {
      title: 'Free slots',
      help: "From the Temporal SDK's own metrics.",
      unit: 'short',
      kind: 'time',
      queries: [{ expr: 'min by (task_queue, worker_type) (temporal_worker_task_slots_available)', legend: '{{task_queue}} {{worker_type}}' }],
    },
    {
      title: 'Requests to Temporal',
      help: 'A second, by operation; 0 while the server is away.',
      unit: 'ops',
      kind: 'time',
      queries: [{ expr: 'sum by (operation) (rate(temporal_request_total[$__rate_interval]))', legend: '{{operation}}' }],
    },
    {
      title: 'Worker process',
      help: 'Share of one core.',
      unit: 'percentunit',
      kind: 'time',
      queries: [{ expr: 'rate(process_cpu_seconds_total{job="assay"}[$__rate_interval])', legend: '{{instance}}' }],
    },
    {
      title: 'Memory of the worker',
      help: 'Resident, the SDK included.',
      unit: 'bytes',
      kind: 'time',
      queries: [{ expr: 'process_resident_memory_bytes{job="assay"}', legend: '{{instance}}' }],
    },
    {
      title: "SDK's metrics",
      help: "0: the Temporal SDK's own metrics were missing from the scrape.",
      unit: 'short',
      kind: 'stat',
      queries: [{ expr: `min by (instance) (${m.sdkUp.name})`, legend: '{{instance}}' }],
    },
  ],
};

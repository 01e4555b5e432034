/** Every alert of the fleet. `alerts.yml` is its committed form; test/ops/alerts.test.ts keeps them equal and shows each one fire and stay silent. */
import { stringify } from 'yaml';
import { metricCatalogue as m } from '../metrics-catalogue.ts';
import type { Alert } from './alert.ts';
import { optimizerAlerts } from './alerts-optimizer.ts';

export type { Alert } from './alert.ts';

const perRepository = 'by (cluster, repository)';
const perDepth = 'by (cluster, repository, depth)';
const newest = (by: string, verdict: string) => `max ${by} (${m.lastVerdict.name}{verdict=~"${verdict}"})`;
const objective = (name: string) => `max by (cluster) (${m.objective.name}{objective="${name}"})`;

/** A counter grew within the window, also where its series began with the first event: increase() alone does not see that. */
const grew = (by: string, name: string, window: string) =>
  `sum by (${by}) (increase(${name}[${window}]) > 0) > 0 or sum by (${by}) ((${name} > 0) unless (${name} offset ${window})) > 0`;

// the verdicts' times are compared, not their counters: workers restart, and several may tell of one cluster
const failureStands = `${newest(perDepth, 'failed')} > (${newest(perDepth, 'proven')} or ${newest(perDepth, 'failed')} * 0)`;
const stillInconclusive = `${newest(perRepository, 'inconclusive')} > (${newest(perRepository, 'proven|failed')} or ${newest(perRepository, 'inconclusive')} * 0)`;

const backupAlerts = {
  AssayProofFailed: {
    // a failure that a later proof answered still shows for an hour: nobody may miss it between two looks
    expr: `${failureStands} or time() - ${newest(perDepth, 'failed')} < 3600`,
    for: '0m',
    severity: 'page',
    summary: 'A restore of {{ $labels.cluster }} found a fault',
    description:
      'The newest {{ $labels.depth }} proof of {{ $labels.cluster }}, repository {{ $labels.repository }}, failed. What it restored cannot be relied on.',
  },
  AssayArchiveGap: {
    // asynchronous archiving fills segments out of order for a moment
    expr: `max ${perRepository} (${m.archiveGaps.name}) > 0`,
    for: '2m',
    severity: 'page',
    summary: 'WAL of {{ $labels.cluster }} is missing in repository {{ $labels.repository }}',
    description: '{{ $value }} gap(s) between the oldest backup and the newest segment: moments inside and after them cannot be restored from older backups.',
  },
  AssayFleetDown: {
    expr: 'up{job=~"assay|temporal"} == 0 or absent(up{job="assay"})',
    for: '2m',
    severity: 'page',
    summary: 'Part of the fleet does not answer: {{ $labels.job }} {{ $labels.instance }}',
    description: 'Archiving goes on without the fleet, but no backup is made, none is proven, and no other alert of Assay can fire.',
  },
  AssayProofStale: {
    expr: `(time() - max ${perRepository} (${m.lastProven.name})) > on (cluster) group_left () ${objective('proof_age')}`,
    for: '5m',
    severity: 'ticket',
    summary: 'The newest proof of {{ $labels.cluster }} is older than its policy allows',
    description: 'Nothing newer than {{ $value | humanizeDuration }} is proven for repository {{ $labels.repository }}.',
  },
  AssayNeverProven: {
    expr: `${objective('proof_age')} unless on (cluster) ${m.lastProven.name}`,
    for: '1d',
    severity: 'ticket',
    summary: '{{ $labels.cluster }} has been watched for a day and was never proven',
    description: 'No restore of this cluster has succeeded yet. Treat it as not backed up.',
  },
  AssayInconclusiveTwice: {
    expr: `max ${perRepository} (${m.inconclusiveInRow.name}) >= 2 and ${stillInconclusive}`,
    for: '0m',
    severity: 'ticket',
    summary: 'The last {{ $value }} proofs of {{ $labels.cluster }} could not be made',
    description: 'The backups of repository {{ $labels.repository }} may be good or not: the test itself does not work.',
  },
  AssayObjectiveMissed: {
    expr: grew('cluster, objective', m.objectivesMissed.name, '6h'),
    for: '0m',
    severity: 'ticket',
    summary: '{{ $labels.cluster }} missed its objective {{ $labels.objective }}',
    description: 'A proof of the last six hours measured more than the policy promises.',
  },
  AssayArchiveLagging: {
    expr: `max ${perRepository} (${m.archiveLagSeconds.name}) > on (cluster) group_left () ${objective('rpo')}`,
    for: '5m',
    severity: 'ticket',
    summary: 'WAL of {{ $labels.cluster }} arrives later than its objective allows',
    description: 'If the cluster were lost now, the last {{ $value | humanizeDuration }} would be lost with it (repository {{ $labels.repository }}).',
  },
  AssayArchiveUnmeasured: {
    expr: `time() - max ${perRepository} (${m.archiveMeasured.name}) > 600`,
    for: '5m',
    severity: 'ticket',
    summary: 'Nobody compares the archive of {{ $labels.cluster }} with its source',
    description: 'Lag and gaps of repository {{ $labels.repository }} are as old as {{ $value | humanizeDuration }}; a new gap would not show.',
  },
  AssayWitnessSilent: {
    expr: `time() - max by (cluster) (${m.lastWitness.name}) > 900`,
    for: '5m',
    severity: 'ticket',
    summary: 'No witness row was written in {{ $labels.cluster }} for {{ $value | humanizeDuration }}',
    description: 'Without witnesses no proof can measure the recovery point.',
  },
  AssayBackupFailed: {
    expr: grew('cluster, type, code', m.backupFailures.name, '1h'),
    for: '0m',
    severity: 'ticket',
    summary: 'A {{ $labels.type }} backup of {{ $labels.cluster }} failed: {{ $labels.code }}',
    description: 'The code is explained in docs/errors.md; the run is in Temporal under backup/{{ $labels.cluster }}/run.',
  },
  AssayScheduleMissed: {
    expr: grew('cluster, schedule', m.missedSchedules.name, '6h'),
    for: '0m',
    severity: 'ticket',
    summary: 'Temporal skipped a run of {{ $labels.schedule }} for {{ $labels.cluster }}',
    description: 'The fleet or the Temporal server was away for longer than the catch-up time of the schedule.',
  },
} as const satisfies Record<string, Alert>;

export const alerts = { ...backupAlerts, ...optimizerAlerts };

export type AlertName = keyof typeof alerts;

/** The text of `alerts.yml`. */
export function alertsYaml(): string {
  const groups = [groupOf('backup', backupAlerts), groupOf('optimizer', optimizerAlerts)];
  return `# Made from ops/prometheus/alerts.ts: change that, then \`npx vitest run test/ops -u\`.\n${stringify({ groups }, { lineWidth: 0 })}`;
}

function groupOf(agent: 'backup' | 'optimizer', own: Readonly<Record<string, Alert>>) {
  const rules = Object.entries(own).map(([alert, { expr, for: hold, severity, summary, description }]) => ({
    alert,
    expr,
    for: hold,
    labels: { severity, agent },
    annotations: { summary, description, runbook_url: runbookOf(alert as AlertName) },
  }));
  return { name: `assay-${agent}`, interval: '30s', rules };
}

/** Path in this repository; put your own checkout's address before it. */
export const runbookOf = (alert: AlertName): string => `docs/runbooks/${alert}.md`;

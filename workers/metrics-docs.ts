/** docs/metrics.md, from the catalogue of metrics and the alerts. */
import { type MetricDefinition, metricCatalogue } from '../ops/metrics-catalogue.ts';
import { type Alert, alerts, runbookOf } from '../ops/prometheus/alerts.ts';

/** The whole page; test/ops/docs.test.ts keeps it equal to the file. */
export function metricsMarkdown(): string {
  const metrics: readonly MetricDefinition[] = Object.values(metricCatalogue);
  const rows = metrics.map(({ name, kind, labels, help }) => `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${help} |`);
  const rules = Object.entries<Alert>(alerts).map(
    ([name, { severity, for: hold, summary }]) =>
      `| [${name}](${runbookOf(name as keyof typeof alerts).replace('docs/', '')}) | ${severity} | ${hold} | ${words(summary)} |`,
  );
  return [
    '# Metrics',
    '',
    'Made from `ops/metrics-catalogue.ts` and `ops/prometheus/alerts.ts`. Each worker serves them on `/metrics` (`ASSAY_METRICS_ADDRESS`, `ASSAY_METRICS_PORT`),',
    "together with its process's own (`process_`, `nodejs_`) and the Temporal SDK's (`temporal_`). `/healthz` answers 200 while the worker polls.",
    '',
    'Names are public: added, never renamed. Units are seconds and bytes, times are Unix seconds, counters end in `_total`. Labels hold closed sets only. Several',
    'workers may tell of one cluster: take `max by (cluster, …)` of the gauges, as the dashboard (`ops/grafana/assay-backup.json`) and the alerts do.',
    '',
    '| metric | kind | labels | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    '## Alerts',
    '',
    '`ops/prometheus/alerts.yml`; each has a runbook. The jobs that Prometheus scrapes must be named `assay` (workers) and `temporal` (the server).',
    '',
    '| alert | severity | holds for | says |',
    '| --- | --- | --- | --- |',
    ...rules,
    '',
  ].join('\n');
}

/** `{{ $labels.cluster }}` as CLUSTER. */
const words = (summary: string) => summary.replaceAll(/\{\{ \$(?:labels\.)?(\w+)(?: \| \w+)? \}\}/g, (_whole, name: string) => name.toUpperCase());

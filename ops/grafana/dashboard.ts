/** The panels as a Grafana dashboard. `assay-backup.json` is its committed form; test/ops/dashboard.test.ts keeps the two equal. */
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import { metricCatalogue } from '../metrics-catalogue.ts';
import type { PanelDefinition, Query, RowDefinition } from './panel.ts';
import { optimizer } from './panels-optimizer.ts';
import { archive, objectives, proven } from './panels-proof.ts';
import { backups, evidence, fleet } from './panels-work.ts';

/** From the question that matters most to the one that only explains. */
export const rows: readonly RowDefinition[] = [proven, objectives, archive, backups, evidence, optimizer, fleet];

/** uid of the data source that provisioning/ declares. */
const SOURCE = { type: 'prometheus', uid: 'assay-prometheus' };
const WIDTH = { stat: 4, time: 8, stacked: 8 } as const;
const HEIGHT = 7;

/** The dashboard "Assay: backup" as Grafana's JSON model. */
export function createDashboard(): dashboard.Dashboard {
  const builder = new dashboard.DashboardBuilder('Assay: backup')
    .uid('assay-backup')
    .description('What is proven, how fast it comes back, and whether the fleet works. Made from ops/grafana/dashboard.ts.')
    .tags(['assay', 'backup', 'postgresql'])
    .refresh('30s')
    .time({ from: 'now-24h', to: 'now' })
    .timezone('browser')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .withVariable(
      new dashboard.QueryVariableBuilder('cluster')
        .label('Cluster')
        .datasource(SOURCE)
        .query(`label_values(${metricCatalogue.objective.name}, cluster)`)
        .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
        .multi(true)
        .includeAll(true)
        .allValue('.+'),
    );
  for (const row of rows) {
    builder.withRow(new dashboard.RowBuilder(row.title));
    for (const panel of row.panels) builder.withPanel(panelOf(panel));
  }
  return builder.build();
}

/** The text of `assay-backup.json`. */
export const dashboardJson = (): string => `${JSON.stringify(createDashboard(), null, 2)}\n`;

function panelOf(panel: PanelDefinition) {
  const builder = panel.kind === 'stat' ? statPanel() : timePanel(panel.kind === 'stacked');
  builder
    .title(panel.title)
    .description(panel.help)
    .unit(panel.unit)
    .datasource(SOURCE)
    .span(WIDTH[panel.kind])
    .height(HEIGHT)
    .thresholds(thresholds(panel.redFrom))
    .targets(panel.queries.map((query, index) => target(query, index, panel.kind === 'stat')));
  return builder;
}

const statPanel = () =>
  new stat.PanelBuilder()
    .graphMode(common.BigValueGraphMode.Area)
    .colorMode(common.BigValueColorMode.Value)
    .textMode(common.BigValueTextMode.ValueAndName)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']));

function timePanel(stacked: boolean) {
  return new timeseries.PanelBuilder()
    .min(0)
    .lineWidth(1)
    .fillOpacity(stacked ? 30 : 8)
    .showPoints(common.VisibilityMode.Never)
    .stacking(new common.StackingConfigBuilder().mode(stacked ? common.StackingMode.Normal : common.StackingMode.None));
}

function thresholds(redFrom: number | undefined) {
  const steps: dashboard.Threshold[] = [{ value: null, color: redFrom === undefined ? 'text' : 'green' }];
  if (redFrom !== undefined) steps.push({ value: redFrom, color: 'red' });
  return new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps);
}

function target({ expr, legend }: Query, index: number, instant: boolean) {
  const query = new DataqueryBuilder()
    .refId(String.fromCharCode('A'.charCodeAt(0) + index))
    .expr(expr)
    .legendFormat(legend);
  return instant ? query.instant() : query.range();
}

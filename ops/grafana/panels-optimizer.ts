/** Panels about the optimizer: what it looked at, what it measured, what it recommended. */
import { metricCatalogue as m } from '../metrics-catalogue.ts';
import type { RowDefinition } from './panel.ts';
import { grown, of, quantileOf } from './queries.ts';

export const optimizer: RowDefinition = {
  title: 'Are statements made faster?',
  panels: [
    {
      title: 'Time with the last recommendation',
      help: 'Executed total against without it, measured on the lab; 0.3 is 30 % of before.',
      unit: 'percentunit',
      kind: 'stat',
      queries: [{ expr: `max by (cluster) (${of(m.recommendedRatio.name)})`, legend: '{{cluster}}' }],
    },
    {
      title: 'Indexes in the last recommendation',
      help: 'Each one earned its place by leave-one-out.',
      unit: 'short',
      kind: 'stat',
      queries: [{ expr: `max by (cluster) (${of(m.recommendedIndexes.name)})`, legend: '{{cluster}}' }],
    },
    {
      title: 'Recommendations made',
      help: 'In the time shown.',
      unit: 'short',
      kind: 'stat',
      queries: [{ expr: grown('cluster', m.recommendations.name), legend: '{{cluster}}' }],
    },
    {
      title: 'Runs of the optimizer',
      help: 'In the time shown, by outcome; nothing: no set of indexes was worth it.',
      unit: 'short',
      kind: 'stat',
      queries: [{ expr: grown('cluster, outcome', m.optimizerRuns.name), legend: '{{cluster}} {{outcome}}' }],
    },
    {
      title: 'Since the last run of the optimizer',
      help: 'By outcome.',
      unit: 's',
      kind: 'time',
      queries: [{ expr: `time() - max by (cluster, outcome) (${of(m.lastOptimizerRun.name)})`, legend: '{{cluster}} {{outcome}}' }],
    },
    {
      title: 'Time of an optimizer run, 95 %',
      help: 'From the look at the workload to the wiped lab.',
      unit: 's',
      kind: 'time',
      queries: [{ expr: quantileOf(0.95, 'cluster', m.optimizerDuration.name), legend: '{{cluster}}' }],
    },
    {
      title: 'Statements of the workload',
      help: 'Those of the last run that are judged, and those that get no verdict.',
      unit: 'short',
      kind: 'stacked',
      queries: [{ expr: `max by (cluster, judged) (${of(m.workloadStatements.name)})`, legend: '{{cluster}} judged {{judged}}' }],
    },
    {
      title: 'Sets measured on the lab',
      help: 'In the time shown, by verdict.',
      unit: 'short',
      kind: 'stat',
      queries: [{ expr: grown('cluster, verdict', m.experiments.name), legend: '{{cluster}} {{verdict}}' }],
    },
  ],
};

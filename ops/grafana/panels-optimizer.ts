/** Panels about the optimizer: what it looked at, what it measured, what it recommended, what became of it. */
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
    {
      title: 'Recommendations by state',
      help: 'How many stand in each state now, as the control database knows them.',
      unit: 'short',
      kind: 'stacked',
      queries: [{ expr: `max by (cluster, state) (${of(m.knownRecommendations.name)})`, legend: '{{cluster}} {{state}}' }],
    },
    {
      title: 'Waiting the longest',
      help: 'By state, since when the oldest recommendation in it is in it: one that is proposed waits for a person, one that is applied for its guard.',
      unit: 's',
      kind: 'time',
      queries: [
        {
          expr: `time() - min by (cluster, state) (${of(m.oldestRecommendation.name, 'state=~"proposed|applying|applied"')})`,
          legend: '{{cluster}} {{state}}',
        },
        { expr: `max by (cluster) (${of(m.optimizerObjective.name, 'objective="guard"')})`, legend: '{{cluster}} applied, allowed' },
      ],
    },
    {
      title: 'What became of recommendations',
      help: 'How often one came into each state in the time shown.',
      unit: 'short',
      kind: 'stat',
      queries: [{ expr: grown('cluster, state', m.recommendationStates.name), legend: '{{cluster}} {{state}}' }],
    },
    {
      title: 'Since a recommendation was last …',
      help: 'By state; regressed: a guard window said that a change is to be rolled back.',
      unit: 's',
      kind: 'time',
      queries: [{ expr: `time() - max by (cluster, event) (${of(m.lastEvent.name)})`, legend: '{{cluster}} {{event}}' }],
    },
    {
      title: 'Guard windows',
      help: 'In the time shown, by what they said of a change that was applied.',
      unit: 'short',
      kind: 'stat',
      queries: [{ expr: grown('cluster, verdict', m.guardVerdicts.name), legend: '{{cluster}} {{verdict}}' }],
    },
    {
      title: 'Time to apply a change, 95 %',
      help: 'On the source itself, waits for locks included.',
      unit: 's',
      kind: 'time',
      queries: [{ expr: quantileOf(0.95, 'cluster, change', m.changeDuration.name), legend: '{{cluster}} {{change}}' }],
    },
    {
      title: 'Age of the workload',
      help: 'Since pg_stat_statements was last read, beside what the schedule allows.',
      unit: 's',
      kind: 'time',
      queries: [
        { expr: `time() - max by (cluster) (${of(m.workloadCollected.name)})`, legend: '{{cluster}}' },
        { expr: `max by (cluster) (${of(m.optimizerObjective.name, 'objective="workload_age"')})`, legend: '{{cluster}} allowed' },
      ],
    },
    {
      title: 'Statements without a verdict',
      help: 'Of the last run, by the step that left them out and why.',
      unit: 'short',
      kind: 'stacked',
      queries: [{ expr: `max by (cluster, step, reason) (${of(m.notJudged.name)})`, legend: '{{cluster}} {{step}}: {{reason}}' }],
    },
  ],
};

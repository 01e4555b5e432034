/** Panels about what is proven. Names of metrics come from the catalogue only. */
import { metricCatalogue as m } from '../metrics-catalogue.ts';
import type { RowDefinition } from './panel.ts';
import { grown, of, ofRepository } from './queries.ts';

/** Verdicts and what they stand on. */
export const proven: RowDefinition = {
  title: 'Is it proven?',
  panels: [
    {
      title: 'Since the newest proven moment',
      help: 'Age of the newest moment of the source that a real restore proved. This, not the age of a backup, is what can be promised.',
      unit: 's',
      kind: 'stat',
      queries: [{ expr: `time() - max by (cluster, repository) (${of(m.lastProven.name)})`, legend: ofRepository }],
    },
    {
      title: 'Proven recovery point',
      help: 'Age of the newest witness row that came back, when the last proof began.',
      unit: 's',
      kind: 'stat',
      queries: [{ expr: `max by (cluster, repository) (${of(m.provenRpo.name)})`, legend: ofRepository }],
    },
    {
      title: 'Proven recovery time',
      help: 'Fetch, start and replay of the last proof. Honest: fsync was on.',
      unit: 's',
      kind: 'stat',
      queries: [{ expr: `sum by (cluster, repository, honest) (${of(m.recoveryTime.name, 'phase!="check"')})`, legend: '{{cluster}}, honest: {{honest}}' }],
    },
    {
      title: 'Gaps in the archive',
      help: 'Holes between the oldest backup and the newest segment. Each one is time that cannot be restored.',
      unit: 'short',
      kind: 'stat',
      redFrom: 1,
      queries: [{ expr: `max by (cluster, repository) (${of(m.archiveGaps.name)})`, legend: ofRepository }],
    },
    {
      title: 'Verdicts',
      help: 'Proofs in the time shown. Inconclusive is never good.',
      unit: 'short',
      kind: 'stat',
      queries: [{ expr: grown('verdict', m.proofs.name), legend: '{{verdict}}' }],
    },
    {
      title: 'Inconclusive in a row',
      help: 'Proofs that could not be made since the last one with a verdict.',
      unit: 'short',
      kind: 'stat',
      redFrom: 2,
      queries: [{ expr: `max by (cluster, repository) (${of(m.inconclusiveInRow.name)})`, legend: ofRepository }],
    },
    {
      title: 'Verdicts by cause',
      help: 'Why proofs failed or could not be made.',
      unit: 'short',
      kind: 'stacked',
      queries: [{ expr: grown('cluster, verdict, cause', m.proofs.name), legend: '{{cluster}} {{verdict}} {{cause}}' }],
    },
    {
      title: 'Since the last verdict',
      help: 'By depth: a deep failure stands until a deep proof succeeds.',
      unit: 's',
      kind: 'time',
      queries: [{ expr: `time() - max by (cluster, depth, verdict) (${of(m.lastVerdict.name)})`, legend: '{{cluster}} {{depth}} {{verdict}}' }],
    },
  ],
};

/** Measured recovery against the objectives. */
export const objectives: RowDefinition = {
  title: 'How fast, how much would be lost?',
  panels: [
    {
      title: 'Newest reachable moment',
      help: 'How long ago it was. What came after it would be lost if the source were lost now.',
      unit: 's',
      kind: 'stat',
      queries: [{ expr: `time() - max by (cluster, repository) (${of(m.windowNewest.name)})`, legend: ofRepository }],
    },
    {
      title: 'Oldest reachable moment',
      help: 'How far back a restore can go; gaps, which have a panel of their own, lie between.',
      unit: 's',
      kind: 'stat',
      queries: [{ expr: `time() - max by (cluster, repository) (${of(m.windowOldest.name)})`, legend: ofRepository }],
    },
    {
      title: 'Recovery time by phase',
      help: 'Of the last proof of each repository.',
      unit: 's',
      kind: 'stacked',
      queries: [{ expr: `max by (cluster, phase) (${of(m.recoveryTime.name)})`, legend: '{{cluster}} {{phase}}' }],
    },
    {
      title: 'Recovery point against its objective',
      help: 'Proven at each proof; the objective comes from the policy.',
      unit: 's',
      kind: 'time',
      queries: [
        { expr: `max by (cluster) (${of(m.provenRpo.name)})`, legend: '{{cluster}} proven' },
        { expr: `max by (cluster, objective) (${of(m.objective.name, 'objective!="proof_age"')})`, legend: '{{cluster}} objective {{objective}}' },
      ],
    },
    {
      title: 'Objectives missed',
      help: 'In the time shown.',
      unit: 'short',
      kind: 'stat',
      redFrom: 1,
      queries: [{ expr: grown('cluster, objective', m.objectivesMissed.name), legend: '{{cluster}} {{objective}}' }],
    },
  ],
};

/** Source against repository. */
export const archive: RowDefinition = {
  title: 'Does WAL arrive?',
  panels: [
    {
      title: 'Archive lag',
      help: 'Age of the oldest write that the repository does not hold yet.',
      unit: 's',
      kind: 'time',
      queries: [{ expr: `max by (cluster, repository) (${of(m.archiveLagSeconds.name)})`, legend: ofRepository }],
    },
    {
      title: 'Archive lag in WAL',
      help: 'Bytes that the source wrote and the repository does not hold yet.',
      unit: 'bytes',
      kind: 'time',
      queries: [{ expr: `max by (cluster, repository) (${of(m.archiveLagBytes.name)})`, legend: ofRepository }],
    },
    {
      title: 'Since the archive was compared',
      help: 'The two figures beside this one are as old as this.',
      unit: 's',
      kind: 'time',
      queries: [{ expr: `time() - max by (cluster, repository) (${of(m.archiveMeasured.name)})`, legend: ofRepository }],
    },
    {
      title: 'Since the newest witness',
      help: 'Witness rows are how the recovery point is measured.',
      unit: 's',
      kind: 'time',
      queries: [{ expr: `time() - max by (cluster) (${of(m.lastWitness.name)})`, legend: '{{cluster}}' }],
    },
    {
      title: 'Witnesses',
      help: 'Written and failed, a second.',
      unit: 'ops',
      kind: 'time',
      queries: [{ expr: `sum by (cluster, outcome) (rate(${of(m.witnesses.name)}[$__rate_interval]))`, legend: '{{cluster}} {{outcome}}' }],
    },
  ],
};

/** Which removals and rebuilds of a database were refused or taken back, as the control database knows. */
import { type EndedHygiene, withRefusals } from '../../../domain/optimizer/hygiene-refused.ts';
import type { HygieneReport } from '../../../domain/optimizer/hygiene-report.ts';
import { eventOf } from '../event-of.ts';
import type { OptimizerStore } from '../ports.ts';
import type { OfDatabase } from './store.ts';

/** The report as it stands today: decisions may be newer than the look. Only reads. */
export async function asDecided(
  store: Pick<OptimizerStore, 'inState' | 'history'>,
  { cluster, database }: OfDatabase,
  report: HygieneReport,
): Promise<HygieneReport> {
  if (report.findings.every(({ change }) => change === null)) return report;
  const ended: EndedHygiene[] = [];
  for (const state of ['refused', 'rolled-back'] as const) {
    for (const recommendation of await store.inState(cluster, database, state)) {
      if (!recommendation.indexes.some(({ kind }) => kind === 'drop-index' || kind === 'reindex')) continue;
      const event = await eventOf(store, recommendation.id, state);
      if (event !== undefined) ended.push({ recommendation, event: { ...event, state } });
    }
  }
  return withRefusals(report, ended);
}

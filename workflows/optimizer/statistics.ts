/** On the run's lab: statistics on columns that go together, a recommendation of its own. What goes wrong here ends nothing else. */
import { uuid4 } from '@temporalio/workflow';
import type { OnLab } from '../../activities/optimizer/steps/search.ts';
import type { StatisticsSummary } from '../../domain/optimizer/requests.ts';
import type { Lab } from '../backup/lab.ts';
import { type Beside, unlessCancelled } from './beside.ts';

export async function proveStatistics({ steps, around }: Beside, { on, lab }: { readonly on: OnLab; readonly lab: Lab }): Promise<StatisticsSummary> {
  around.report('counting', 'columns whose values go together, where a plan counted wrong');
  const request = { ...on, experiment: uuid4(), proof: lab.proof, backup: lab.backup, recommendation: uuid4() };
  return steps.proveStatistics(request).catch(unlessCancelled(around, { ideas: 0, recommendation: null, because: [] }));
}

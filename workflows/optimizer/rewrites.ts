/** Other texts of the run's statements, compared on its lab: each that is worth it is a recommendation of its own. What goes wrong here ends nothing else. */
import { uuid4 } from '@temporalio/workflow';
import type { OnLab } from '../../activities/optimizer/steps/search.ts';
import type { RewritesSummary } from '../../domain/optimizer/requests.ts';
import type { Lab } from '../backup/lab.ts';
import { type Beside, unlessCancelled } from './beside.ts';

/** Of so many statements at most, those that take most time first. */
const MOST = 10;

interface Proving {
  readonly on: OnLab;
  readonly lab: Lab;
  /** Recommendations of the run so far. */
  readonly beside: readonly string[];
}

export async function proveRewrites({ steps, around }: Beside, { on, lab, beside }: Proving): Promise<RewritesSummary> {
  around.report('rewriting', 'statements that another text would serve better');
  const names = Array.from({ length: MOST }, () => ({ experiment: uuid4(), recommendation: uuid4() }));
  return steps
    .proveRewrites({ ...on, proof: lab.proof, backup: lab.backup, names, beside })
    .catch(unlessCancelled(around, { tried: 0, recommendations: [], because: [] }));
}

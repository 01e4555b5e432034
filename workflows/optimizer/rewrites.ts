/** Other texts of the run's statements, compared on its lab: each that is worth it is a recommendation of its own. What goes wrong here ends nothing else. */
import { uuid4 } from '@temporalio/workflow';
import type { OnLab } from '../../activities/optimizer/steps/search.ts';
import type { OptimizerSteps } from '../../activities/optimizer/steps.ts';
import type { RewritesSummary } from '../../domain/optimizer/requests.ts';
import type { Lab } from '../backup/lab.ts';
import type { Surroundings } from '../backup/prove-recipe.ts';

interface Site {
  readonly steps: OptimizerSteps;
  readonly around: Surroundings;
}

/** Of so many statements at most, those that take most time first. */
const MOST = 10;

export async function proveRewrites({ steps, around }: Site, { on, lab }: { readonly on: OnLab; readonly lab: Lab }): Promise<RewritesSummary> {
  around.report('rewriting', 'statements that another text would serve better');
  const names = Array.from({ length: MOST }, () => ({ experiment: uuid4(), recommendation: uuid4() }));
  return steps.proveRewrites({ ...on, proof: lab.proof, backup: lab.backup, names }).catch((error: unknown) => {
    const fault = around.faultOf(error);
    if (fault === null) throw error;
    return { tried: 0, recommendations: [], because: [fault.message] };
  });
}

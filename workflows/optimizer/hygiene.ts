/**
 * Beside the search for new indexes: those that are there.
 *
 *   look at the source's indexes → measure on the run's lab what should go or be built anew → a recommendation of its own
 *
 * What goes wrong here ends nothing else: the summary says it.
 */
import { uuid4 } from '@temporalio/workflow';
import type { HygieneRequest } from '../../activities/optimizer/steps/hygiene.ts';
import type { OnLab } from '../../activities/optimizer/steps/search.ts';
import type { OptimizerSteps } from '../../activities/optimizer/steps.ts';
import type { HygieneSummary } from '../../domain/optimizer/hygiene-report.ts';
import type { Lab } from '../backup/lab.ts';
import type { Surroundings } from '../backup/prove-recipe.ts';

interface Site {
  readonly steps: OptimizerSteps;
  readonly around: Surroundings;
}

export async function lookAtIndexes({ steps, around }: Site, request: HygieneRequest): Promise<HygieneSummary> {
  around.report('observing', `the indexes of ${request.policy.cluster}/${request.database}`);
  return steps.lookAtIndexes(request).catch(unlessCancelled(around, nothingKnown));
}

/** Where nothing should change, the lab is not asked. */
export async function proveHygiene(
  { steps, around }: Site,
  found: HygieneSummary,
  { on, lab }: { readonly on: OnLab; readonly lab: Lab },
): Promise<HygieneSummary> {
  if (found.proposed === 0) return found;
  around.report('tidying', `${found.proposed} index(es) that should go or be built anew, measured on the lab`);
  const request = { ...on, experiment: uuid4(), proof: lab.proof, backup: lab.backup, recommendation: uuid4() };
  return steps.proveHygiene(request).catch(unlessCancelled(around, found));
}

const unlessCancelled =
  (around: Surroundings, otherwise: HygieneSummary) =>
  (error: unknown): HygieneSummary => {
    const fault = around.faultOf(error);
    if (fault === null) throw error;
    return { ...otherwise, recommendation: null, because: [fault.message] };
  };

const nothingKnown: HygieneSummary = { tables: 0, indexes: 0, found: {}, proposed: 0, freesBytes: 0, notices: [], recommendation: null, because: [] };

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
import type { HygieneSummary } from '../../domain/optimizer/hygiene-report.ts';
import type { Lab } from '../backup/lab.ts';
import { type Beside, unlessCancelled } from './beside.ts';

export async function lookAtIndexes({ steps, around }: Beside, request: HygieneRequest): Promise<HygieneSummary> {
  around.report('observing', `the indexes of ${request.policy.cluster}/${request.database}`);
  return steps.lookAtIndexes(request).catch(unlessCancelled(around, nothingKnown));
}

/** Where nothing should change, the lab is not asked. */
export async function proveHygiene(
  { steps, around }: Beside,
  found: HygieneSummary,
  { on, lab }: { readonly on: OnLab; readonly lab: Lab },
): Promise<HygieneSummary> {
  if (found.proposed === 0) return found;
  around.report('tidying', `${found.proposed} index(es) that should go or be built anew, measured on the lab`);
  const request = { ...on, experiment: uuid4(), proof: lab.proof, backup: lab.backup, recommendation: uuid4() };
  return steps.proveHygiene(request).catch(unlessCancelled(around, { ...found, recommendation: null }));
}

const nothingKnown: HygieneSummary = { tables: 0, indexes: 0, found: {}, proposed: 0, freesBytes: 0, notices: [], recommendation: null, because: [] };

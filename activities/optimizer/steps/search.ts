/** On the lab, nothing built yet: values for the statements, then sets of indexes by what-if planning. */

import { MAX_BINDINGS } from '../../../domain/optimizer/limits.ts';
import type { OptimizerLimits } from '../../../domain/optimizer/model.ts';
import type { SearchSummary } from '../../../domain/optimizer/requests.ts';
import { endOtherSessions } from '../lab/alone.ts';
import { labSettings } from '../lab/planner-settings.ts';
import type { LabRef, OptimizerDependencies } from '../ports.ts';

export interface OnLab extends LabRef {
  readonly run: string;
  readonly limits: OptimizerLimits;
}

export function searchSteps(deps: OptimizerDependencies) {
  return {
    /** The sets go to the control database, counts come back. */
    async searchSets({ policy, clone, run, limits }: OnLab): Promise<SearchSummary> {
      const { statements, database, settings } = await deps.store.load(run);
      const io = deps.io();
      return deps.labSession({ policy, clone }, { database, settings: labSettings(settings) }, async (client) => {
        await endOtherSessions(client);
        const { bound, notJudged } = await deps.bind(client, statements, { maxBindings: MAX_BINDINGS });
        const { sets, explains } = await deps.search(client, { bound, limits, io });
        await deps.store.notJudged(run, notJudged);
        await deps.store.saveFinalists(run, sets);
        return { bound: bound.length, sets: sets.length, explains };
      });
    },
  };
}

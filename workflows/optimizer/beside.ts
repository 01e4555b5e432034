/** What a run does beside its search for indexes: it goes wrong for itself, and the summary says why. */
import type { OptimizerSteps } from '../../activities/optimizer/steps.ts';
import type { Surroundings } from '../backup/prove-recipe.ts';

export interface Beside {
  readonly steps: OptimizerSteps;
  readonly around: Surroundings;
}

/** For a step's `catch`: `otherwise` with the reason. A cancellation goes on. */
export const unlessCancelled =
  <T extends { readonly because: readonly string[] }>(around: Surroundings, otherwise: T) =>
  (error: unknown): T => {
    const fault = around.faultOf(error);
    if (fault === null) throw error;
    return { ...otherwise, because: [fault.message] };
  };

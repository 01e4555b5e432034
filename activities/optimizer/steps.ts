/**
 * Every step of the optimizer, as workflows name them, in the order of a run:
 * steps/observe.ts (the source, only read) → steps/search.ts, steps/choose.ts and steps/measure.ts (the lab) → steps/settle.ts (the recommendation)
 * → steps/decide.ts (its states) → steps/apply.ts (the source again, after an approval).
 */
import type { OptimizerDependencies } from './ports.ts';
import { applySteps } from './steps/apply.ts';
import { chooseSteps } from './steps/choose.ts';
import { decideSteps } from './steps/decide.ts';
import { hygieneSteps } from './steps/hygiene.ts';
import { measureSteps } from './steps/measure.ts';
import { observeSteps } from './steps/observe.ts';
import { rewriteSteps } from './steps/rewrites.ts';
import { searchSteps } from './steps/search.ts';
import { settingsSteps } from './steps/settings.ts';
import { settleSteps } from './steps/settle.ts';
import { statisticsSteps } from './steps/statistics.ts';

export function createOptimizerSteps(deps: OptimizerDependencies) {
  const run = {
    ...observeSteps(deps),
    ...searchSteps(deps),
    ...chooseSteps(deps),
    ...measureSteps(deps),
    ...settleSteps(deps),
    ...hygieneSteps(deps),
    ...rewriteSteps(deps),
    ...statisticsSteps(deps),
    ...settingsSteps(deps),
  };
  return { ...run, ...decideSteps(deps), ...applySteps(deps) };
}

export type OptimizerSteps = ReturnType<typeof createOptimizerSteps>;

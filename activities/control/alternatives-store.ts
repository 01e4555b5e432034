/** What one run measured for the same statements in different ways, as whoever decides sees it side by side. */
import type { RunFound } from '../../domain/optimizer/alternatives.ts';
import type { StatementPlans } from '../../domain/optimizer/statement-plans.ts';
import { ExperimentEntity } from '../../entities/experiment.ts';
import { RecommendationEntity } from '../../entities/recommendation.ts';
import type { OptimizerStore } from '../optimizer/ports.ts';
import type { Control } from './control-database.ts';

export function createAlternativesStore(control: Control, { plans }: Pick<OptimizerStore, 'plans'>): Pick<OptimizerStore, 'foundIn'> {
  return {
    foundIn: async (run): Promise<RunFound> => {
      const rows = await control.em().find(RecommendationEntity, { run }, { orderBy: { createdAt: 'asc', id: 'asc' } });
      const kept: [string, readonly StatementPlans[]][] = [];
      for (const { id } of rows) kept.push([id, await plans(id)]);
      const experiments = await control.em().find(ExperimentEntity, { run }, { orderBy: { measuredAt: 'asc', id: 'asc' } });
      // of a step that was tried again the last time counts
      // each statement's is an experiment of its own; of one that was measured again the last time counts
      const tried = experiments.flatMap(({ document }) => document.settings ?? []);
      const settings = [...new Map(tried.map((each) => [each.statement, each])).values()];
      return { recommendations: rows.map(({ document, state }) => ({ ...document, state })), plans: Object.fromEntries(kept), settings };
    },
  };
}

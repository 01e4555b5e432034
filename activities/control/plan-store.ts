/** Plans beside a recommendation: apart from its document, which lists read too. */
import type { StatementPlans } from '../../domain/optimizer/statement-plans.ts';
import type { OptimizerStore } from '../optimizer/ports.ts';
import type { Control } from './control-database.ts';

export function createPlanStore(control: Control): Pick<OptimizerStore, 'savePlans' | 'plans'> {
  return {
    savePlans: async (recommendation, plans) => {
      await control
        .em()
        .execute(
          'insert into assay_control.recommendation_plans (recommendation, document) values (?, ?) on conflict (recommendation) do update set document = excluded.document',
          [recommendation, JSON.stringify(plans)],
        );
    },
    plans: async (recommendation) => {
      const rows = await control
        .em()
        .execute<{ document: readonly StatementPlans[] }[]>('select document from assay_control.recommendation_plans where recommendation = ?', [
          recommendation,
        ]);
      return rows[0]?.document ?? [];
    },
  };
}

/** What a recommendation's page shows beside its document, which lists read too: plans, and what else its run measured. */
import type { StatementPlans } from '../../domain/optimizer/statement-plans.ts';
import type { TriedSet } from '../../domain/optimizer/tried-set.ts';
import { ExperimentEntity } from '../../entities/experiment.ts';
import type { OptimizerStore } from '../optimizer/ports.ts';
import type { Control } from './control-database.ts';

export function createPlanStore(control: Control): Pick<OptimizerStore, 'savePlans' | 'plans' | 'triedSets'> {
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
    triedSets: async (run) => {
      const rows = await control.em().find(ExperimentEntity, { run }, { orderBy: { measuredAt: 'asc', id: 'asc' } });
      const sets = new Map<string, TriedSet>();
      for (const { id, document, decision } of rows) {
        const { changes, total } = document;
        if (changes.length === 0 || !changes.every(({ sql }) => /^CREATE (UNIQUE )?INDEX /.test(sql))) continue;
        const sizeBytes = changes.reduce((sum, change) => sum + change.sizeBytes, 0);
        const sqls = changes.map(({ sql }) => sql).toSorted();
        sets.set(sqls.join('\n'), { id, indexes: changes.length, sizeBytes, total, decision });
      }
      return [...sets.values()];
    },
  };
}

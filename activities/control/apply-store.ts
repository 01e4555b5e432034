/** What applying and guarding keep in the control database. */
import { OptimizerDeedEntity, OptimizerLookEntity, OptimizerVerdictEntity } from '../../entities/optimizer-apply.ts';
import type { ApplyStore } from '../optimizer/apply/ports.ts';
import type { Control } from './control-database.ts';

export function createApplyStore(control: Control): ApplyStore {
  return {
    begin: async (deed) => {
      await control.em().upsert(OptimizerDeedEntity, { ...deed, begunAt: new Date(), endedAt: null }, { onConflictAction: 'ignore' });
    },
    end: async ({ recommendation, place, object }) => {
      await control.em().nativeUpdate(OptimizerDeedEntity, { recommendation, place, object }, { endedAt: new Date() });
    },
    forget: async ({ recommendation, place, object }) => {
      await control.em().nativeDelete(OptimizerDeedEntity, { recommendation, place, object });
    },
    deeds: async (recommendation, place) => {
      const rows = await control.em().find(OptimizerDeedEntity, { recommendation, place }, { orderBy: { begunAt: 'asc', object: 'asc' } });
      return rows.map(({ object, deed, foreign, endedAt }) => ({ recommendation, place, object, deed, foreign, isEnded: endedAt !== null }));
    },
    saveLook: async (recommendation, document) => {
      const { window: guardWindow, look } = document;
      await control.em().upsert(OptimizerLookEntity, { recommendation, guardWindow, look, document }, { onConflictAction: 'ignore' });
    },
    looks: async (recommendation) => {
      const rows = await control.em().find(OptimizerLookEntity, { recommendation }, { orderBy: { guardWindow: 'asc', look: 'asc' } });
      return rows.map(({ document }) => document);
    },
    saveVerdict: async (recommendation, guardWindow, { verdict, because }) => {
      await control.em().upsert(OptimizerVerdictEntity, { recommendation, guardWindow, verdict, because, at: new Date() }, { onConflictExcludeFields: ['at'] });
    },
  };
}

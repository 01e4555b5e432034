/** What Assay did, or began to do, to a source; how the statements it watches counted then; what the guard said. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { GuardLook } from '../domain/optimizer/guard-looks.ts';

/** Written before the deed: whatever a killed attempt left behind is known as its own by this, and nothing else is. */
export const OptimizerDeedEntity = defineEntity({
  name: 'OptimizerDeed',
  tableName: 'optimizer_deed',
  properties: {
    recommendation: p.text().primary(),
    place: p.integer().primary(),
    /** `"schema"."name"` of what is made, dropped or rebuilt. */
    object: p.text().primary(),
    deed: p.text().$type<'create' | 'drop' | 'rebuild'>(),
    begunAt: p.datetime(),
    /** null: not finished, as far as is known. */
    endedAt: p.datetime().nullable(),
    /** Names that were there before and are none of ours. */
    foreign: p.json<readonly string[]>(),
  },
});
export type OptimizerDeedEntity = InferEntity<typeof OptimizerDeedEntity>;

export const OptimizerLookEntity = defineEntity({
  name: 'OptimizerLook',
  tableName: 'optimizer_look',
  properties: {
    recommendation: p.text().primary(),
    guardWindow: p.integer().primary(),
    look: p.integer().primary(),
    document: p.json<GuardLook>(),
  },
});
export type OptimizerLookEntity = InferEntity<typeof OptimizerLookEntity>;

export const OptimizerVerdictEntity = defineEntity({
  name: 'OptimizerVerdict',
  tableName: 'optimizer_verdict',
  properties: {
    recommendation: p.text().primary(),
    guardWindow: p.integer().primary(),
    verdict: p.text().$type<'keep' | 'roll-back' | 'undecided'>(),
    because: p.json<readonly string[]>(),
    /** When it was first said. */
    at: p.datetime(),
  },
});
export type OptimizerVerdictEntity = InferEntity<typeof OptimizerVerdictEntity>;

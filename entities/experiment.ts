/** A set of changes that was really made on a lab and measured. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Decision, Experiment } from '../domain/optimizer/model.ts';

export const ExperimentEntity = defineEntity({
  name: 'Experiment',
  tableName: 'experiment',
  properties: {
    id: p.text().primary(),
    run: p.text(),
    proof: p.text(),
    measuredAt: p.datetime(),
    document: p.json<Experiment>(),
    decision: p.json<Decision>(),
  },
});
export type ExperimentEntity = InferEntity<typeof ExperimentEntity>;

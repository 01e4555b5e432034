/** A look at pg_stat_statements without its texts, for the next look to be compared with. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { StatementsSnapshot } from '../domain/optimizer/workload.ts';

export const OptimizerSnapshotEntity = defineEntity({
  name: 'OptimizerSnapshot',
  tableName: 'optimizer_snapshot',
  properties: {
    run: p.text().primary(),
    place: p.text().primary().$type<'begin' | 'end'>(),
    cluster: p.text(),
    takenAt: p.datetime(),
    document: p.json<StatementsSnapshot>(),
  },
});
export type OptimizerSnapshotEntity = InferEntity<typeof OptimizerSnapshotEntity>;

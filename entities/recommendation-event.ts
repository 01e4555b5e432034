/** A state that a recommendation came into: when, by whom, why. Each state comes at most once. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { RecommendationState } from '../domain/optimizer/model.ts';

export const RecommendationEventEntity = defineEntity({
  name: 'RecommendationEvent',
  tableName: 'recommendation_event',
  properties: {
    recommendation: p.text().primary(),
    state: p.text().$type<RecommendationState>().primary(),
    at: p.datetime(),
    /** As the one who decided named themselves; null: the fleet. */
    by: p.text().nullable(),
    because: p.json<readonly string[]>(),
  },
});
export type RecommendationEventEntity = InferEntity<typeof RecommendationEventEntity>;

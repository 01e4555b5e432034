/** A recommendation: what lists ask for as columns, the whole of it as a document. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { RecommendationState } from '../domain/optimizer/model.ts';
import type { Recommendation } from '../domain/optimizer/recommendation.ts';

export const RecommendationEntity = defineEntity({
  name: 'Recommendation',
  tableName: 'recommendation',
  properties: {
    id: p.text().primary(),
    run: p.text(),
    cluster: p.text(),
    database: p.text(),
    state: p.text().$type<RecommendationState>(),
    createdAt: p.datetime(),
    document: p.json<Recommendation>(),
  },
});
export type RecommendationEntity = InferEntity<typeof RecommendationEntity>;

import type { HistoryEntry } from '../../domain/optimizer/decision.ts';
import type { RecommendationState } from '../../domain/optimizer/model.ts';
import type { OptimizerStore } from './ports.ts';

const MOST_EVENTS = 50;

/** The newest event by which a recommendation came into this state; undefined: it never did. */
export const eventOf = async (store: Pick<OptimizerStore, 'history'>, recommendation: string, state: RecommendationState): Promise<HistoryEntry | undefined> =>
  (await store.history({ recommendation }, MOST_EVENTS)).find((each) => each.state === state);

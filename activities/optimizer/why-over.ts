/** Why nothing can be decided of a recommendation any more, for whoever would all the same. */
import { isDecision, type Over, overBy, successorIn } from '../../domain/optimizer/decision.ts';
import type { RecommendationEvent } from '../../domain/optimizer/model.ts';
import type { Recommendation } from '../../domain/optimizer/recommendation.ts';
import { eventOf } from './event-of.ts';
import type { OptimizerStore } from './ports.ts';

type Store = Pick<OptimizerStore, 'history' | 'findRecommendation'>;

/** Of its end. Names what takes its place now: what took it first may have been superseded itself. */
export async function whyOver(store: Store, { id, state }: Pick<Recommendation, 'id' | 'state'>): Promise<Over> {
  if (state === 'superseded') {
    const newest = await newestAfter(store, id);
    return newest === null ? overBy(state, null) : overBy(state, newest.id, ` (${newest.state})`);
  }
  const event = isDecision(state) ? await eventOf(store, id, state) : undefined;
  return overBy(state, null, event === undefined ? '' : decidedAt(event));
}

/** Begins with a blank: ` by ann at 2026-12-01 09:30:00 UTC: not before Christmas`. */
export const decidedAt = ({ at, by, because }: Pick<RecommendationEvent, 'at' | 'by' | 'because'>): string =>
  `${by === null ? '' : ` by ${by}`} at ${at.slice(0, 19).replace('T', ' ')} UTC${because.length === 0 ? '' : `: ${because.join('; ')}`}`;

async function newestAfter(store: Store, superseded: string): Promise<Recommendation | null> {
  const seen = new Set([superseded]);
  let newest: Recommendation | null = null;
  for (let id: string | null = superseded; id !== null; ) {
    const next: string | null = successorIn((await eventOf(store, id, 'superseded'))?.because ?? []);
    const found: Recommendation | null = next === null || seen.has(next) ? null : await store.findRecommendation(next);
    if (found !== null) seen.add(found.id);
    newest = found ?? newest;
    id = found?.id ?? null;
  }
  return newest;
}

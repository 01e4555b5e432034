/** Recommendations, and what became of each. */
import { type EntityManager, LockMode } from '@mikro-orm/postgresql';
import { isDecision, isSameDecision } from '../../domain/optimizer/decision.ts';
import type { RecommendationEvent, RecommendationState } from '../../domain/optimizer/model.ts';
import type { Recommendation } from '../../domain/optimizer/recommendation.ts';
import { RecommendationEntity } from '../../entities/recommendation.ts';
import { RecommendationEventEntity } from '../../entities/recommendation-event.ts';
import type { Entered, OptimizerStore } from '../optimizer/ports.ts';
import type { Control } from './control-database.ts';

type RecommendationStore = Pick<
  OptimizerStore,
  'saveRecommendation' | 'enterState' | 'approveAlone' | 'inState' | 'history' | 'recommendations' | 'findRecommendation'
>;

export function createRecommendationStore(control: Control): RecommendationStore {
  return {
    saveRecommendation: async (document) => {
      const { id, run, cluster, database, state, createdAt } = document;
      await control.em().upsert(RecommendationEntity, { id, run, cluster, database, state, createdAt: new Date(createdAt), document });
      await control
        .em()
        .upsert(RecommendationEventEntity, { recommendation: id, state, at: new Date(createdAt), by: null, because: document.decision.because });
    },
    enterState: (id, event, only) => control.em().transactional((em) => entered(em, id, event, only)),
    approveAlone: (id, { at, by, because }) =>
      control.em().transactional(async (em) => {
        const { cluster, database } = await em.findOneOrFail(RecommendationEntity, { id }, { fields: ['cluster', 'database'] });
        // all rows of the database, in one order: of two that come at once the second sees what the first one wrote
        const locked = { lockMode: LockMode.PESSIMISTIC_WRITE, orderBy: { id: 'asc' }, fields: ['state'], refresh: true } as const;
        const rows = await em.find(RecommendationEntity, { cluster, database }, locked);
        const others = rows.filter((row) => row.id !== id && (row.state === 'applying' || row.state === 'applied')).map((row) => row.id);
        if (others.length > 0) return others;
        const before = await firstEvent(em, id, 'approved');
        if (before === null) await em.insert(RecommendationEventEntity, { recommendation: id, state: 'approved', at: new Date(at), by, because });
        const isOwn = before === null || isSameDecision(before, { by, because });
        await entered(em, id, { state: 'applying', at, ...(isOwn ? { by: null, because: [] } : { by, because }) });
        return [];
      }),
    inState: async (cluster, database, state) => {
      const rows = await control.em().find(RecommendationEntity, { cluster, database, state }, { orderBy: { createdAt: 'desc', id: 'asc' } });
      return rows.map(documentOf);
    },
    history: async (of, limit) => {
      const events = await control.em().find(RecommendationEventEntity, await eventsOf(control, of), { orderBy: { at: 'desc', state: 'asc' }, limit });
      const ids = [...new Set(events.map(({ recommendation }) => recommendation))];
      const about = new Map(
        (await control.em().find(RecommendationEntity, { id: { $in: ids } }, { fields: ['cluster', 'database'] })).map((row) => [row.id, row]),
      );
      return events.flatMap(({ recommendation, state, at, by, because }) => {
        const { cluster, database } = about.get(recommendation) ?? {};
        return cluster === undefined || database === undefined
          ? []
          : [{ recommendation, cluster, database, state, at: at.toISOString(), by: by ?? null, because }];
      });
    },
    recommendations: async (cluster, limit) => {
      const where = cluster === null ? {} : { cluster };
      const rows = await control.em().find(RecommendationEntity, where, { orderBy: { createdAt: 'desc', id: 'asc' }, limit });
      return rows.map(documentOf);
    },
    findRecommendation: async (id) => {
      const row = await control.em().findOne(RecommendationEntity, { id });
      return row === null ? null : documentOf(row);
    },
  };
}

/** The row is locked first: of two that come at once the second sees what the first one wrote. */
async function entered(em: EntityManager, id: string, event: RecommendationEvent, only?: RecommendationState): Promise<Entered> {
  const { state, at, by, because } = event;
  const where = only === undefined ? { id } : { id, state: { $in: [only, state] } };
  const row = await em.findOne(RecommendationEntity, where, { lockMode: LockMode.PESSIMISTIC_WRITE, fields: ['state'], refresh: true });
  if (row === null) return { kind: 'elsewhere' };
  const before = await firstEvent(em, id, state);
  if (before !== null && isDecision(state) && !isSameDecision(before, event)) return { kind: 'decided', before };
  await em.nativeUpdate(RecommendationEntity, { id }, { state });
  // who decided, when and why is never written over
  if (before === null) await em.insert(RecommendationEventEntity, { recommendation: id, state, at: new Date(at), by, because });
  return { kind: 'entered' };
}

async function firstEvent(em: EntityManager, recommendation: string, state: RecommendationState): Promise<RecommendationEvent | null> {
  const found = await em.findOne(RecommendationEventEntity, { recommendation, state });
  return found === null ? null : { state, at: found.at.toISOString(), by: found.by ?? null, because: found.because };
}

const documentOf = ({ document, state }: RecommendationEntity): Recommendation => ({ ...document, state });

async function eventsOf(control: Control, of: { readonly cluster: string } | { readonly recommendation: string } | null) {
  if (of === null) return {};
  if ('recommendation' in of) return { recommendation: of.recommendation };
  const rows = await control.em().find(RecommendationEntity, { cluster: of.cluster }, { fields: ['id'] });
  return { recommendation: { $in: rows.map(({ id }) => id) } };
}

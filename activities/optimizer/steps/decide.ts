/** A recommendation's way from proposed to its end, as the control database keeps it. */
import { AssayError } from '../../../domain/errors.ts';
import { isOver, type Over } from '../../../domain/optimizer/decision.ts';
import { isOtherGround } from '../../../domain/optimizer/hygiene-refused.ts';
import { evidenceChanged, holdsAllOf, sameIdea, similarIdea } from '../../../domain/optimizer/idea.ts';
import type { RecommendationEvent, RecommendationState } from '../../../domain/optimizer/model.ts';
import { isAdvised, kindOf, type ProposalKind, type Recommendation } from '../../../domain/optimizer/recommendation.ts';
import { recommendationDigest } from '../../recommendation-digest.ts';
import { eventOf } from '../event-of.ts';
import type { OptimizerDependencies, OptimizerStore } from '../ports.ts';
import { restsOnLess } from '../removal-evidence.ts';
import { decidedAt, whyOver } from '../why-over.ts';

export interface Asked {
  readonly cluster: string;
  readonly recommendation: string;
}

/** What its workflow must know of it; texts stay where they are. */
export interface OpenedRecommendation {
  readonly database: string;
  readonly state: RecommendationState;
  readonly digest: string;
  readonly kinds: readonly ProposalKind[];
  readonly changes: number;
  /** Older ones that are still proposed, and that this one takes the place of: their changes are all in it, on no less evidence, or it was preferred to them. */
  readonly supersedes: readonly string[];
  /** Where its state is an end. Absent in older histories. */
  readonly over?: Over;
}

export interface NewState extends Asked {
  readonly state: RecommendationState;
  readonly by: string | null;
  readonly because: readonly string[];
  /** Only where it is in this state; otherwise nothing happens. Left out: whatever it is in. */
  readonly only?: RecommendationState;
}

export function decideSteps(deps: OptimizerDependencies) {
  const { store } = deps;
  return {
    /** Only reads. Throws usage where there is none of that id for that cluster. */
    async openRecommendation(asked: Asked): Promise<OpenedRecommendation> {
      const recommendation = await required(store, asked);
      const { database, state, indexes } = recommendation;
      const proposed = await store.inState(asked.cluster, database, 'proposed');
      const older = proposed.filter(({ id, createdAt }) => id !== recommendation.id && createdAt <= recommendation.createdAt);
      const measured = isOfNewIndexes(recommendation) && older.length > 0 ? await store.proposalsMeasured(recommendation.run) : [];
      const isPreferredTo = (other: Recommendation) => measured.includes(other.id) && isOfNewIndexes(other) && looksAtAllOf(recommendation, other);
      const supersedes: string[] = [];
      for (const other of older.filter((each) => holdsAllOf(recommendation, each) || isPreferredTo(each))) {
        if (!(await restsOnLess(store, recommendation, other))) supersedes.push(other.id);
      }
      return {
        database,
        state,
        digest: recommendationDigest(recommendation),
        kinds: indexes.map(kindOf),
        changes: indexes.length,
        supersedes,
        ...(isOver(state) ? { over: await whyOver(store, recommendation) } : {}),
      };
    },

    /**
     * Approved, and from this moment being carried out: what two of one database change at once would be taken for the other's.
     * Throws refused-by-guard where another one is carried out or watched. The same one twice is once.
     */
    async approveAlone({ cluster, recommendation: id, by, because }: Omit<NewState, 'state'>): Promise<void> {
      const { database } = await required(store, { cluster, recommendation: id });
      const others = await store.approveAlone(id, { at: deps.now().toISOString(), by, because });
      if (others.length > 0) throw busy(id, others);
      for (const state of ['approved', 'applying'] as const) {
        deps.observe({ kind: 'recommendation-state', cluster, database, recommendation: id, state });
      }
    },

    /** Kept with the moment, and told. The same state twice is once. Throws refused-by-guard where somebody else decided that before, or in other words. */
    async enterState({ cluster, recommendation: id, state, by, because, only }: NewState): Promise<void> {
      const { database } = await required(store, { cluster, recommendation: id });
      const event = { state, at: deps.now().toISOString(), by, because };
      const entered = await store.enterState(id, event, only);
      if (entered.kind === 'decided') throw decidedBefore(id, entered.before);
      if (entered.kind === 'elsewhere') return;
      deps.observe({ kind: 'recommendation-state', cluster, database, recommendation: id, state });
    },
  };
}

/** Sets of these are compared with each other, and nothing else is in them. */
const isOfNewIndexes = ({ indexes }: Recommendation): boolean => indexes.every((change) => kindOf(change) === 'create-index');

/** A run of fewer statements says nothing of what the others would lose. */
const looksAtAllOf = (newer: Recommendation, older: Recommendation): boolean => {
  const judged = new Set(newer.experiment.statements.map(({ statement }) => statement));
  return older.experiment.statements.every(({ statement, judged: was }) => was !== 'faster' || judged.has(statement));
};

const busy = (recommendation: string, others: readonly string[]): AssayError =>
  new AssayError('refused-by-guard', {
    what: `approving recommendation ${recommendation}`,
    reason: `${others.join(', ')} of the same database is being carried out or watched: the effect of one would be taken for the other's`,
    hint: 'approve it when that one is kept or rolled back: assay optimizer history',
  });

const decidedBefore = (recommendation: string, before: RecommendationEvent): AssayError =>
  new AssayError('refused-by-guard', {
    what: `deciding on recommendation ${recommendation} again`,
    reason: `it was ${before.state} already${decidedAt(before)}, which stays as it is`,
    hint: 'see the decision: assay optimizer history',
  });

/** SQL that a pipeline was to carry out, and that is wanted still: by then it was forgotten, or undone. */
const CARRIED_OUT_WITHIN_MS = 30 * 86_400_000;

/** Why it is not recommended again: somebody refused it, or production did, and what speaks for it is the same. null: it may be. */
export async function refusedBefore(store: OptimizerStore, idea: Recommendation): Promise<string | null> {
  // what was approved may take its time, most of all where the application has to do it
  const isForApplication = idea.indexes.map(kindOf).some(isAdvised);
  for (const [state, words] of [
    ['refused', 'was refused'],
    ['rolled-back', 'was rolled back'],
    ['approved', isForApplication ? 'was approved: it waits for the application' : 'was approved: its SQL waits to be carried out'],
  ] as const) {
    const ended = await store.inState(idea.cluster, idea.database, state);
    const same = ended.find((before) => before.id !== idea.id && sameIdea(before, idea) && !evidenceChanged(before, idea) && !isOtherRemoval(before, idea));
    const isForgotten = same !== undefined && state === 'approved' && !isForApplication && !(await isAwaited(store, same, idea));
    if (same !== undefined && !isForgotten)
      return `recommendation ${same.id} of ${same.createdAt.slice(0, 10)} said the same and ${words}; the evidence has not changed since`;
    const alike = state === 'rolled-back' ? ended.find((before) => similarIdea(before, idea) && !evidenceChanged(before, idea)) : undefined;
    if (alike !== undefined)
      return `recommendation ${alike.id} of ${alike.createdAt.slice(0, 10)} made indexes on the same tables by the same first columns and ${words}; the evidence has not changed since`;
  }
  return null;
}

async function isAwaited(store: OptimizerStore, approved: Recommendation, { createdAt: now }: Recommendation): Promise<boolean> {
  const event = await eventOf(store, approved.id, 'approved');
  return event !== undefined && Date.parse(now) - Date.parse(event.at) < CARRIED_OUT_WITHIN_MS;
}

/** Of removals and rebuilds little is measured: what replaces an index, and what it gives back, is evidence too. */
const isOtherRemoval = (before: Recommendation, idea: Recommendation): boolean =>
  idea.indexes.some((now) => {
    const was = before.indexes.find(({ sql }) => sql === now.sql);
    return (now.kind === 'drop-index' || now.kind === 'reindex') && was !== undefined && isOtherGround(was, now);
  });

async function required(store: OptimizerStore, { cluster, recommendation: id }: Asked): Promise<Recommendation> {
  const found = await store.findRecommendation(id);
  if (found !== null && found.cluster === cluster) return found;
  throw new AssayError('usage', { reason: `no recommendation ${id} of ${cluster} is known`, hint: 'list them with `assay optimizer recommendations`' });
}

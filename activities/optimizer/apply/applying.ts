/** One change on its way to the source, and the deeds that are written down on that way. */
import type pg from 'pg';
import { AssayError } from '../../../domain/errors.ts';
import type { Recommendation, RecommendedIndex } from '../../../domain/optimizer/recommendation.ts';
import type { StepIo } from '../../io.ts';
import type { LockWaits } from './locks.ts';
import type { ApplyStore, Deed, KnownDeed } from './ports.ts';
import type { Ask } from './watch.ts';

export interface Applying {
  /** The one session that may change this database, acting as the owner of the change's table. */
  readonly client: pg.Client;
  /** Of that session's backend. */
  readonly pid: number;
  /** Another session, as the fleet's own role, for one question. */
  readonly ask: Ask;
  readonly store: ApplyStore;
  readonly recommendation: Recommendation;
  readonly place: number;
  readonly change: RecommendedIndex;
  readonly waits: LockWaits;
  readonly io: StepIo;
}

export type Outcome = 'built' | 'already-there';

/** null: nothing was ever begun with this object. */
export const knownDeed = async ({ store, recommendation, place }: Applying, object: string): Promise<KnownDeed | null> =>
  (await store.deeds(recommendation.id, place)).find((deed) => deed.object === object) ?? null;

/** `foreign`: names that were there before. */
export const deedOf = ({ recommendation, place }: Applying, object: string, deed: Deed['deed'], foreign: readonly string[] = []): Deed => ({
  recommendation: recommendation.id,
  place,
  object,
  deed,
  foreign,
});

export const refused = ({ change }: Pick<Applying, 'change'>, reason: string): AssayError =>
  new AssayError('refused-by-guard', {
    what: `the change ${change.name}`,
    reason,
    hint: 'start `assay optimizer run` anew: it proposes what fits the source as it is',
  });

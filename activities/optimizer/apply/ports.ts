/** What applying and guarding need beyond what a run needs; constructed in `workers/` only. */
import type pg from 'pg';
import type { GuardLook } from '../../../domain/optimizer/guard-looks.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { GuardVerdict } from '../steps/apply.ts';

/**
 * A session on the source that may write: each statement a transaction of its own, none with a time-out. `session` is told in its application_name.
 * Errors are PostgreSQL's own: see `failure.ts`.
 */
export type SourceWriter = <T>(
  policy: ClusterPolicy,
  about: { readonly database: string; readonly session: string },
  use: (client: pg.Client) => Promise<T>,
) => Promise<T>;

/** Something that Assay began to do to the source, written down before it was done. */
export interface Deed {
  readonly recommendation: string;
  readonly place: number;
  /** `"schema"."name"`. */
  readonly object: string;
  readonly deed: 'create' | 'drop' | 'rebuild';
  /** Names that were there before and are none of ours. */
  readonly foreign: readonly string[];
}

export interface KnownDeed extends Deed {
  readonly isEnded: boolean;
}

/** In the control database. Every method may be repeated. */
export interface ApplyStore {
  /** The first beginning of a deed counts. */
  begin(deed: Deed): Promise<void>;
  end(deed: Pick<Deed, 'recommendation' | 'place' | 'object'>): Promise<void>;
  /** It was never done: somebody else did it first. */
  forget(deed: Pick<Deed, 'recommendation' | 'place' | 'object'>): Promise<void>;
  /** Of one change, in the order they were begun. */
  deeds(recommendation: string, place: number): Promise<readonly KnownDeed[]>;
  /** The first look of a window and number counts. */
  saveLook(recommendation: string, look: GuardLook): Promise<void>;
  /** By window and number. */
  looks(recommendation: string): Promise<readonly GuardLook[]>;
  saveVerdict(recommendation: string, window: number, verdict: GuardVerdict): Promise<void>;
}

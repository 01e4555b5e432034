/** What becomes of a recommendation: what is asked of its workflow, and what it answers. Fields are added, never renamed. */
import type { ClusterPolicy } from '../policy.ts';
import type { Alternatives } from './alternatives.ts';
import type { RecommendationEvent, RecommendationState } from './model.ts';
import type { Recommendation } from './recommendation.ts';
import type { OptimizerRunInput } from './requests.ts';

/** Input of `optimizerRecommendation`: one workflow for each recommendation, until it is refused, kept, rolled back, or nobody cares. */
export interface RecommendationInput {
  readonly cluster: string;
  readonly recommendation: string;
  readonly policy?: ClusterPolicy;
  /** The run to make again where the evidence went stale; left out: one of the recommendation's database. */
  readonly again?: OptimizerRunInput;
}

/** The Update `decide`. */
export interface DecisionRequest {
  readonly verdict: 'approve' | 'refuse';
  /** Of the recommendation as it was looked at (`assay optimizer show`); another one is refused. */
  readonly digest: string;
  /** Who decides, as they name themselves. */
  readonly by: string | null;
  readonly reason: string | null;
}

export interface DecisionAnswer {
  readonly state: RecommendationState;
  /** What follows an approval: nothing more, since the SQL is for the user's own pipeline, or Assay's own execution of it. */
  readonly apply: 'sql' | 'execute';
  readonly because: readonly string[];
  /** Workflow id of the run that measures again; null: none was started. */
  readonly again: string | null;
}

export interface RecommendationResult {
  readonly recommendation: string;
  readonly state: RecommendationState;
  readonly because: readonly string[];
}

/** A state that a recommendation came into, as `assay optimizer history` lists it. */
export interface HistoryEntry {
  readonly recommendation: string;
  readonly cluster: string;
  readonly database: string;
  readonly state: RecommendationState;
  readonly at: string;
  /** null: the fleet. */
  readonly by: string | null;
  readonly because: readonly string[];
}

/** A recommendation as it is looked at before a decision. */
export interface RecommendationRecord {
  readonly recommendation: Recommendation;
  /** What an approval is bound to. */
  readonly digest: string;
  /** Newest first. */
  readonly history: readonly HistoryEntry[];
  /** Statements that other changes which the same run measured help too, side by side. Absent from older clients. */
  readonly alternatives?: readonly Alternatives[];
}

/** Names of the messages that a recommendation's workflow takes; public. */
export const recommendationMessages = { decide: 'decide', superseded: 'superseded' } as const;

/** States that nothing follows. */
const ENDS: readonly RecommendationState[] = ['refused', 'stale', 'expired', 'superseded', 'failed', 'kept', 'rolled-back'];

export const isOver = (state: RecommendationState): boolean => ENDS.includes(state);

/** States that somebody decides on. */
export const isDecision = (state: RecommendationState): boolean => state === 'approved' || state === 'refused';

type Decided = Pick<RecommendationEvent, 'by' | 'because'>;

/** A request that is sent again is the same one; another person's, or one with another reason, is not. */
export const isSameDecision = (a: Decided, b: Decided): boolean =>
  a.by === b.by && a.because.length === b.because.length && a.because.every((words, place) => words === b.because[place]);

/** Why no decision is taken any more, and the way out. */
export interface Over {
  readonly because: string;
  readonly hint: string;
}

const SUCCESSOR = /^recommendation (\S+) takes its place$/;

/** What is kept with the state superseded. */
export const takesItsPlace = (newer: string): string => `recommendation ${newer} takes its place`;

/** Of a superseded one's event; null: it names none. */
export const successorIn = (because: readonly string[]): string | null => because.map((words) => SUCCESSOR.exec(words)?.[1]).find(Boolean) ?? null;

/** `newer`: what takes its place now; null: not known, or the state is another one. `more`: by whom and when. */
export function overBy(state: RecommendationState, newer: string | null, more = ''): Over {
  if (newer === null) return { because: `it is over: ${state}${more}`, hint: 'see what became of it: assay optimizer history' };
  return { because: `it is over: ${state}, ${takesItsPlace(newer)}${more}`, hint: `look at that one: assay optimizer show ${newer}` };
}

const MAX_WORDS = 500;

/** Why a decision cannot be taken as it was sent; null where it can. */
export function faultOfDecision(request: DecisionRequest): string | null {
  // a hand-made Update (`temporal workflow update execute`) may carry anything, or nothing
  const { verdict, digest, by = null, reason = null } = (request ?? {}) as Partial<DecisionRequest>;
  if (verdict !== 'approve' && verdict !== 'refuse') return 'the verdict is approve or refuse';
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest)) return 'the digest is the one that `assay optimizer show` gives: 64 hexadecimal digits';
  for (const [name, words] of Object.entries({ by, reason })) {
    if (words !== null && (typeof words !== 'string' || words.length > MAX_WORDS)) return `${name} is text of at most ${MAX_WORDS} characters, or null`;
  }
  return null;
}

/** Where a recommendation's decision is asked for and answered: one at a time, and only one that is bound to what the workflow read. */
import { condition, defineSignal, defineUpdate, setHandler } from '@temporalio/workflow';
import { AssayError } from '../../domain/errors.ts';
import { type DecisionAnswer, type DecisionRequest, faultOfDecision, isDecision, type Over, recommendationMessages } from '../../domain/optimizer/decision.ts';
import { assayFailure } from './refused.ts';

export const decide = defineUpdate<DecisionAnswer, [DecisionRequest]>(recommendationMessages.decide);
/** Carries the id of the newer recommendation. */
export const superseded = defineSignal<[string]>(recommendationMessages.superseded);

export interface Desk {
  /** Decisions are taken from now on; those sent before have waited. */
  open(digest: string): void;
  /** None is taken any more: nothing can follow. */
  close(over: Over): void;
  /** As if it had been sent. */
  ask(request: DecisionRequest): void;
  asked(): DecisionRequest | null;
  supersededBy(): string | null;
  answer(answer: DecisionAnswer): void;
  isAnswered(): boolean;
  /** Tells who asked; another decision may be sent then. */
  fail(error: unknown): void;
}

interface Taken {
  readonly request: DecisionRequest;
  answer: DecisionAnswer | null;
  error: unknown;
}

/** Handlers must be there before the first step: a decision may be what wakes the workflow. */
export function openDesk(): Desk {
  let bound: string | null = null;
  let taken: Taken | null = null;
  let newer: string | null = null;
  let closed: Over | null = null;
  setHandler(superseded, (by) => {
    newer ??= by;
  });
  setHandler(
    decide,
    async (request) => {
      await condition(() => bound !== null || closed !== null);
      if (closed !== null) throw refused(request, closed.because, closed.hint);
      if (request.digest !== bound)
        throw refused(request, 'its SQL or its evidence is not what the digest was made of', 'look at it again: assay optimizer show');
      // by Temporal's own CLI, whoever decides need not say more than what, and of which digest
      const whole: DecisionRequest = { ...request, by: request.by ?? null, reason: request.reason ?? null };
      taken ??= { request: whole, answer: null, error: null };
      const mine: Taken = taken;
      if (mine.request.verdict !== request.verdict) {
        throw refused(request, `somebody else is about to ${mine.request.verdict} it, or did`, 'see who: assay optimizer history');
      }
      await condition(() => mine.answer !== null || mine.error !== null);
      if (mine.answer === null) throw mine.error;
      // what is kept names one person and one reason: whoever says another is not to believe that it was kept too
      const isSame = mine.request.by === whole.by && mine.request.reason === whole.reason;
      if (!isSame && isDecision(mine.answer.state)) throw refused(request, alreadyDecided(mine), 'see the decision: assay optimizer history');
      return mine.answer;
    },
    { validator: usable },
  );
  return {
    open(digest) {
      bound = digest;
    },
    close(over) {
      closed = over;
    },
    ask(request) {
      taken ??= { request, answer: null, error: null };
    },
    asked: () => taken?.request ?? null,
    supersededBy: () => newer,
    answer(answer) {
      if (taken !== null) taken.answer = answer;
    },
    isAnswered: () => taken !== null && taken.answer !== null,
    fail(error) {
      if (taken !== null) taken.error = error;
      taken = null;
    },
  };
}

const alreadyDecided = ({ request: { verdict, by } }: Taken): string =>
  `it was ${verdict === 'approve' ? 'approved' : 'refused'} already${by === null ? '' : ` by ${by}`}, which stays as it is`;

function usable(request: DecisionRequest): void {
  const fault = faultOfDecision(request);
  if (fault !== null) throw assayFailure(new AssayError('usage', { reason: fault, hint: 'send verdict, digest, by, reason' }));
}

const refused = ({ verdict }: DecisionRequest, reason: string, hint: string) =>
  assayFailure(new AssayError('refused-by-guard', { what: `to ${verdict} the recommendation`, reason, hint }));

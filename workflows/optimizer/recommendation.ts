/**
 * One recommendation, from proposed to its end.
 *
 *   wait for `decide` → refused
 *                     → approved: is the evidence still that of the source? ─ no: stale, measured again
 *                                 yes, and the policy hands out SQL: done
 *                                 yes, and the policy says execute: carry-out.ts → kept | rolled-back | failed
 *
 * Nobody decides: expired. A newer one takes its place: superseded.
 */
import {
  type ApplicationFailure,
  allHandlersFinished,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { OpenedRecommendation } from '../../activities/optimizer/steps/decide.ts';
import { AssayError } from '../../domain/errors.ts';
import { workflowIds } from '../../domain/ids.ts';
import {
  type DecisionAnswer,
  type DecisionRequest,
  isOver,
  overBy,
  type RecommendationInput,
  type RecommendationResult,
  takesItsPlace,
} from '../../domain/optimizer/decision.ts';
import type { RecommendationState } from '../../domain/optimizer/model.ts';
import { optimizerPolicyOf } from '../../domain/optimizer/policy.ts';
import { isAdvised } from '../../domain/optimizer/recommendation.ts';
import { type OptimizerRunInput, optimizerWorkflows } from '../../domain/optimizer/requests.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { policyOf, surroundings } from '../backup/around.ts';
import type { Surroundings } from '../backup/prove-recipe.ts';
import { carriedOut } from './carry-out.ts';
import { type Desk, openDesk, superseded } from './decision-desk.ts';
import { assayFailure } from './refused.ts';
import type { optimizerRun } from './run.ts';
import { optimizerSteps } from './steps.ts';

export async function optimizerRecommendation(input: RecommendationInput): Promise<RecommendationResult> {
  const desk = openDesk();
  const around = surroundings(`recommendation ${input.recommendation} for ${input.cluster}`);
  const policy = await policyOf(input);
  const opened = await optimizerSteps(policy.host).openRecommendation(named(input));
  if (isOver(opened.state)) {
    desk.close(opened.over ?? overBy(opened.state, null));
    await condition(allHandlersFinished);
    return { recommendation: input.recommendation, state: opened.state, because: ['it was over before'] };
  }
  if (opened.state === 'proposed') {
    await supersedeOlder(input, policy.host, opened);
  }
  desk.open(opened.digest);
  const end = await untilDecided({ input, around, opened, desk }, policy);
  around.report('done', [end.state, ...end.because].join('; '));
  await condition(allHandlersFinished);
  return { recommendation: input.recommendation, ...end };
}

type End = Pick<RecommendationResult, 'state' | 'because'>;
export type EnterState = (state: RecommendationState, because: readonly string[], by?: string | null) => Promise<End>;

interface Site {
  readonly input: RecommendationInput;
  readonly around: Surroundings;
  readonly opened: OpenedRecommendation;
  readonly desk: Desk;
}

const named = ({ cluster, recommendation }: RecommendationInput) => ({ cluster, recommendation });

const stateKeeper =
  (input: RecommendationInput, host: string): EnterState =>
  async (state, because, by = null) => {
    await optimizerSteps(host).enterState({ ...named(input), state, by, because });
    return { state, because };
  };

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

async function untilDecided({ input, around, opened, desk }: Site, first: ClusterPolicy): Promise<End> {
  const { decisionMs, guard } = optimizerPolicyOf(first);
  const until = workflowInfo().startTime.getTime() + decisionMs;
  let standing = opened.state === 'proposed' ? decidedByPolicy(first, opened) : null;
  let pauseMs = 0;
  for (;;) {
    around.report('waiting', `for a decision: assay optimizer show ${input.recommendation}`);
    const leftMs = Math.max(1, until - Date.now());
    const waitMs = standing === null ? leftMs : Math.min(pauseMs, leftMs);
    if (waitMs > 0) await condition(() => desk.asked() !== null || desk.supersededBy() !== null, waitMs);
    if (standing !== null && waitMs < leftMs && desk.supersededBy() === null) desk.ask(standing);
    const asked = desk.asked();
    if (asked === null) return undecided({ input, opened, desk }, { host: first.host, decisionMs });
    try {
      // as it is now: weeks may have passed
      const policy = await policyOf(input);
      if (asked === standing && decidedByPolicy(policy, opened) === null) {
        standing = null;
        throw leftToPeople(input);
      }
      const enter = stateKeeper(input, policy.host);
      const answer = await answerTo({ input, around, opened, policy, enter }, asked);
      desk.answer(answer);
      if (answer.state !== 'approved' || answer.apply === 'sql') return { state: answer.state, because: answer.because };
      return await carriedOut({ input, policy, around, digest: opened.digest, changes: opened.changes, enter });
    } catch (error) {
      if (isCancellation(error) || desk.isAnswered()) throw error;
      // who asked is told; the next decision is taken as if this one had not been, and the policy asks again by itself
      desk.fail(error);
      pauseMs = Math.min(Math.max(2 * pauseMs, guard.windowMs), DAY_MS);
    }
  }
}

/** Nobody asks, or can ask any more. */
async function undecided(
  { input, opened, desk }: Omit<Site, 'around'>,
  { host, decisionMs }: { readonly host: string; readonly decisionMs: number },
): Promise<End> {
  const newer = desk.supersededBy();
  const state = newer === null ? 'expired' : 'superseded';
  // whoever asks while that is written down would wait for ever
  desk.close(overBy(state, newer));
  // what was decided before stays: this one was started for a decision that was not taken
  if (opened.state !== 'proposed') return { state: opened.state, because: ['nobody decided anew'] };
  const because = newer === null ? `nobody decided within ${Math.round(decisionMs / HOUR_MS)} h` : takesItsPlace(newer);
  return stateKeeper(input, host)(state, [because]);
}

interface Deciding extends Omit<Site, 'desk'> {
  readonly policy: ClusterPolicy;
  readonly enter: EnterState;
}

/** Throws refused-by-guard where another one of that database is under way, cluster-unreachable. */
async function answerTo({ input, around, opened, policy, enter }: Deciding, { verdict, by, reason }: DecisionRequest): Promise<DecisionAnswer> {
  const steps = optimizerSteps(policy.host);
  // what only people can do is handed out, whatever the policy says
  const apply = opened.kinds.some(isAdvised) ? 'sql' : optimizerPolicyOf(policy).apply;
  const said = reason === null ? [] : [reason];
  if (verdict === 'refuse') return { ...(await enter('refused', said, by)), apply, again: null };
  around.report('checking', 'is the evidence still that of the source');
  const evidence = await steps.checkEvidence({ policy, recommendation: input.recommendation });
  if (!evidence.fresh) {
    const again = await measuredAgain(input, opened.database);
    return { ...(await enter('stale', evidence.because, by)), apply, again };
  }
  if (apply === 'sql') return { ...(await enter('approved', said, by)), apply, again: null };
  await steps.approveAlone({ ...named(input), by, because: said });
  return { state: 'approved', because: said, apply, again: null };
}

const leftToPeople = ({ recommendation }: RecommendationInput): ApplicationFailure =>
  assayFailure(
    new AssayError('refused-by-guard', {
      what: `approving recommendation ${recommendation}`,
      reason: 'the policy leaves it to a person by now (optimizer.unattended)',
      hint: 'approve it: assay optimizer approve',
    }),
  );

/** A run of its own, which ends in a recommendation of its own. */
async function measuredAgain({ cluster, recommendation, policy, again }: RecommendationInput, database: string): Promise<string> {
  const requestKey = `again-${recommendation}`;
  const workflowId = workflowIds.optimizerRun(cluster, requestKey);
  const input: OptimizerRunInput = { ...(policy === undefined ? {} : { policy }), ...again, cluster, database, requestKey };
  await startChild<typeof optimizerRun>(optimizerWorkflows.run, {
    workflowId,
    args: [input],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    staticSummary: `Indexes for ${cluster}`,
  });
  return workflowId;
}

async function supersedeOlder({ cluster, recommendation }: RecommendationInput, host: string, { supersedes }: OpenedRecommendation): Promise<void> {
  for (const older of supersedes) {
    try {
      await getExternalWorkflowHandle(workflowIds.optimizerRecommendation(cluster, older)).signal(superseded, recommendation);
    } catch (error) {
      if (isCancellation(error)) throw error;
      // no workflow waits with it any more; it may have ended with a decision a moment ago, which stays
      const because = [takesItsPlace(recommendation)];
      await optimizerSteps(host).enterState({ cluster, recommendation: older, state: 'superseded', by: null, because, only: 'proposed' });
    }
  }
}

/** Where all of its kinds of change may be executed without a person. */
function decidedByPolicy(policy: ClusterPolicy, { digest, kinds }: OpenedRecommendation): DecisionRequest | null {
  const { apply, unattended } = optimizerPolicyOf(policy);
  if (apply !== 'execute' || !kinds.every((kind) => unattended.some((each) => each === kind))) return null;
  return { verdict: 'approve', digest, by: 'the policy', reason: 'these kinds of change need nobody (optimizer.unattended)' };
}

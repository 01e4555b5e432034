/**
 * One recommendation, from proposed to its end.
 *
 *   wait for `decide` → refused
 *                     → approved: is the evidence still that of the source? ─ no: stale, measured again
 *                                 yes, and the policy hands out SQL: done
 *                                 yes, and the policy says execute: carry-out.ts → kept | rolled-back | failed
 *
 * Nobody decides: expired. A newer one holds all of its changes: superseded.
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
import { type DecisionAnswer, type DecisionRequest, isOver, type RecommendationInput, type RecommendationResult } from '../../domain/optimizer/decision.ts';
import type { RecommendationState } from '../../domain/optimizer/model.ts';
import { optimizerPolicyOf } from '../../domain/optimizer/policy.ts';
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
    desk.close(`it is over: ${opened.state}`);
    await condition(allHandlersFinished);
    return { recommendation: input.recommendation, state: opened.state, because: ['it was over before'] };
  }
  if (opened.state === 'proposed') {
    await supersedeOlder(input, policy.host, opened);
    const unattended = decidedByPolicy(policy, opened);
    if (unattended !== null) desk.ask(unattended);
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

async function untilDecided({ input, around, opened, desk }: Site, { host, optimizer }: ClusterPolicy): Promise<End> {
  const { decisionMs } = optimizerPolicyOf({ optimizer });
  const until = workflowInfo().startTime.getTime() + decisionMs;
  for (;;) {
    around.report('waiting', `for a decision: assay optimizer show ${input.recommendation}`);
    const isAsked = await condition(() => desk.asked() !== null || desk.supersededBy() !== null, Math.max(1, until - Date.now()));
    if (!isAsked) return stateKeeper(input, host)('expired', [`nobody decided within ${Math.round(decisionMs / HOUR_MS)} h`]);
    const asked = desk.asked();
    if (asked === null) return stateKeeper(input, host)('superseded', [`recommendation ${desk.supersededBy()} holds all of its changes`]);
    try {
      // as it is now: weeks may have passed
      const policy = await policyOf(input);
      const enter = stateKeeper(input, policy.host);
      const answer = await answerTo({ input, around, opened, policy, enter }, asked);
      desk.answer(answer);
      if (answer.state !== 'approved' || answer.apply === 'sql') return { state: answer.state, because: answer.because };
      return await carriedOut({ input, policy, around, digest: opened.digest, changes: opened.changes, enter });
    } catch (error) {
      if (isCancellation(error) || desk.isAnswered()) throw error;
      // who asked is told; the next decision is taken as if this one had not been
      desk.fail(error);
    }
  }
}

interface Deciding extends Omit<Site, 'desk'> {
  readonly policy: ClusterPolicy;
  readonly enter: EnterState;
}

/** Throws refused-by-guard where another one of that database is under way, cluster-unreachable. */
async function answerTo({ input, around, opened, policy, enter }: Deciding, { verdict, by, reason }: DecisionRequest): Promise<DecisionAnswer> {
  const steps = optimizerSteps(policy.host);
  const { apply } = optimizerPolicyOf(policy);
  const said = reason === null ? [] : [reason];
  if (verdict === 'refuse') return { ...(await enter('refused', said, by)), apply, again: null };
  around.report('checking', 'is the evidence still that of the source');
  const evidence = await steps.checkEvidence({ policy, recommendation: input.recommendation });
  if (!evidence.fresh) {
    const again = await measuredAgain(input, opened.database);
    return { ...(await enter('stale', evidence.because, by)), apply, again };
  }
  const others = apply === 'execute' ? await steps.underWay(named(input)) : [];
  if (others.length > 0) throw busy(input, others);
  return { ...(await enter('approved', said, by)), apply, again: null };
}

const busy = ({ recommendation }: RecommendationInput, others: readonly string[]): ApplicationFailure =>
  assayFailure(
    new AssayError('refused-by-guard', {
      what: `approving recommendation ${recommendation}`,
      reason: `${others.join(', ')} of the same database is being carried out or watched: the effect of one would be taken for the other's`,
      hint: 'approve it when that one is kept or rolled back: assay optimizer history',
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
      // no workflow waits with it any more
      const because = [`recommendation ${recommendation} holds all of its changes`];
      await optimizerSteps(host).enterState({ cluster, recommendation: older, state: 'superseded', by: null, because });
    }
  }
}

/** Where all of its kinds of change may be executed without a person. */
function decidedByPolicy(policy: ClusterPolicy, { digest, kinds }: OpenedRecommendation): DecisionRequest | null {
  const { apply, unattended } = optimizerPolicyOf(policy);
  if (apply !== 'execute' || !kinds.every((kind) => unattended.includes(kind))) return null;
  return { verdict: 'approve', digest, by: 'the policy', reason: 'these kinds of change need nobody (optimizer.unattended)' };
}

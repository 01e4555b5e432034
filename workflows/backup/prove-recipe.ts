/**
 * How a backup is proven. One recipe for the workflow and for a cold start without Temporal: both hand in the steps.
 *
 *   plan → inspect the repository → open a clone → restore → recover to each stop, compare its marker
 *        → promote → check the structure → certify → wipe
 *
 * A fault found on the way ends the restore, never the recipe: every proof ends in a certificate.
 */

import type { ProveSteps } from '../../activities/backup/steps/prove.ts';
import type { CheckResult, CloneRef } from '../../domain/backup/model.ts';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import { emptyDraft, type ProofDraft, type ProveQuestion, type StepFault } from '../../domain/backup/proof-draft.ts';
import type { PlannedStop, ProofPlan } from '../../domain/backup/proof-plan.ts';
import { describeTarget } from '../../domain/backup/proof-plan.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';

/** What the run may tell and must know of its surroundings. */
export interface Surroundings {
  report(phase: string, detail: string): void;
  /** Code and sentence of an error a step raised; null where it must end the run (cancellation). */
  faultOf(error: unknown): StepFault | null;
  /** Runs even when the proof was cancelled. */
  always<T>(work: () => Promise<T>): Promise<T>;
}

export const proveBackup = async (steps: ProveSteps, question: ProveQuestion, around: Surroundings): Promise<ProofSummary> =>
  (await restoreAndProve(steps, question, around)).proof;

/** The same for a restore that is asked to stay (`into`). `stays`: it runs there; else the folder is as it was. */
export async function restoreAndProve(
  steps: ProveSteps,
  asked: ProveQuestion,
  around: Surroundings,
): Promise<{ readonly proof: ProofSummary; readonly stays: boolean }> {
  const question = asked.into === null ? asked : { ...asked, policy: durable(asked.policy) };
  const { policy } = question;
  around.report('planning', 'choosing the backup and where to stop');
  const planned = await plan(steps, question, around);
  const draft = planned.plan === null ? { ...emptyDraft, fault: planned.fault } : await inspectAndRestore(steps, { question, plan: planned.plan }, around);
  around.report('certifying', 'judging, signing and chaining the evidence');
  const { depth, level, owner, proofId, repository, into, unmarked } = question;
  const judged = { policy, plan: planned.plan, draft, depth, level, owner, proofId, repository, into, ...(unmarked && { unmarked }) };
  const proof = await around.always(() => steps.certify(judged));
  return { proof, stays: isKept(question, draft) };
}

/** A clone that is only looked at may do without fsync, one that stays may not. */
const durable = (policy: ClusterPolicy): ClusterPolicy => ({ ...policy, clone: { ...policy.clone, honest: true } });

/** What a person asked for stays unless a fault was found in it. */
const isKept = ({ into }: ProveQuestion, { fault, checks, databases }: ProofDraft): boolean =>
  into !== null && fault === null && databases.length > 0 && !checks.some((check) => check.outcome === 'failed');

type Planned = { readonly plan: ProofPlan } | { readonly plan: null; readonly fault: StepFault };

/** A repository that cannot be read makes the proof inconclusive; a question that cannot be answered is the caller's error. */
async function plan(steps: ProveSteps, question: ProveQuestion, around: Surroundings): Promise<Planned> {
  try {
    return { plan: await steps.planProof(question) };
  } catch (error) {
    const fault = around.faultOf(error);
    if (fault === null || question.into !== null || QUESTIONS_OF_THE_CALLER.includes(fault.code)) throw error;
    return { plan: null, fault };
  }
}

const QUESTIONS_OF_THE_CALLER: readonly string[] = ['backup-unknown', 'target-unreachable', 'usage', 'policy-not-applied', 'cluster-unknown'];

async function inspectAndRestore(steps: ProveSteps, { question, plan }: Omit<Restore, 'inspected'>, around: Surroundings): Promise<ProofDraft> {
  around.report('inspecting', `${plan.chain.length} backup(s) and the WAL after them`);
  try {
    const inspected = await steps.inspectRepository({ policy: question.policy, plan });
    if (inspected.some((check) => check.outcome === 'failed')) return { ...emptyDraft, checks: inspected };
    const draft = await restoreAndCheck(steps, { question, plan, inspected }, around);
    if (question.into === null || draft.fault?.values?.cause !== 'marker-unusable') return draft;
    // a marker on the way must not keep a person from the moment that is needed: straight there, and proven as far as it can be
    return await restoreAndCheck(steps, { question, plan: { ...plan, stops: plan.stops.slice(-1) }, inspected }, around);
  } catch (error) {
    const fault = around.faultOf(error);
    // a restore that could not begin is refused, a proof that could not is a proof that failed to be made; a target that is nowhere says nothing of a backup
    if (fault !== null && question.into === null && fault.code !== 'target-unreachable') return { ...emptyDraft, fault };
    await around.always(() => steps.unpin({ policy: question.policy, owner: question.owner }));
    throw error;
  }
}

interface Restore {
  readonly question: ProveQuestion;
  readonly plan: ProofPlan;
  readonly inspected: readonly CheckResult[];
}

async function restoreAndCheck(steps: ProveSteps, { question, plan, inspected }: Restore, around: Surroundings): Promise<ProofDraft> {
  const { policy, into } = question;
  let draft: ProofDraft = { ...emptyDraft, checks: inspected };
  let isServed = false;
  // not to be cancelled half-way: what nobody knows of, nobody wipes
  const clone = await around.always(() => steps.openClone({ policy, plan, owner: question.owner, into }));
  try {
    around.report('restoring', `${plan.backup.label} into a clone`);
    const restored = await steps.restoreClone({ policy, plan, clone });
    draft = { ...draft, fetchMs: restored.tookMs, restoredBytes: restored.bytes };
    for (const stop of plan.stops) draft = await visit(steps, { policy, clone, stop, draft, systemIdentifier: plan.systemIdentifier }, around);
    draft = { ...draft, ...(await steps.surveyClone({ policy, clone })) };
    around.report('checking', question.depth === 'deep' ? 'every index and every row' : 'structure');
    const structure = await steps.checkStructure({ policy, clone, depth: question.depth });
    draft = { ...draft, checks: [...draft.checks, ...structure.checks], checkMs: draft.checkMs + structure.tookMs };
    if (isKept(question, draft)) {
      around.report('starting', `the restored cluster in ${into}`);
      await steps.serveClone({ policy, clone });
      isServed = true;
    }
    return draft;
  } catch (error) {
    const fault = around.faultOf(error);
    if (fault === null) throw error;
    around.report('diagnosing', fault.message);
    return { ...draft, fault, checks: [...draft.checks, ...(await steps.diagnose({ policy, plan, fault }))] };
  } finally {
    if (!isServed) await around.always(() => steps.wipeClone({ policy, clone }));
  }
}

interface Visit {
  readonly policy: ClusterPolicy;
  readonly clone: CloneRef;
  readonly stop: PlannedStop;
  readonly draft: ProofDraft;
  readonly systemIdentifier: string;
}

/** Recovers up to one stop and compares the marker made there. */
async function visit(steps: ProveSteps, { policy, clone, stop, draft, systemIdentifier }: Visit, around: Surroundings): Promise<ProofDraft> {
  around.report('replaying', `to ${describeTarget(stop.target)}`);
  const first = draft.stopsReached.length === 0;
  const recovered = await steps.recoverClone({ policy, clone, target: stop.target, first });
  around.report('comparing', stop.marker === null ? 'target reached' : `database ${stop.marker.database} at ${stop.marker.lsn}`);
  const compared = await steps.compareContent({ policy, clone, systemIdentifier, target: stop.target, marker: stop.marker, reached: recovered.reached });
  return {
    ...draft,
    // only the first start is recovery; later ones walk the clone to further comparisons
    startMs: first ? recovered.startMs : draft.startMs,
    replayMs: draft.replayMs + recovered.replayMs,
    checkMs: draft.checkMs + compared.tookMs + (first ? 0 : recovered.startMs),
    reached: recovered.reached,
    stopsReached: [...draft.stopsReached, stop],
    checks: [...draft.checks, ...compared.checks],
  };
}

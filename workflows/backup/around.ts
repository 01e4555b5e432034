/** What every backup workflow shares: its progress for people and callers, and how a step's error reads. */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  defineQuery,
  isCancellation,
  rootCause,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { StepFault } from '../../domain/backup/proof-draft.ts';
import { type Progress, queries } from '../../domain/backup/requests.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { Surroundings } from './prove-recipe.ts';
import { fleetSteps } from './steps.ts';

export const progress = defineQuery<Progress>(queries.progress);

/** Answers the `progress` query, and keeps the details in Temporal's UI up to date. */
export function surroundings(what: string): Surroundings {
  let now: Progress = { phase: 'starting', detail: what, startedAt: workflowInfo().startTime.toISOString() };
  setHandler(progress, () => now);
  return {
    report(phase, detail) {
      now = { ...now, phase, detail };
      setCurrentDetails(`**${phase}** ${detail}`);
    },
    faultOf,
    always: (work) => CancellationScope.nonCancellable(work),
  };
}

/** null for a cancellation: the run must end. */
export function faultOf(error: unknown): StepFault | null {
  if (isCancellation(error)) return null;
  if (!(error instanceof ActivityFailure)) return null;
  if (error.cause instanceof ApplicationFailure) return faultOfFailure(error.cause);
  return { code: 'internal', message: `step ${error.activityType} did not finish: ${rootCause(error) ?? error.message}` };
}

/** Of a step, or of the workflow itself. */
export function faultOfFailure({ type, message, details }: ApplicationFailure): StepFault {
  const [values] = (details ?? []) as [Record<string, string | number>?];
  return { code: type ?? 'internal', message, ...(values == null ? {} : { values }) };
}

/** The policy a run was started with, or the one that `assay apply` stored. */
export async function policyOf(input: { readonly cluster: string; readonly policy?: ClusterPolicy }): Promise<ClusterPolicy> {
  return input.policy ?? fleetSteps.appliedPolicy(input.cluster);
}

/** The first repository, unless the caller names another. */
export const repositoryOf = (policy: ClusterPolicy, asked: number | undefined): number => asked ?? policy.engine.repositories[0]?.id ?? 1;

/** The key of the request; a run started by a schedule or from the shell is named by its workflow id. */
export const requestKeyOf = (asked: string | undefined): string => asked ?? workflowInfo().workflowId;

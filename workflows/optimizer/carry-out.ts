/**
 * An approved recommendation, carried out on the source under guard.
 *
 *   may it be done → a fresh proof → one window of looks before → a restore point → each change → windows of looks → kept
 *                                                                                              ╰ a regression: undone in reverse → rolled-back
 * Whatever goes wrong after the first change is undone too: failed.
 */
import { ApplicationFailure, CancellationScope, executeChild, isCancellation, rootCause, uuid4, workflowInfo } from '@temporalio/workflow';
import { AssayError } from '../../domain/errors.ts';
import { workflowIds } from '../../domain/ids.ts';
import type { RecommendationInput, RecommendationResult } from '../../domain/optimizer/decision.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { faultOfFailure, repositoryOf } from '../backup/around.ts';
import { backupProve } from '../backup/prove.ts';
import type { Surroundings } from '../backup/prove-recipe.ts';
import { backupSteps } from '../backup/steps.ts';
import { baselineGuard, watchedChange } from './guard.ts';
import type { EnterState } from './recommendation.ts';
import { assayFailure } from './refused.ts';
import { optimizerSteps } from './steps.ts';

export interface Carrying {
  readonly input: RecommendationInput;
  readonly policy: ClusterPolicy;
  readonly around: Surroundings;
  readonly digest: string;
  readonly changes: number;
  readonly enter: EnterState;
}

type End = Pick<RecommendationResult, 'state' | 'because'>;

export async function carriedOut(carrying: Carrying): Promise<End> {
  const { enter } = carrying;
  const undo = undoList(carrying);
  try {
    const notes = await prepared(carrying);
    await changed(carrying, { undo, notes });
    return await watched(carrying, undo);
  } catch (error) {
    return await CancellationScope.nonCancellable(async () => {
      const left = await undo.all();
      const end = await enter('failed', [...reasonsFor(carrying, error), ...left]);
      if (isCancellation(error)) throw error;
      return end;
    });
  } finally {
    await CancellationScope.nonCancellable(() => backupSteps(carrying.policy.host).unpin({ policy: carrying.policy, owner: workflowInfo().workflowId }));
  }
}

/** Gives what is worth knowing before anything is changed. */
async function prepared(carrying: Carrying): Promise<readonly string[]> {
  const { input, policy, around, digest } = carrying;
  const { recommendation } = input;
  const steps = optimizerSteps(policy.host);
  around.report('checking', 'rights, room and SQL');
  const { notes } = await steps.prepareApply({ policy, recommendation, digest });
  await proven(carrying);
  around.report('watching', 'statements before the change');
  await baselineGuard(steps, { policy, recommendation });
  const name = `assay-${recommendation}`;
  around.report('archiving', `restore point ${name}`);
  await backupSteps(policy.host).createRestorePoint({ policy, name, repository: repositoryOf(policy, undefined) });
  return notes;
}

/** What a mistake would be restored from. Throws refused-by-guard where the newest backup is not proven now. */
async function proven({ input, policy, around }: Carrying): Promise<void> {
  const backup = backupSteps(policy.host);
  around.report('planning', 'the newest proven backup');
  const repository = repositoryOf(policy, undefined);
  const asked = { policy, repository, labId: uuid4(), owner: workflowInfo().workflowId, maxProofAgeMs: policy.objectives.proofAgeMs };
  try {
    await backup.planLab(asked);
    return;
  } catch (error) {
    if (around.faultOf(error)?.code !== 'lab-unproven') throw error;
  }
  const requestKey = `before-${input.recommendation}`;
  around.report('proving', 'the newest backup: its proof is missing or too old');
  const proof = await executeChild(backupProve, {
    workflowId: workflowIds.backupProve(input.cluster, requestKey),
    args: [{ cluster: input.cluster, policy, requestKey }],
    staticSummary: `Proof of a backup of ${input.cluster}`,
  });
  if (proof.verdict === 'proven') return;
  throw assayFailure(
    new AssayError('refused-by-guard', {
      what: `changing ${input.cluster}`,
      reason: `the newest backup is ${proof.verdict}, not proven`,
      hint: 'mend that first: assay backup status',
    }),
  );
}

async function changed(
  { input, policy, around, digest, changes, enter }: Carrying,
  { undo, notes }: { readonly undo: UndoList; readonly notes: readonly string[] },
): Promise<void> {
  const { recommendation } = input;
  const told = [...notes];
  for (let place = 0; place < changes; place += 1) {
    around.report('applying', `change ${place + 1} of ${changes}`);
    undo.add(place);
    const { outcome, tookMs, sizeBytes } = await optimizerSteps(policy.host).applyChange({ policy, recommendation, digest, place });
    told.push(outcome === 'built' ? `change ${place + 1} done in ${Math.round(tookMs / 1000)} s, ${sizeBytes} bytes` : `change ${place + 1} was there already`);
  }
  await enter('applied', told);
}

async function watched({ input, policy, around, enter }: Carrying, undo: UndoList): Promise<End> {
  const about = { policy, recommendation: input.recommendation };
  around.report('watching', 'window 1 after the change');
  const judged = await watchedChange(optimizerSteps(policy.host), about, (window, { verdict }) => {
    if (verdict === 'undecided') around.report('watching', `window ${window + 1} after the change`);
  });
  if (judged.verdict === 'keep') return enter('kept', judged.because);
  around.report('undoing', judged.because.join('; '));
  return CancellationScope.nonCancellable(async () => {
    const left = await undo.all();
    return enter(left.length === 0 ? 'rolled-back' : 'failed', [...judged.because, ...left]);
  });
}

interface UndoList {
  add(place: number): void;
  /** In reverse; what could not be undone, in words. */
  all(): Promise<readonly string[]>;
}

function undoList({ input: { recommendation }, policy, around }: Carrying): UndoList {
  const places: number[] = [];
  return {
    add: (place) => void places.push(place),
    async all() {
      const left: string[] = [];
      for (const place of places.toReversed()) {
        around.report('undoing', `change ${place + 1}`);
        try {
          await optimizerSteps(policy.host).undoChange({ policy, recommendation, place });
        } catch (error) {
          left.push(
            `change ${place + 1} could not be undone: ${around.faultOf(error)?.message ?? 'unknown'}; do it by hand with the undo of assay optimizer show`,
          );
        }
      }
      return left;
    },
  };
}

/** What went wrong, and the way out that the catalogue has for it. */
function reasonsFor({ around }: Carrying, error: unknown): readonly string[] {
  if (isCancellation(error)) return ['it was cancelled'];
  const fault = error instanceof ApplicationFailure ? faultOfFailure(error) : around.faultOf(error);
  if (fault === null) return [rootCause(error) ?? 'a step did not finish'];
  const { message, values: { hint } = {} } = fault;
  return typeof hint === 'string' ? [message, `what to do: ${hint}`] : [message];
}

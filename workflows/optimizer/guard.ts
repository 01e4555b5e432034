/**
 * The guard's waiting: looks at the statements' counters spread over a window, before a change and after it.
 * Between looks only a durable timer runs; a look that fails is left out, the verdict is made of the others.
 */
import { isCancellation, sleep } from '@temporalio/workflow';
import type { AboutRecommendation, ApplySteps, GuardVerdict } from '../../activities/optimizer/steps/apply.ts';
import { optimizerPolicyOf } from '../../domain/optimizer/policy.ts';

export type GuardSteps = Pick<ApplySteps, 'lookAtStatements' | 'guardWindow'>;

/** Sub-samples of a window: enough for their spread to be known, few enough for a short history, none closer together than a look takes. */
const MOST_LOOKS = 12;
const APART_MS = 800;
const looksIn = (windowMs: number): number => Math.max(2, Math.min(MOST_LOOKS, Math.floor(windowMs / APART_MS)));

/** One window of looks before anything is changed. Throws what the last one threw where none could be made: a change that nobody can watch is not made. */
export async function baselineGuard(steps: GuardSteps, about: AboutRecommendation): Promise<void> {
  const { made, failed } = await looks(steps, about, 0);
  if (made === 0) throw failed;
}

/** Windows after the change until there is a verdict, keep or roll-back. `onWindow` is called with what each one said. */
export async function watchedChange(
  steps: GuardSteps,
  about: AboutRecommendation,
  onWindow: (window: number, verdict: GuardVerdict) => void = () => {},
): Promise<GuardVerdict> {
  // the step itself ends it: its last window is never undecided
  for (let window = 1; ; window += 1) {
    await looks(steps, about, window);
    const judged = await steps.guardWindow({ ...about, window });
    onWindow(window, judged);
    if (judged.verdict !== 'undecided') return judged;
  }
}

interface Looked {
  readonly made: number;
  /** What the last one that failed threw. */
  readonly failed: unknown;
}

async function looks(steps: GuardSteps, about: AboutRecommendation, window: number): Promise<Looked> {
  const { windowMs } = optimizerPolicyOf(about.policy).guard;
  const last = looksIn(windowMs);
  let made = 0;
  let failed: unknown = null;
  for (let look = 0; look <= last; look += 1) {
    try {
      await steps.lookAtStatements({ ...about, window, look });
      made += 1;
    } catch (error) {
      if (isCancellation(error)) throw error;
      failed = error;
    }
    if (look < last) await sleep(Math.ceil(windowMs / last));
  }
  return { made, failed };
}

/**
 * One lock per cluster: backup and expiry never run together.
 *
 *   free ──request──▶ held ──release, or the holder is gone──▶ next in line, or free and ended
 *                     └─ a long history ──▶ held, by the same holder, in a new run with the same line
 */
import {
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  getExternalWorkflowHandle,
  patched,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { workflowIds } from '../../domain/ids.ts';
import { fleetSteps } from './steps.ts';

interface Holder {
  readonly workflowId: string;
  readonly runId: string;
}

/** What one run of the lock hands to the next, beside those in line. */
export interface LockCarried {
  /** The first in line already has the lock. Default false. */
  readonly held?: boolean;
  /** How often a holder is looked after that says nothing. Default 30 seconds. */
  readonly lookAgainMs?: number;
  /** Events of a history after which it goes on in a new one; Temporal ends a workflow at 51,200. Default 5,000: each look makes 11 of them. */
  readonly maxEvents?: number;
}

export const requestLock = defineSignal<[Holder]>('requestLock');
export const releaseLock = defineSignal<[Holder]>('releaseLock');
export const lockGranted = defineSignal('lockGranted');

const LOOK_AGAIN_MS = 30_000;
const MAX_EVENTS = 5_000;

export async function clusterLock(cluster: string, waitingBefore: readonly Holder[] = [], carried: LockCarried = {}): Promise<void> {
  const { lookAgainMs = LOOK_AGAIN_MS, maxEvents = MAX_EVENTS } = carried;
  const waiting: Holder[] = [...waitingBefore];
  const released = new Set<string>();
  setHandler(requestLock, (holder) => {
    if (!waiting.some((each) => each.runId === holder.runId)) waiting.push(holder);
  });
  setHandler(releaseLock, (holder) => {
    released.add(holder.runId);
  });
  const isLong = () => workflowInfo().historyLength > maxEvents;
  // who gave up while waiting is left out: nobody would release on its behalf again
  const goOn = (held: boolean) =>
    continueAsNew<typeof clusterLock>(
      cluster,
      waiting.filter(({ runId }) => !released.has(runId)),
      { held, lookAgainMs, maxEvents },
    );
  let { held = false } = carried;
  for (let holder = waiting[0]; holder !== undefined; holder = waiting[0]) {
    const { runId } = holder;
    const isReleased = () => released.has(runId);
    if (!isReleased() && (held || (await grant(holder)))) {
      await untilDone({ holder, isReleased, lookAgainMs }, async () => {
        // what began before a hold could go on in a new run ends as it began
        if (isLong() && patched('continue-in-hold')) await goOn(true);
      });
    }
    held = false;
    waiting.shift();
    released.delete(runId);
    if (isLong() && waiting.length > 0) await goOn(false);
  }
}

/** False where the one who asked is no longer there. */
async function grant(holder: Holder): Promise<boolean> {
  try {
    await getExternalWorkflowHandle(holder.workflowId, holder.runId).signal(lockGranted);
    return true;
  } catch {
    return false; // the workflow ended before its turn came: the next in line gets the lock
  }
}

interface Hold {
  readonly holder: Holder;
  readonly isReleased: () => boolean;
  readonly lookAgainMs: number;
}

async function untilDone({ holder, isReleased, lookAgainMs }: Hold, holdsOn: () => Promise<void>): Promise<void> {
  // a holder that was terminated cannot release: look whether it still runs
  while (!(await condition(isReleased, lookAgainMs))) {
    // in doubt it does: a lock that ends early would let two in
    if (!(await fleetSteps.isRunning(holder).catch(() => true))) return;
    // it may have released while it was looked after
    if (!isReleased()) await holdsOn();
  }
}

/** Runs `work` while this workflow holds the lock of the cluster; always gives it back. */
export async function withClusterLock<T>(cluster: string, work: () => Promise<T>): Promise<T> {
  const { workflowId, runId } = workflowInfo();
  const me: Holder = { workflowId, runId };
  let granted = false;
  setHandler(lockGranted, () => {
    granted = true;
  });
  await fleetSteps.askForLock({ cluster, holder: me });
  try {
    await condition(() => granted);
    return await work();
  } finally {
    await CancellationScope.nonCancellable(() => release(cluster, me));
  }
}

async function release(cluster: string, me: Holder): Promise<void> {
  const lock = getExternalWorkflowHandle(workflowIds.clusterLock(cluster));
  await lock.signal(releaseLock, me).catch(() => sleep(0)); // a lock that has ended holds nothing
}

/**
 * One lock per cluster: backup and expiry never run together.
 *
 *   free ──request──▶ held ──release, or the holder is gone──▶ next in line, or free and ended
 */
import { CancellationScope, condition, continueAsNew, defineSignal, getExternalWorkflowHandle, setHandler, sleep, workflowInfo } from '@temporalio/workflow';
import { workflowIds } from '../../domain/ids.ts';
import { fleetSteps } from './steps.ts';

interface Holder {
  readonly workflowId: string;
  readonly runId: string;
}

export const requestLock = defineSignal<[Holder]>('requestLock');
export const releaseLock = defineSignal<[Holder]>('releaseLock');
export const lockGranted = defineSignal('lockGranted');

const LOOK_AGAIN = '30 seconds';
const MAX_EVENTS = 5_000;

export async function clusterLock(cluster: string, waitingBefore: readonly Holder[] = []): Promise<void> {
  const waiting: Holder[] = [...waitingBefore];
  const released = new Set<string>();
  setHandler(requestLock, (holder) => {
    if (!waiting.some((each) => each.runId === holder.runId)) waiting.push(holder);
  });
  setHandler(releaseLock, (holder) => {
    released.add(holder.runId);
  });
  for (let holder = waiting[0]; holder !== undefined; holder = waiting[0]) {
    if (!released.has(holder.runId) && (await grant(holder))) await untilDone(holder, released);
    waiting.shift();
    released.delete(holder.runId);
    if (workflowInfo().historyLength > MAX_EVENTS && waiting.length > 0) await continueAsNew<typeof clusterLock>(cluster, waiting);
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

async function untilDone(holder: Holder, released: ReadonlySet<string>): Promise<void> {
  // a holder that was terminated cannot release: look whether it still runs
  while (!(await condition(() => released.has(holder.runId), LOOK_AGAIN))) {
    // in doubt it does: a lock that ends early would let two in
    if (!(await fleetSteps.isRunning(holder).catch(() => true))) return;
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

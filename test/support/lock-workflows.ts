/** The lock as the fleet runs it, and holders that do with it what a test says. */
import { CancellationScope, condition, defineQuery, defineSignal, isCancellation, setHandler } from '@temporalio/workflow';
import { withClusterLock } from '../../workflows/backup/lock.ts';

export { clusterLock } from '../../workflows/backup/lock.ts';

export const leave = defineSignal('leave');
export const giveUp = defineSignal('giveUp');
export const end = defineSignal('end');
export const stateOf = defineQuery<'waiting' | 'inside' | 'outside'>('state');

/** Holds the lock until `leave`; while it waits, `giveUp` takes it out of the line. It lives on until `end`, so that only a release can tell. Returns when it was inside. */
export async function holder(cluster: string): Promise<{ readonly from: number; readonly to: number } | null> {
  let state: 'waiting' | 'inside' | 'outside' = 'waiting';
  const told = new Set<string>();
  setHandler(leave, () => void told.add('leave'));
  setHandler(end, () => void told.add('end'));
  setHandler(stateOf, () => state);
  const waiting = new CancellationScope();
  setHandler(giveUp, () => waiting.cancel());
  let inside: { from: number; to: number } | null = null;
  try {
    await waiting.run(() =>
      withClusterLock(cluster, async () => {
        state = 'inside';
        const from = Date.now();
        await condition(() => told.has('leave'));
        inside = { from, to: Date.now() };
      }),
    );
  } catch (error) {
    if (!isCancellation(error)) throw error;
  }
  state = 'outside';
  await condition(() => told.has('end'));
  return inside;
}

/** Waits to be told to end; asks for nothing by itself. */
export async function bystander(): Promise<void> {
  let told = false;
  setHandler(end, () => {
    told = true;
  });
  await condition(() => told);
}

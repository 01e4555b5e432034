/** Captured values go when their time is over, also where no run takes place any more. */
import cron from 'node-cron';
import type { CapturedStore } from '../activities/optimizer/capture/store.ts';

const EVERY_TEN_MINUTES = '*/10 * * * *';

/** Every worker does it; all of them at once is no harm. */
export function startExpiry(store: Pick<CapturedStore, 'dropExpired'>): { stop(): Promise<void> } {
  let inHand: Promise<void> = Promise.resolve();
  const drop = () => {
    // the control database is away: they go the next time, and are given to nobody meanwhile
    inHand = store.dropExpired().catch(() => {});
  };
  drop();
  const task = cron.schedule(EVERY_TEN_MINUTES, drop, { name: 'assay-captured-values' });
  return {
    async stop() {
      await task.destroy();
      await inHand;
    },
  };
}

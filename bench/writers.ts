/** The shop's writers while something else happens, and how long each of their commits took. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { ShopServer } from '../workers/embedded/shop.ts';

export interface WritersData {
  readonly server: ShopServer;
  readonly writers: number;
  readonly perSecond: number;
}

/** Times are milliseconds since 1970, as `nowMs` gives them. */
export interface Recorded {
  readonly finishedAt: Float64Array;
  readonly tookMs: Float64Array;
  readonly tps: number;
  readonly failed: number;
  readonly lastError: string | null;
}

/** A little more than the goal's 1,000 a second: a marker that made writers wait would show in what they still reach. */
export const WRITERS = { writers: 8, perSecond: 1_200 } as const;

export const nowMs = (): number => performance.timeOrigin + performance.now();

/** Writes at a steady rate until stopped. */
export async function startWriters({ server, ...rate }: WritersData): Promise<{ stop(): Promise<Recorded> }> {
  // a cluster holds functions, which no message carries
  const workerData: WritersData = { server: { socketDirectory: server.socketDirectory, port: server.port }, ...rate };
  const thread = new Worker(new URL('./writers-thread.ts', import.meta.url), { workerData });
  await once(thread, 'message');
  return {
    async stop() {
      thread.postMessage('stop');
      const [recorded] = (await once(thread, 'message')) as [Recorded];
      await thread.terminate();
      return recorded;
    },
  };
}

export interface Window {
  readonly from: number;
  readonly to: number;
}

/** Commits that were under way at some moment of the window: a stall shows when it ends, which may be later. */
export function latenciesIn({ finishedAt, tookMs }: Recorded, windows: readonly Window[]): readonly (readonly number[])[] {
  return windows.map(({ from, to }) => {
    const found: number[] = [];
    // commits are recorded as they end, so the array is sorted; none takes longer than a minute
    for (let at = firstFrom(finishedAt, from); at < finishedAt.length; at += 1) {
      const [end, took] = [finishedAt[at] as number, tookMs[at] as number];
      if (end - 60_000 > to) break;
      if (end - took <= to) found.push(took);
    }
    return found;
  });
}

function firstFrom(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

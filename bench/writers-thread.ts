/** A thread of its own for the shop's writers: what the marker does in the main thread must not look like a slow commit. */
import { parentPort, workerData } from 'node:worker_threads';
import { startTraffic } from '../workers/embedded/traffic.ts';
import type { Recorded, WritersData } from './writers.ts';

const { server, writers, perSecond } = workerData as WritersData;
const finishedAt: number[] = [];
const tookMs: number[] = [];
const traffic = await startTraffic(server, {
  ...{ writers, perSecond },
  onCommit: (took, at) => {
    tookMs.push(took);
    // the clock of each thread begins at its own start
    finishedAt.push(performance.timeOrigin + at);
  },
});
parentPort?.postMessage('started');
parentPort?.once('message', async () => {
  const { tps, failed, lastError } = await traffic.stop();
  parentPort?.postMessage({ finishedAt: Float64Array.from(finishedAt), tookMs: Float64Array.from(tookMs), tps, failed, lastError } satisfies Recorded);
});

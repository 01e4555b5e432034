/** A worker that dies by SIGKILL before, after and in the middle of the optimizer's steps: the run still ends with its recommendation, and no lab is left. */
import { readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Progress, queries } from '../../domain/backup/requests.ts';
import { startBackup, startDoomedWorker, useFleet } from '../support/fleet.ts';
import { counting, makeShop, makeTraffic, pinned, startRun, storedRecommendation } from './optimizer-support.ts';

/** `measureFinalist` is the first half of `settleFinalist`, and comes only where the search finds several sets. */
const STEPS = [
  'observeWorkload',
  'planLab',
  'openLab',
  'restoreClone',
  'recoverClone',
  'promoteClone',
  'searchSets',
  'settleFinalist',
  'wipeClone',
  'unpin',
  'concludeRun',
] as const;

const fleet = useFleet({ ...counting, worker: false });
const clones = () => readdirSync(fleet.get().policy().clone.directory);

beforeAll(async () => {
  await makeShop(fleet.get(), 40_000);
  await makeTraffic(fleet.get());
  const worker = await fleet.get().startWorker();
  await (await startBackup(fleet.get())).result();
  await worker.kill('SIGTERM');
}, 300_000);

async function endsWell(run: Awaited<ReturnType<typeof startRun>>): Promise<void> {
  const next = await fleet.get().startWorker();
  try {
    const { recommendation } = await run.result();
    expect((await storedRecommendation(fleet.get(), recommendation)).indexes.length).toBeGreaterThan(0);
    expect(clones()).toEqual([]);
    expect(await pinned(fleet.get())).toEqual([]);
  } finally {
    await next.kill('SIGTERM');
  }
}

describe.each(STEPS)('%s', (step) => {
  test.each(['before', 'after'] as const)(`killed %s ${step}`, async (when) => {
    const doomed = await startDoomedWorker(fleet.get(), `${step}:${when}`);
    const run = await startRun(fleet.get());
    expect(await doomed.ended()).toBe(`${step}:${when}`);
    await endsWell(run);
  });
});

test('killed while it measures, an index away inside an open transaction', async () => {
  const doomed = await fleet.get().startWorker();
  const run = await startRun(fleet.get(), { limits: { repeats: 40 } });
  while (!['measuring', 'settling'].includes((await run.query<Progress>(queries.progress)).phase)) await pause(100);
  await pause(1_500);
  await doomed.kill('SIGKILL');
  await endsWell(run);
});

/** A step of the `long` profile has given up by then (workflows/options.ts): what the lab rests on is waited for longer. */
const MORE_THAN_LONG = 6;

test('the control database is away while it measures, for longer than other steps are tried again: the run waits, and ends with its recommendation', async () => {
  const worker = await fleet.get().startWorker();
  const run = await startRun(fleet.get());
  while (!['measuring', 'settling'].includes((await run.query<Progress>(queries.progress)).phase)) await pause(100);
  const attempt = async () => Math.max(0, ...((await run.describe()).raw.pendingActivities ?? []).map((step) => step.attempt ?? 0));
  await fleet.get().control.stop('immediate');
  try {
    while ((await attempt()) < MORE_THAN_LONG) {
      expect((await run.describe()).status.name).toBe('RUNNING');
      await pause(200);
    }
  } finally {
    await fleet.get().control.start();
    await worker.kill('SIGTERM');
  }
  await endsWell(run);
});

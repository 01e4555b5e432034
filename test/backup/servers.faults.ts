/** Servers that die under the fleet: what was asked for still ends well, once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { fillTable, startBackup, startProof, useFleet } from '../support/fleet.ts';

const fleet = useFleet();
beforeAll(() => fillTable(fleet.get(), 200_000));

async function untilPhase(handle: { query(name: string): Promise<unknown> }, phase: string): Promise<void> {
  for (;;) {
    const progress = (await handle.query('progress').catch(() => null)) as { phase: string } | null;
    if (progress?.phase === phase) return;
    await sleep(50);
  }
}

test('the Temporal server killed in the middle: the backup ends proven', async () => {
  const run = await startBackup(fleet.get());
  await untilPhase(run, 'backup');
  await fleet.get().temporal.kill('SIGKILL');
  await fleet.get().temporal.start();
  expect((await run.result()).proof).toMatchObject({ verdict: 'proven', level: 'content' });
});

test('an immediate shutdown of PostgreSQL during the backup: retried once it is back, and proven', async () => {
  const run = await startBackup(fleet.get());
  await untilPhase(run, 'backup');
  await fleet.get().cluster.stop('immediate');
  await fleet.get().cluster.start();
  expect((await run.result()).proof).toMatchObject({ verdict: 'proven', level: 'content' });
});

test('two proofs at once: two clones, both proven', async () => {
  const proofs = await Promise.all([startProof(fleet.get()), startProof(fleet.get())]);
  for (const proof of proofs) expect(await proof.result()).toMatchObject({ verdict: 'proven', level: 'content' });
});

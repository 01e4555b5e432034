/** Clones that a host which went down left: a worker that starts wipes those whose workflow is gone, and goes on with the others. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { cloneFoldersIn } from '../../activities/backup/clone/layout.ts';
import { processesIn } from '../../activities/backup/clone/server.ts';
import { createEvidenceStore } from '../../activities/backup/evidence/evidence-store.ts';
import { openControl } from '../../activities/control/control-database.ts';
import { isAlive } from '../../activities/process-alive.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { readSecret } from '../../workers/config.ts';
import { eventually } from '../support/engine.ts';
import { fillTable, startBackup, startProof, useFleet } from '../support/fleet.ts';

const fleet = useFleet();

beforeAll(async () => {
  await fillTable(fleet.get(), 2_000);
  await (await startBackup(fleet.get(), { prove: 'none' })).result();
}, 240_000);

/** A question to the clone that takes long enough for the host to go down meanwhile. */
const slow = (): ClusterPolicy => ({
  ...fleet.get().policy(),
  proof: { ...fleet.get().policy().proof, assertions: [{ name: 'slow', database: 'postgres', sql: 'select count(*) from pg_sleep(10)', expect: [['1']] }] },
});

const clones = () => cloneFoldersIn(slow().clone.directory).map(({ directory, file }) => ({ directory, owner: file?.owner ?? '' }));

/** Who holds retention back. */
async function pinners(): Promise<readonly string[]> {
  const control = await openControl(fleet.get().control.url);
  try {
    const pins = await createEvidenceStore({ control, readSecret, signingKey: `file:${fleet.get().keys.privateKey}` }).pins('shop');
    return [...new Set(pins.map(({ owner }) => owner))];
  } finally {
    await control.close();
  }
}

async function swept(): Promise<number> {
  const text = await (await fetch(fleet.get().worker?.metricsUrl ?? '')).text();
  return Number(/^assay_backup_clones_swept_total\{cluster="shop"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

test('one whose workflow is gone is wiped with all its processes, one whose workflow still runs stays and is proven', async () => {
  const proof = () => startProof(fleet.get(), { policy: slow(), level: 'structure' });
  const [gone, stays] = [await proof(), await proof()];
  await eventually(() => clones().filter(({ directory }) => existsSync(join(directory, 'data/postmaster.pid'))).length === 2, 'two clones that run');
  await fleet.get().worker?.kill('SIGKILL');
  await gone.terminate('the test');
  const left = clones().find(({ owner }) => owner === gone.workflowId)?.directory ?? '';
  const kept = clones().find(({ owner }) => owner === stays.workflowId)?.directory ?? '';
  // servers of clones outlive their worker
  const processes = processesIn(left);
  expect(processes.length).toBeGreaterThan(0);
  expect((await pinners()).toSorted()).toEqual([gone.workflowId, stays.workflowId].toSorted());

  await fleet.get().startWorker();
  expect(existsSync(left)).toBe(false);
  expect(processes.filter(isAlive)).toEqual([]);
  expect(existsSync(join(kept, 'clone.json'))).toBe(true);
  expect(await pinners()).toEqual([stays.workflowId]);
  expect(await swept()).toBe(1);
  expect(await stays.result()).toMatchObject({ verdict: 'proven', level: 'structure' });
  expect(readdirSync(slow().clone.directory)).toEqual([]);
  expect(await pinners()).toEqual([]);
});

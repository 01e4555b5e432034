/** The source is gone: what it archived is all there is, and enough for a proof. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { openControl } from '../../activities/control/control-database.ts';
import { createMarkerStore } from '../../activities/control/marker-store.ts';
import { compareLsn } from '../../domain/backup/lsn.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import { fillTable, freshKey, startBackup, startProof, useFleet } from '../support/fleet.ts';

const fleet = useFleet();
let label: string;

beforeAll(async () => {
  await fillTable(fleet.get(), 2_000);
  label = (await (await startBackup(fleet.get(), { prove: 'none' })).result()).backup.label;
  await fillTable(fleet.get(), 1_000);
  await ask('backupFingerprint', workflowIds.backupFingerprint('shop', freshKey()), { cluster: 'shop' });
  // waits until all before it is archived
  await ask('backupRestorePoint', workflowIds.backupRestorePoint('shop', 'before-the-end'), { cluster: 'shop', name: 'before-the-end' });
  // what is not archived, nobody can prove
  await fillTable(fleet.get(), 500);
  await fleet.get().cluster.stop('immediate');
}, 240_000);

async function ask(workflow: string, workflowId: string, input: object): Promise<void> {
  const client = await fleet.get().client();
  await client.workflow.execute(workflow, { workflowId, taskQueue: fleetQueue, args: [{ policy: fleet.get().policy(), ...input }] });
}

test.concurrent('proven by content at the newest marker whose WAL arrived', async () => {
  const control = await openControl(fleet.get().control.url);
  const marker = (await createMarkerStore(control).between('shop', '0/0', null)).at(-1);
  await control.close();
  const proof = await (await startProof(fleet.get())).result();
  expect(proof).toMatchObject({ verdict: 'proven', level: 'content', backup: label, cause: null });
  const { body } = JSON.parse(readFileSync(proof.certificate.json, 'utf8'));
  expect(marker).toBeDefined();
  expect(compareLsn(body.target.reached.replayLsn, marker?.lsn ?? '')).toBeGreaterThanOrEqual(0);
});

test.concurrent('a backup is not even begun, and says why', async () => {
  const run = await startBackup(fleet.get());
  await expect(run.result()).rejects.toMatchObject({ cause: { cause: { type: 'cluster-unreachable' } } });
});

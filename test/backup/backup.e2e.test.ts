/** The whole path on real parts: PostgreSQL, pgBackRest, a Temporal server, a worker process. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Client } from '@temporalio/client';
import { expect, test } from 'vitest';
import { verifyCertificates } from '../../activities/backup/evidence/verify.ts';
import type { BackupRunResult } from '../../domain/backup/requests.ts';
import { fleetQueue, scheduleId } from '../../domain/ids.ts';
import { asAssayError } from '../../ops/client/failures.ts';
import { fillTable, startBackup, startProof, useFleet } from '../support/fleet.ts';

const fleet = useFleet();
/** Label of a backup that no marker was made behind. */
let unmarked = '';

test('a backup ends proven by content, with a signed certificate beside the repository', async () => {
  await fillTable(fleet.get(), 20_000);
  const { backup, proof, markers } = await (await startBackup(fleet.get())).result();
  expect(proof).toMatchObject({ verdict: 'proven', level: 'content', backup: backup.label, findings: 0 });
  expect(markers.length).toBeGreaterThan(0);
  expect(existsSync(proof?.certificate.json ?? '')).toBe(true);
  expect(existsSync(proof?.certificate.html ?? '')).toBe(true);
});

test('the same request twice is one backup', async () => {
  const [one, two] = await Promise.all([
    startBackup(fleet.get(), { requestKey: 'twice', prove: 'none' }),
    startBackup(fleet.get(), { requestKey: 'twice', prove: 'none' }),
  ]);
  unmarked = (await one.result()).backup.label;
  expect((await two.result()).backup.label).toBe(unmarked);
});

test('a random moment is one that can be proven, even right after the first backup', async () => {
  const proof = await (await startProof(fleet.get(), { random: true })).result();
  expect(proof).toMatchObject({ verdict: 'proven', level: 'content' });
});

test('where no marker lies behind the backup yet, one is made and that moment is proven', async () => {
  const proof = await (await startProof(fleet.get(), { random: true, backup: unmarked })).result();
  expect(proof).toMatchObject({ verdict: 'proven', level: 'content', backup: unmarked });
});

test('an incremental backup is proven together with what it builds on, deep', async () => {
  await fillTable(fleet.get(), 5_000);
  const { backup } = await (await startBackup(fleet.get(), { type: 'incremental', prove: 'none' })).result();
  expect(backup.type).toBe('incremental');
  const proof = await (await startProof(fleet.get(), { depth: 'deep' })).result();
  expect(proof).toMatchObject({ verdict: 'proven', level: 'content', backup: backup.label });
});

test('a restore point that is nowhere is refused, and says nothing of the backup', async () => {
  const proof = await startProof(fleet.get(), { target: { kind: 'name', name: 'misspelt' } });
  const failure = await proof.result().catch((error: unknown) => error);
  expect(asAssayError(failure, { address: '', what: '' })).toMatchObject({
    code: 'target-unreachable',
    message: expect.stringMatching(/misspelt.*no WAL that a backup leads through holds it/),
  });
});

test('fingerprints on demand say how much they leave out', async () => {
  await fleet.get().cluster.sql('create unlogged table scratch (id int)');
  const client = await fleet.get().client();
  const input = { cluster: 'shop', policy: fleet.get().policy() };
  const start = { workflowId: 'backup/shop/fingerprint/leftout', taskQueue: fleetQueue, args: [input] };
  expect(await client.workflow.execute('backupFingerprint', start)).toMatchObject({ notCovered: 1 });
});

test('a schedule that `apply` made starts a backup, from the clock to the certificate', async () => {
  const client = await fleet.get().client();
  await client.schedule.getHandle(scheduleId('shop', 'incremental')).trigger();
  const started = await untilStarted(client);
  const { backup, proof } = (await client.workflow.getHandle(started).result()) as BackupRunResult;
  expect(backup).toMatchObject({ type: 'incremental', requestKey: started });
  expect(proof).toMatchObject({ verdict: 'proven', level: 'content', backup: backup.label });
  const report = await verifyCertificates(dirname(proof?.certificate.json ?? ''), readFileSync(fleet.get().keys.publicKey, 'utf8'));
  expect(report).toMatchObject({ valid: true, faults: [] });
});

/** Workflow id of the run that the schedule started. */
async function untilStarted(client: Client): Promise<string> {
  for (;;) {
    const { info } = await client.schedule.getHandle(scheduleId('shop', 'incremental')).describe();
    const [action] = info.recentActions;
    if (action?.action.type === 'startWorkflow') return action.action.workflow.workflowId;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test("every line of the worker's log is JSON, what Temporal's SDK says among it", () => {
  const lines = readFileSync(fleet.get().logFile, 'utf8').trimEnd().split('\n');
  expect(lines.filter((line) => !line.startsWith('{"level":"'))).toEqual([]);
  const said = lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'library-said');
  expect(said).toContainEqual(expect.objectContaining({ library: 'temporal', level: 'info', msg: expect.stringContaining('No workflows registered') }));
});

test('no clone is left behind', () => {
  expect(readdirSync(fleet.get().policy().clone.directory)).toEqual([]);
});

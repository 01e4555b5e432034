/** What keeps a test from being made: inconclusive, or refused with the reason, within minutes; never shown as good. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import pg from 'pg';
import { afterEach, beforeAll, expect, test } from 'vitest';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { createSourceObjects } from '../../workers/commands/plan-source-objects.ts';
import { readSecret } from '../../workers/config.ts';
import { testCluster } from '../support/cluster.ts';
import { copyRepository } from '../support/damaged.ts';
import { fillTable, startBackup, startProof, useFleet } from '../support/fleet.ts';

const fleet = useFleet();
const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0)) step();
});

beforeAll(async () => {
  await fillTable(fleet.get(), 300_000);
  await (await startBackup(fleet.get(), { prove: 'none' })).result();
}, 120_000);

/** Code of the error a run ended with. */
async function errorOf(result: Promise<unknown>): Promise<string> {
  const error = await result.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof WorkflowFailedError)) return `ended well, or otherwise: ${error}`;
  let cause: unknown = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  return (cause as { type?: string }).type ?? String(cause);
}

test('a dead S3 endpoint: inconclusive, repository-unreachable', async () => {
  const { policy } = copyRepository(fleet.get(), (text) =>
    text.replace(
      /repo1-path=.*/,
      'repo1-path=/shop\nrepo1-type=s3\nrepo1-s3-bucket=b\nrepo1-s3-endpoint=127.0.0.1\nrepo1-storage-port=9\nrepo1-s3-region=us-east-1\nrepo1-s3-uri-style=path\nrepo1-s3-key=k\nrepo1-s3-key-secret=s\nrepo1-storage-verify-tls=n',
    ),
  );
  const began = Date.now();
  expect(await (await startProof(fleet.get(), { policy, archivedLsn: '0/1' })).result()).toMatchObject({
    verdict: 'inconclusive',
    cause: 'repository-unreachable',
  });
  expect(Date.now() - began).toBeLessThan(180_000);
});

test.runIf(process.getuid?.() === 0)('the disk full in the middle of a restore: inconclusive, disk-full', async () => {
  const directory = mkdtempSync(join(fleet.get().directory, 'small-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=200m,mode=0711', 'tmpfs', directory]);
  undo.push(() => execFileSync('umount', ['-l', directory]));
  execFileSync('chown', ['--reference', fleet.get().cluster.directory, directory]);
  const policy: ClusterPolicy = { ...fleet.get().policy(), clone: { ...fleet.get().policy().clone, directory } };
  const proof = await startProof(fleet.get(), { policy, level: 'structure' });
  for (;;) {
    const progress = (await proof.query('progress').catch(() => null)) as { phase: string } | null;
    if (progress !== null && ['inspecting', 'restoring'].includes(progress.phase)) break;
    await sleep(20);
  }
  await fillUntilFull(directory);
  expect(await proof.result()).toMatchObject({ verdict: 'inconclusive', cause: 'disk-full' });
});

/** Leaves too little for the data, once the clone's folder is there. */
async function fillUntilFull(directory: string): Promise<void> {
  for (let part = 0; part < 200; part++) {
    try {
      writeFileSync(join(directory, `ballast-${part}`), Buffer.alloc(1024 * 1024));
    } catch {
      return;
    }
  }
}

test('another cluster behind the connection: the backup is refused before it starts, and a proof says nothing of the backup', async () => {
  const other = await testCluster({ name: 'other' });
  const policy: ClusterPolicy = { ...fleet.get().policy(), connection: other.policy().connection };
  expect(await errorOf((await startBackup(fleet.get(), { policy })).result())).toBe('preflight-refused');
  // with all of Assay's own in it: as after a restore, or where two connections were mixed up
  await createSourceObjects(readSecret).apply(policy);
  expect(await errorOf((await startProof(fleet.get(), { policy, level: 'structure' })).result())).toBe('system-identifier-differs');
});

test('archive_command that reports success and drops: the backup is refused, archiving-broken; a proof failed, archive-dropped', async () => {
  const { cluster } = fleet.get();
  const [before] = await cluster.sql<{ archive_command: string }>('show archive_command');
  await cluster.sql(`alter system set archive_command = '/bin/true'; `);
  await cluster.sql('select pg_reload_conf()');
  try {
    // each waits for its WAL as long as a slow archive may take
    const [backup, proof] = await Promise.all([startBackup(fleet.get()), startProof(fleet.get())]);
    expect(await errorOf(backup.result())).toBe('archiving-broken');
    expect(await proof.result()).toMatchObject({ verdict: 'failed', cause: 'archive-dropped' });
  } finally {
    await cluster.sql(`alter system set archive_command = '${before?.archive_command.replaceAll("'", "''")}'`);
    await cluster.sql('select pg_reload_conf()');
  }
});

test('a transaction that is at work all the while: the backup has its verdict, inconclusive, no-marker, with what kept the marker from being made', async () => {
  const { cluster } = fleet.get();
  const batch = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database: 'postgres' });
  batch.on('error', () => {});
  await batch.connect();
  await batch.query('begin; select pg_current_xact_id()');
  const busy = batch.query('select pg_sleep(600)').catch(() => {});
  const hasty = { ...fleet.get().policy().proof, fingerprint: { ...fleet.get().policy().proof.fingerprint, waitMs: 200 } };
  try {
    const { proof } = await (await startBackup(fleet.get(), { policy: { ...fleet.get().policy(), proof: hasty } })).result();
    expect(proof).toMatchObject({ verdict: 'inconclusive', cause: 'no-marker' });
    expect(proof?.because.join()).toMatch(/no consistent snapshot of .* within 200 ms.*optimistic: .*slot: .*fence: /s);
  } finally {
    await cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()");
    await busy;
  }
});

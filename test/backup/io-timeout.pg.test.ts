/** How long a run waits for an endpoint that gives no byte: Assay's bound, unless the configuration has one. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { BackupRecord } from '../../domain/backup/model.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { engineOf, restoreFolders, testIo } from '../support/engine.ts';

let cluster: EmbeddedCluster;
beforeAll(async () => {
  cluster = await testCluster({ name: 'shop' });
}, 120_000);

/** The engine's own words on what it was started with, in the newest log of a backup. */
function beginOf(log: string): string {
  return (
    readFileSync(log, 'utf8')
      .split('\n')
      .find((line) => line.includes('command begin')) ?? ''
  );
}

async function backup(requestKey: string): Promise<{ readonly begin: string; readonly made: BackupRecord }> {
  const { backup: made } = await engineOf(cluster).backup({ type: 'full', requestKey, repository: 1 }, testIo());
  const folder = join(cluster.policy().evidenceDirectory, 'engine-logs');
  const [newest] = readdirSync(folder).sort((a, b) => statSync(join(folder, b)).mtimeMs - statSync(join(folder, a)).mtimeMs);
  return { begin: beginOf(join(folder, newest ?? '')), made };
}

async function restore(made: BackupRecord): Promise<{ readonly begin: string; readonly restoreCommand: string }> {
  const { root, ...folders } = restoreFolders(cluster);
  const target = { kind: 'lsn', lsn: made.stopLsn, exclusive: true } as const;
  await engineOf(cluster).restore({ label: made.label, repository: 1, target, action: 'pause', ...folders }, testIo());
  const recovery = readFileSync(join(folders.dataDirectory, 'postgresql.auto.conf'), 'utf8');
  return { begin: beginOf(join(folders.logDirectory, 'restore.log')), restoreCommand: /^restore_command = (.*)$/m.exec(recovery)?.[1] ?? '' };
}

test('a backup and a restore wait 15 s, and so does the replay that follows', async () => {
  const { begin, made } = await backup('first');
  expect(begin).toContain(' --io-timeout=15 ');
  const restored = await restore(made);
  expect(restored.begin).toContain(' --io-timeout=15 ');
  expect(restored.restoreCommand).toContain('--io-timeout=15');
});

test('what the configuration says counts, for the commands it says it of', async () => {
  const text = readFileSync(cluster.configFile, 'utf8');
  writeFileSync(cluster.configFile, `${text}\n[global:backup]\nio-timeout=45\n`);
  const { begin, made } = await backup('second');
  expect(begin).toContain(' --io-timeout=45 ');
  expect((await restore(made)).begin).toContain(' --io-timeout=15 ');
  // a question never waits longer than its own bound
  expect((await engineOf(cluster).info(1)).backups).toHaveLength(2);
});

/** From where to where a repository reaches, looked at on a real one. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { observeArchive } from '../../activities/backup/archive-gauge.ts';
import type { EvidenceStore, MarkerStore } from '../../activities/backup/ports.ts';
import { createBackupSteps } from '../../activities/backup/steps.ts';
import type { Observation } from '../../domain/observation.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { backupDependencies } from '../../workers/dependencies.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { filesBelow } from '../support/damaged.ts';
import { engineOf, eventually, nextSegment, testIo } from '../support/engine.ts';

let cluster: EmbeddedCluster;
beforeAll(async () => {
  cluster = await testCluster();
}, 120_000);

type Seen<K extends Observation['kind']> = Extract<Observation, { kind: K }>;

async function look(policy = cluster.policy()) {
  const seen: Observation[] = [];
  const failure = await observeArchive(depsOf(policy, seen), policy).then(
    () => null,
    (error: unknown) => error,
  );
  const of = <K extends Observation['kind']>(kind: K) => seen.find((each): each is Seen<K> => each.kind === kind);
  return { window: of('window-measured'), archive: of('archive-measured'), failure };
}

function depsOf(policy: ClusterPolicy, seen: Observation[]) {
  // no marker is asked for, and nothing was proven
  const [evidence, markerStore] = [{ provenBackups: async () => [] } as unknown as EvidenceStore, {} as MarkerStore];
  return backupDependencies({ host: policy.host, observe: (each) => void seen.push(each), evidence, markerStore, io: () => testIo() });
}

const seconds = (instant: string | null | undefined) => Date.parse(instant ?? '') / 1000;
const repository = { kind: 'window-measured', repository: 1 };

test('nothing is reachable before there is a backup', async () => {
  expect((await look()).window).toMatchObject({ ...repository, oldest: null, newest: null });
});

test('it begins where the oldest backup is consistent, and its end moves with what arrives', async () => {
  const { backup } = await engineOf(cluster).backup({ type: 'full', requestKey: 'first', repository: 1 }, testIo());
  await nextSegment(cluster);
  const first = (await look()).window;
  expect(seconds(first?.oldest)).toBe(seconds(backup.stoppedAt) + 1);
  // the repository tells arrivals in whole seconds
  const then = await eventually(async () => {
    await nextSegment(cluster);
    const { window } = await look();
    return seconds(window?.newest) > seconds(first?.newest) ? window : null;
  }, 'a later end');
  expect(then.oldest).toBe(first?.oldest);
});

test('behind a gap it ends, whatever arrives later; a new backup opens it again', async () => {
  const lost = await nextSegment(cluster);
  const before = (await look()).window;
  for (const file of filesBelow(cluster.repositoryPath, new RegExp(`/${lost}-`))) rmSync(file);
  await nextSegment(cluster);
  await nextSegment(cluster);
  const cut = await look();
  expect(cut.archive?.gaps).toBe(1);
  expect(seconds(cut.window?.newest)).toBeLessThanOrEqual(seconds(before?.newest));
  const { backup } = await engineOf(cluster).backup({ type: 'full', requestKey: 'second', repository: 1 }, testIo());
  const again = (await look()).window;
  expect(again?.oldest).toBe(before?.oldest);
  expect(seconds(again?.newest)).toBeGreaterThan(seconds(backup.stoppedAt));
});

test('a source that does not answer leaves the window known, and the lag not', async () => {
  const before = (await look()).window;
  await cluster.stop('immediate');
  const { window, archive } = await look();
  await cluster.start();
  expect(window).toEqual(before);
  expect(archive).toBeUndefined();
});

test('a repository that does not answer hides no other: neither from gauges nor from whoever asks', async () => {
  const config = join(cluster.directory, 'two.conf');
  writeFileSync(config, readFileSync(cluster.configFile, 'utf8').replace('[global]', '[global]\nrepo2-path=/dev/null/none'), { mode: 0o600 });
  execFileSync('chown', ['--reference', cluster.configFile, config]);
  const policy = cluster.policy((each) => ({ ...each, engine: { ...each.engine, config } }));
  const { window, archive, failure } = await look(policy);
  expect([window?.repository, archive?.repository]).toEqual([1, 1]);
  expect(failure).toMatchObject({ code: expect.any(String) });
  const status = await createBackupSteps(depsOf(policy, [])).reportStatus({ policy });
  expect(status).toMatchObject({ archive: [{ repository: 1 }], unreachable: [{ repository: 2, reason: expect.stringContaining('/dev/null/none') }] });
  expect(status.backups.length).toBeGreaterThan(0);
});

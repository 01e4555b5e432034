/** Steps on a clone that are made once more after their worker was killed: what an attempt before them left must not change the verdict. */
import { beforeAll, expect, it } from 'vitest';
import { createCloneChecks } from '../../activities/backup/checks/clone-checks.ts';
import { foldersOf } from '../../activities/backup/clone/layout.ts';
import { readServerState, stopServer } from '../../activities/backup/clone/server.ts';
import type { CloneChecks } from '../../activities/backup/ports.ts';
import type { CloneRef, Marker } from '../../domain/backup/model.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { shopWithMarkers } from './checks-support.ts';
import { type Bench, cloneAt, quietIo, upTo } from './clone-support.ts';

let bench: Bench;
let policy: ClusterPolicy;
let checks: CloneChecks;
let marker: Marker;

beforeAll(async () => {
  ({ bench, policy, shop: marker } = await shopWithMarkers());
  checks = createCloneChecks({ readSecret: () => '' });
}, 120_000);

/** As the step does: opens the clone for writing, checks it, and leaves it stopped. */
async function structure(clone: CloneRef) {
  await bench.clones.promote(policy, clone, quietIo());
  const results = await checks.structure(policy, clone, { depth: 'plain' }, quietIo());
  return results.map(({ name, database, outcome }) => `${name} ${database ?? '-'} ${outcome}`);
}

it('structure is checked again where the attempt before had stopped the clone already', async () => {
  const { clone } = await cloneAt(bench, policy, { id: 'again', target: upTo(marker.lsn) });
  const first = await structure(clone);
  expect(first.filter((each) => each.endsWith('unusable') || each.endsWith('failed'))).toEqual([]);
  expect(await structure(clone)).toEqual(first);
  await bench.clones.wipe(clone);
});

it('a clone whose server died while it was paused goes to the same target again before it is promoted', async () => {
  const { clone } = await cloneAt(bench, policy, { id: 'died', target: upTo(marker.lsn) });
  const folders = foldersOf(clone.directory);
  process.kill(readServerState(folders)?.pid ?? 0, 'SIGKILL');
  await stopServer(folders, 'immediate');
  const results = await structure(clone);
  expect(results.filter((each) => each.endsWith('unusable') || each.endsWith('failed'))).toEqual([]);
  await bench.clones.wipe(clone);
});

/** Steps on a clone that are made once more after their worker was killed: what an attempt before them left must not change the verdict. */
import { beforeAll, expect, it } from 'vitest';
import { createCloneChecks } from '../../activities/backup/checks/clone-checks.ts';
import { withClone } from '../../activities/backup/clone/connection.ts';
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

it('recovery that was put aside between its word that it pauses and the pause is waited for', async () => {
  const target = upTo(marker.lsn);
  const { clone } = await cloneAt(bench, policy, { id: 'aside', target });
  const recovery = await withClone({ policy, clone }, {}, async (client) => {
    const { rows } = await client.query<{ pid: number }>("select pid from pg_stat_activity where backend_type = 'startup'");
    const pid = rows[0]?.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    // the word stands in the log already: this is the moment after it
    await client.query('select pg_wal_replay_resume()');
    await client.query('select pg_wal_replay_pause()');
    return pid;
  });
  const phases: unknown[] = [];
  const asked = bench.clones.start(policy, clone, target, { ...quietIo(), beat: (progress) => phases.push(progress) });
  await Promise.race([asked, expect.poll(() => phases, { timeout: 20_000 }).toContainEqual({ phase: 'pause' })]);
  process.kill(recovery, 'SIGCONT');
  expect((await asked).reached).toMatchObject({ paused: true, replayLsn: marker.lsn });
  await bench.clones.wipe(clone);
});

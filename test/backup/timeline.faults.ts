/**
 * A restored cluster goes live as its notes say: a timeline of its own in the same archive. Restores go on to lead everywhere,
 * before the switch and after it; and proofs touch nothing, whether the source lives, moves on, or is gone.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../activities/process.ts';
import type { BackupRecord, RecoveryTarget } from '../../domain/backup/model.ts';
import type { BackupRestoreInput, BackupRestoreResult } from '../../domain/backup/requests.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import { asAssayError } from '../../ops/client/failures.ts';
import { eventually } from '../support/engine.ts';
import { freshKey, startBackup, startProof, useFleet } from '../support/fleet.ts';
import { filesIn, inventory } from '../support/repository.ts';
import { askRestored, stopAfterwards, stopAllRestored } from '../support/restored.ts';

const fleet = useFleet();
let first: BackupRecord;
const moments: Record<string, string> = {};

beforeAll(async () => {
  await fleet.get().cluster.sql('create table step (name text primary key)');
  first = (await (await startBackup(fleet.get())).result()).backup;
  await untilAfter(first.stoppedAt, 1_000);
  await step('one');
  await step('two');
  await step('lost');
  await archived();
}, 180_000);

afterAll(stopAllRestored);

describe('a proof touches nothing', { timeout: 180_000 }, () => {
  test('with the source alive, only segments of its own appear in the repository', async () => {
    const { cluster } = fleet.get();
    const before = new Map(filesIn(cluster.repositoryPath));
    await step('kept by nobody');
    expect(await (await startProof(fleet.get())).result()).toMatchObject({ verdict: 'proven', level: 'content' });
    const after = new Map(filesIn(cluster.repositoryPath));
    const changed = [...after].filter(([path, sum]) => before.get(path) !== sum).map(([path]) => path);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.filter((path) => !OWN_SEGMENT.test(path))).toEqual([]);
    expect([...before.keys()].filter((path) => !after.has(path))).toEqual([]);
  });

  test('with the source gone it is made from what was archived, and nothing at all appears', async () => {
    const { cluster } = fleet.get();
    await archived();
    await cluster.stop('immediate');
    const before = inventory(cluster.repositoryPath);
    try {
      expect(await (await startProof(fleet.get())).result()).toMatchObject({ verdict: 'proven', level: 'content', backup: first.label });
      expect(inventory(cluster.repositoryPath)).toEqual(before);
    } finally {
      await cluster.start();
    }
  });
});

describe('a restored cluster that goes live', { timeout: 240_000 }, () => {
  let second: BackupRecord;
  /** Of the old cluster, and behind the moment at which the new one branches off. */
  let left: BackupRecord;

  test('archives on a timeline of its own, whose history leads back to the old one', async () => {
    const { cluster } = fleet.get();
    left = (await (await startBackup(fleet.get(), { prove: 'none' })).result()).backup;
    const { into, result } = await restore({ kind: 'time', at: moments.two ?? '' });
    expect(result.proof.verdict).toBe('proven');
    expect(await stepsOf(into)).toEqual(['one', 'two']);
    await cluster.stop('fast');
    await askRestored(into, 'alter system set archive_mode = on');
    await run({ argv: [join(cluster.binaries, 'pg_ctl'), '-D', `${into}/data`, 'stop'], as: cluster.osUser, deadlineMs: 30_000 });
    execFileSync('mv', [cluster.dataDirectory, `${cluster.dataDirectory}.old`]);
    execFileSync('mv', [`${into}/data`, cluster.dataDirectory]);
    await cluster.start();
    second = (await (await startBackup(fleet.get())).result()).backup;
    expect(second.timeline).toBe(2);
    await eventually(() => filesIn(cluster.repositoryPath).some(([path]) => path.endsWith('/00000002.history')), 'the history');
    await untilAfter(second.stoppedAt, 1_000);
    await step('three');
    await step('four');
    await archived();
  });

  test('can be restored to a moment of its own', async () => {
    const { into, result } = await restore({ kind: 'time', at: moments.three ?? '' });
    expect(result.proof).toMatchObject({ verdict: 'proven', backup: second.label });
    expect(await stepsOf(into)).toEqual(['one', 'three', 'two']);
  });

  test('can be restored to a moment before it was', async () => {
    const { into, result } = await restore({ kind: 'time', at: moments.one ?? '' });
    expect(result.proof).toMatchObject({ verdict: 'proven', backup: first.label });
    // also of a stop from which recovery read on, up to the new timeline
    const stops = result.proof.because.filter((each) => each.includes(' reached: '));
    expect(stops.length).toBeGreaterThan(1);
    expect(stops.filter((each) => !each.endsWith('on timeline 1'))).toEqual([]);
    expect(await stepsOf(into)).toEqual(['one']);
  });

  test('a backup of before the switch leads on to a moment after it', async () => {
    const { into, result } = await restore({ kind: 'time', at: moments.three ?? '' }, first.label);
    expect(result.proof).toMatchObject({ verdict: 'proven', backup: first.label });
    expect(await stepsOf(into)).toEqual(['one', 'three', 'two']);
  });

  test('leaves a backup behind that no recovery passes any more: inconclusive, timeline-switched, and a restore from it is refused', async () => {
    expect(await (await startProof(fleet.get(), { backup: left.label })).result()).toMatchObject({ verdict: 'inconclusive', cause: 'timeline-switched' });
    const refused = await restore({ kind: 'time', at: moments.three ?? '' }, left.label).catch((error: unknown) => error);
    expect(asAssayError(refused, { address: '', what: '' })).toMatchObject({ code: 'target-unreachable', message: expect.stringContaining('left behind') });
  });

  test('is proven by content, and so is what it came from', async () => {
    const [newest, older] = await Promise.all([startProof(fleet.get()), startProof(fleet.get(), { backup: first.label })]);
    expect(await newest.result()).toMatchObject({ verdict: 'proven', level: 'content', backup: second.label });
    expect(await older.result()).toMatchObject({ verdict: 'proven', level: 'content', backup: first.label });
  });
});

/** On the source's timeline; one that is just being written has another ending. */
const OWN_SEGMENT = /\/archive\/shop\/\d+-1\/0000000100000000\/00000001[0-9A-F]{16}-[0-9a-f]{40}\.zst(\.pgbackrest\.tmp)?$/;

/** A row, and the moment at which it was there and the next one was not. */
async function step(name: string): Promise<void> {
  const { cluster } = fleet.get();
  await cluster.sql('insert into step values ($1)', { params: [name] });
  const [row] = await cluster.sql<{ at: Date }>('select clock_timestamp() as at');
  moments[name] = new Date((row as { at: Date }).at.getTime() + 5).toISOString();
  await untilAfter(moments[name], 10);
}

const stepsOf = async (into: string) => (await askRestored<{ name: string }>(into, 'select name from step order by name')).map(({ name }) => name);

const untilAfter = (at: string, ms: number) => eventually(() => Date.now() > Date.parse(at) + ms, 'the clock');

/** Everything up to here lies in the repository; one more commit follows, which a time needs to stop before. */
async function archived(): Promise<void> {
  const { cluster } = fleet.get();
  await cluster.sql('create table if not exists later (at timestamptz)');
  await cluster.sql('insert into later values (now())');
  const [row] = await cluster.sql<{ name: string }>('select pg_walfile_name(pg_switch_wal()) as name');
  const name = row?.name ?? '';
  await eventually(() => filesIn(cluster.repositoryPath).some(([path]) => path.includes(`/${name}-`)), `segment ${name}`);
}

let folders = 0;

async function restore(target: RecoveryTarget, backup?: string): Promise<{ readonly into: string; readonly result: BackupRestoreResult }> {
  const parent = join(fleet.get().directory, 'restored');
  if (!existsSync(parent)) mkdirSync(parent, { mode: 0o755 });
  const into = stopAfterwards(join(parent, `r${++folders}`), fleet.get().cluster);
  const client = await fleet.get().client();
  const requestKey = freshKey();
  const result = await client.workflow.execute<(input: BackupRestoreInput) => Promise<BackupRestoreResult>>('backupRestore', {
    workflowId: workflowIds.backupRestore('shop', requestKey),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', target, into, requestKey, ...(backup === undefined ? {} : { backup }) }],
  });
  return { into, result };
}

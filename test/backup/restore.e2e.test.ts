/** Restores through the fleet: to a time, a position, a name and a transaction, under traffic; refused, cancelled, interrupted. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAlive } from '../../activities/process-alive.ts';
import type { BackupRecord, RecoveryTarget } from '../../domain/backup/model.ts';
import type { BackupRestoreInput, BackupRestorePointInput, BackupRestorePointResult, BackupRestoreResult } from '../../domain/backup/requests.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import type { EmbeddedFleet } from '../../workers/embedded/embedded-fleet.ts';
import { assay } from '../support/assay-command.ts';
import { eventually } from '../support/engine.ts';
import { fillTable, freshKey, startBackup, startProof, useFleet } from '../support/fleet.ts';
import { asFound, askRestored, enginesAt, stopAfterwards, stopAllRestored } from '../support/restored.ts';

const fleet = useFleet();
let backup: BackupRecord;
/** What was asked for, while rows came in all the time. */
const targets: { time: RecoveryTarget; name: RecoveryTarget; xid: RecoveryTarget; justBefore: RecoveryTarget } = {} as never; // filled below
let point: { readonly seenBefore: number; readonly firstAfter: number };
let chosen: { readonly id: number; readonly xid: string };

beforeAll(async () => {
  await fillTable(fleet.get(), 60_000);
  ({ backup } = await (await startBackup(fleet.get())).result());
  await eventually(() => Date.now() > Date.parse(backup.stoppedAt) + 1_000, 'the second after the backup');
  const traffic = await startTraffic(fleet.get());
  await traffic.more(20);
  const [row] = await fleet.get().cluster.sql<{ at: Date }>('select clock_timestamp() as at');
  targets.time = { kind: 'time', at: (row as { at: Date }).at.toISOString() };
  await traffic.more(20);
  chosen = traffic.last();
  targets.xid = { kind: 'xid', xid: chosen.xid, exclusive: false };
  targets.justBefore = { kind: 'xid', xid: chosen.xid, exclusive: true };
  await traffic.more(20);
  const seenBefore = traffic.last().id;
  await restorePoint(fleet.get(), 'before_migration');
  point = { seenBefore, firstAfter: traffic.last().id + 1 };
  targets.name = { kind: 'name', name: 'before_migration' };
  await traffic.more(20);
  await traffic.stop();
  // a marker after everything, and all WAL up to here in the repository
  expect(await (await startProof(fleet.get())).result()).toMatchObject({ verdict: 'proven' });
  // from here on the newest backup leads to none of the targets
  await (await startBackup(fleet.get(), { type: 'incremental', prove: 'none' })).result();
}, 180_000);

afterAll(stopAllRestored);

/** Ids that the source committed up to a moment of its own clock. */
const committedBy = (at: string) => ids(`pg_xact_commit_timestamp(xmin) <= '${at}'::timestamptz`);

async function ids(condition: string): Promise<number[]> {
  const rows = await fleet.get().cluster.sql<{ id: number }>(`select id from tick where ${condition} order by id`);
  return rows.map(({ id }) => id);
}

const restoredIds = async (into: string) => (await askRestored<{ id: number }>(into, 'select id from tick order by id')).map(({ id }) => id);

describe('a restore', { timeout: 90_000 }, () => {
  test('to a time brings back what was committed by then, no more and no less', async () => {
    const { into, result } = await restored(targets.time);
    expect(result.proof).toMatchObject({ verdict: 'proven', level: 'content', backup: backup.label });
    expect(result).toMatchObject({ directory: into, dataDirectory: `${into}/data`, socket: `${into}/socket` });
    expect(result.goLive.length).toBeGreaterThan(3);
    const { at } = targets.time as { at: string };
    const expected = await committedBy(at);
    expect(expected.length).toBeGreaterThan(10);
    expect(await restoredIds(into)).toEqual(expected);
    const [state] = await askRestored(into, 'select pg_is_in_recovery() as r, current_setting($$archive_mode$$) as a, current_setting($$fsync$$) as f');
    expect(state).toEqual({ r: false, a: 'off', f: 'on' });
    expect((await askRestored(into, 'select count(*)::int as rows from account'))[0]).toEqual({ rows: 60_000 });
  });

  test('to a name holds all that was committed before the point was made, and nothing after it was there', async () => {
    const { into, result } = await restored(targets.name);
    // its place was looked for in the WAL: from the right backup, and by the marker before it
    expect(result.proof).toMatchObject({ verdict: 'proven', level: 'content', backup: backup.label });
    const found = await restoredIds(into);
    expect(found).toEqual(expect.arrayContaining(await ids(`id <= ${point.seenBefore}`)));
    expect(Math.max(...found)).toBeLessThan(point.firstAfter);
  });

  test('to a transaction holds it; --exclusive does not', async () => {
    const [inclusive, exclusive] = await Promise.all([restored(targets.xid), restored(targets.justBefore)]);
    expect([inclusive.result.proof.verdict, exclusive.result.proof.verdict]).toEqual(['proven', 'proven']);
    // one writer: ids come in the order of their commits
    expect(await restoredIds(inclusive.into)).toEqual(await ids(`id <= ${chosen.id}`));
    expect(await restoredIds(exclusive.into)).toEqual(await ids(`id < ${chosen.id}`));
  });
});

describe('refused before anything starts', { timeout: 60_000 }, () => {
  test.each([
    ['too early', { kind: 'time', at: '2020-01-01T00:00:00.000Z' }, 'after: '],
    ['too late', { kind: 'lsn', lsn: 'FF/0', exclusive: false }, 'before: '],
    ['a name that nobody gave', { kind: 'name', name: 'never' }, 'before: '],
    ['a transaction that never was', { kind: 'xid', xid: '4000000000', exclusive: false }, 'before: '],
  ] as const)('%s', async (_, target, nearest) => {
    const into = folder();
    expect(await refusal(target, into)).toMatchObject({ type: 'target-unreachable', details: [{ nearest: expect.stringContaining(nearest) }] });
    expect(existsSync(into)).toBe(false);
  });

  test('a folder that is not empty', async () => {
    const into = folder();
    mkdirSync(into);
    writeFileSync(join(into, 'mine'), '');
    expect(await refusal(targets.time, into)).toMatchObject({ type: 'directory-not-empty' });
    expect(readdirSync(into)).toEqual(['mine']);
  });

  test('a folder in one that is not there', async () => {
    expect(await refusal(targets.time, join(folder(), 'deeper'))).toMatchObject({ type: 'usage' });
  });

  test('the command exits with 5 and names the nearest', async () => {
    const into = folder();
    const argv = ['backup', 'restore', 'shop', '--to-time', '2020-01-01T00:00:00Z', '--into', into];
    const { exit, json } = await assay(argv, fleet.get().env);
    expect({ exit, code: json.error.code }).toEqual({ exit: 5, code: 'target-unreachable' });
    expect(json.error.hint).toContain('after: ');
  });

  test('none of them holds back retention', async () => {
    expect(await pins()).toEqual([]);
  });
});

describe('a restore that does not come to its end', { timeout: 90_000 }, () => {
  test('cancelled: the folder is as it was, nothing runs, nothing is pinned', async () => {
    const into = folder();
    mkdirSync(into, { mode: 0o755 });
    const was = asFound(into);
    const request = await startRestore(targets.time, into);
    await eventually(() => existsSync(join(into, 'lock/assay-restore.begun')), 'the engine to begin');
    expect((await pins()).length).toBeGreaterThan(0);
    await request.cancel();
    await expect(request.result()).rejects.toThrow(WorkflowFailedError);
    expect(asFound(into)).toEqual(was);
    expect(enginesAt(into)).toEqual([]);
    expect(await pins()).toEqual([]);
  });

  test('worker killed while the engine copies: the next one ends that engine and begins anew', async () => {
    const into = stopAfterwards(folder(), fleet.get().cluster);
    const request = await startRestore(targets.time, into);
    const engines = await stoppedEngines(into);
    await fleet.get().worker?.kill('SIGKILL');
    await fleet.get().startWorker();
    const { proof } = await request.result();
    expect(proof.verdict).toBe('proven');
    expect(engines.filter(isAlive)).toEqual([]);
    expect(await restoredIds(into)).toEqual(await committedBy((targets.time as { at: string }).at));
  });

  test('worker killed, then cancelled: the engine left behind is ended, and the folder gone', async () => {
    const into = folder();
    const request = await startRestore(targets.time, into);
    const engines = await stoppedEngines(into);
    await fleet.get().worker?.kill('SIGKILL');
    await request.cancel();
    await fleet.get().startWorker();
    await expect(request.result()).rejects.toThrow(WorkflowFailedError);
    expect(engines.filter(isAlive)).toEqual([]);
    expect(existsSync(into)).toBe(false);
    expect(await pins()).toEqual([]);
  });
});

let folders = 0;

/** A path in a folder that the server's user may enter; nothing is there yet. */
function folder(): string {
  const parent = join(fleet.get().directory, 'restored');
  if (!existsSync(parent)) mkdirSync(parent, { mode: 0o755 });
  return join(parent, `r${++folders}`);
}

async function startRestore(target: RecoveryTarget, into: string) {
  const client = await fleet.get().client();
  const requestKey = freshKey();
  return client.workflow.start<(input: BackupRestoreInput) => Promise<BackupRestoreResult>>('backupRestore', {
    workflowId: workflowIds.backupRestore('shop', requestKey),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', target, into, requestKey }],
  });
}

async function restored(target: RecoveryTarget): Promise<{ readonly into: string; readonly result: BackupRestoreResult }> {
  const into = stopAfterwards(folder(), fleet.get().cluster);
  return { into, result: await (await startRestore(target, into)).result() };
}

async function refusal(target: RecoveryTarget, into: string): Promise<ApplicationFailure> {
  const error: unknown = await (await startRestore(target, into)).result().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause instanceof ApplicationFailure) return cause;
  throw new Error('it was not refused', { cause: error });
}

/** Pids of the engine's processes, which stand still from here on: what they would write later must reach nobody. */
async function stoppedEngines(into: string): Promise<readonly number[]> {
  const pids = await eventually(() => (enginesAt(into).length > 0 ? enginesAt(into) : null), 'the engine');
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  return pids;
}

async function restorePoint(of: EmbeddedFleet, name: string): Promise<BackupRestorePointResult> {
  const client = await of.client();
  return client.workflow.execute<(input: BackupRestorePointInput) => Promise<BackupRestorePointResult>>('backupRestorePoint', {
    workflowId: workflowIds.backupRestorePoint('shop', name),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', name }],
  });
}

async function pins(): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: fleet.get().control.url });
  await client.connect();
  try {
    return (await client.query<{ label: string }>('select label from assay_control.pin')).rows.map(({ label }) => label);
  } finally {
    await client.end();
  }
}

interface Traffic {
  /** Waits until so many more rows were committed. */
  more(rows: number): Promise<void>;
  last(): { readonly id: number; readonly xid: string };
  stop(): Promise<void>;
}

/** One row after the other, each its own transaction. */
async function startTraffic({ cluster }: EmbeddedFleet): Promise<Traffic> {
  await cluster.sql('create table tick (id int generated always as identity primary key, at timestamptz default clock_timestamp())');
  const client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database: 'postgres' });
  await client.connect();
  let last = { id: 0, xid: '0' };
  let going = true;
  const ended = (async () => {
    while (going) {
      const { rows } = await client.query<{ id: number; xid: string }>('insert into tick default values returning id, pg_current_xact_id()::text as xid');
      last = rows[0] ?? last;
    }
    await client.end();
  })();
  return {
    more: async (rows) => {
      const wanted = last.id + rows;
      await eventually(() => last.id >= wanted, 'traffic');
    },
    last: () => last,
    stop: async () => {
      going = false;
      await ended;
    },
  };
}

import { beforeAll, describe, expect, test, vi } from 'vitest';
import { AssayError } from '../../domain/errors.ts';
import { workflowIds } from '../../domain/ids.ts';
import { follow } from '../../ops/cli/follow.ts';
import { connectAssay } from '../../ops/client/connect.ts';
import { connectingTo, run, testTerminal } from '../cli/terminal.ts';
import { useCannedFleet } from '../support/canned-fleet.ts';

const canned = useCannedFleet();
const client = async () => (await canned.get().client()).backup;
const thrown = async (promise: Promise<unknown>): Promise<AssayError> => {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof AssayError) return error;
  throw new Error(`no AssayError was thrown but ${String(error)}`);
};

describe('a key is one request', () => {
  test('the same request joins the run that goes on, and both get its result', async () => {
    const backup = await client();
    const first = await backup.start('run', { cluster: 'slow-join', type: 'full', requestKey: 'k1' });
    const second = await backup.start('run', { type: 'full', cluster: 'slow-join', requestKey: 'k1' });
    expect([first.joined, second.joined]).toEqual([false, true]);
    await canned.get().signal(first.workflowId, 'go');
    expect((await second.result()).backup).toEqual((await first.result()).backup);
  });

  test('after its end it still is that request: nothing is started', async () => {
    const backup = await client();
    const input = { cluster: 'proven', type: 'full', requestKey: 'k2' } as const;
    const result = await backup.run(input);
    const again = await backup.start('run', input);
    expect(again.joined).toBe(true);
    expect(await again.result()).toEqual(result);
    await expect.poll(() => canned.get().runsOf(workflowIds.backupRun('proven', 'k2')), { timeout: 20_000 }).toBe(1);
  });

  test('other options under the same key are refused', async () => {
    const backup = await client();
    await backup.run({ cluster: 'proven', type: 'full', requestKey: 'k3' });
    expect(await thrown(backup.run({ cluster: 'proven', type: 'incremental', requestKey: 'k3' }))).toMatchObject({ code: 'refused-by-guard', exit: 5 });
  });

  test('without a key every call is a request of its own', async () => {
    const backup = await client();
    const [a, b] = [await backup.start('run', { cluster: 'proven', type: 'full' }), await backup.start('run', { cluster: 'proven', type: 'full' })];
    expect(a.workflowId).not.toBe(b.workflowId);
    expect((await a.result()).backup.requestKey).toBe(a.key);
  });

  test('a run that a plain Temporal call started is joined by its id', async () => {
    const { environment } = canned.get();
    const workflowId = workflowIds.backupRun('proven', 'shell');
    await environment.client.workflow.execute('backupRun', { workflowId, taskQueue: 'assay', args: [{ cluster: 'proven', type: 'full' }] });
    const request = await (await client()).start('run', { cluster: 'proven', type: 'full', requestKey: 'shell' });
    expect(request.joined).toBe(true);
    expect((await request.result()).proof?.verdict).toBe('proven');
  });
});

describe('what the fleet threw arrives as an error of our catalogue', () => {
  test('of the workflow itself, with its values and its hint', async () => {
    const error = await thrown((await client()).run({ cluster: 'refused', type: 'full' }));
    expect(error).toMatchObject({ code: 'preflight-refused', exit: 5, hint: 'mend archive_command first', values: { reason: 'archiving does not arrive' } });
  });
  test('of a step', async () => {
    const error = await thrown((await client()).run({ cluster: 'broken', type: 'full' }));
    expect(error).toMatchObject({ code: 'repository-unreachable', exit: 4, message: 'repository 1 of stanza shop does not answer: no route' });
  });
  test('a cancelled run', async () => {
    const request = await (await client()).start('run', { cluster: 'slow-cancel', type: 'full' });
    await request.cancel();
    expect(await thrown(request.result())).toMatchObject({ code: 'cancelled', exit: 3 });
  });
  test('a terminated run', async () => {
    const request = await (await client()).start('run', { cluster: 'slow-end', type: 'full' });
    await canned.get().environment.client.workflow.getHandle(request.workflowId).terminate();
    expect((await thrown(request.result())).message).toContain('terminated');
  });
  test('a server that is not there', async () => {
    const error = await thrown(connectAssay({ address: '127.0.0.1:1', connectTimeoutMs: 1_000 }));
    expect(error).toMatchObject({ code: 'temporal-unreachable', exit: 4 });
  });
  test('a namespace that is not there', async () => {
    const assay = await canned.get().client({ namespace: 'nowhere', workerPatienceMs: 0 });
    expect(await thrown(assay.backup.run({ cluster: 'proven', type: 'full' }))).toMatchObject({ code: 'temporal-unreachable' });
  });
  test('a request that nobody made', async () => {
    expect(await thrown((await client()).find('run', 'proven', 'never'))).toMatchObject({ code: 'usage' });
    expect(await (await client()).findAny('proven', 'never')).toBeNull();
  });
});

describe('progress', () => {
  test('is what the run says', async () => {
    const request = await (await client()).start('run', { cluster: 'slow-progress', type: 'full' });
    await expect.poll(async () => (await request.progress()).phase, { timeout: 20_000 }).toBe('backup');
    expect(await request.progress()).toMatchObject({ running: true, stalled: null, detail: 'full backup into repository 1' });
    await canned.get().signal(request.workflowId, 'go');
    await request.result();
    expect(await request.progress()).toMatchObject({ running: false, phase: 'ended' });
  });
  test('names the queue that nobody polls', async () => {
    const request = await (await client()).start('run', { cluster: 'nobody', type: 'full' });
    await expect
      .poll(async () => (await request.progress()).stalled, { timeout: 30_000 })
      .toMatchObject({ queue: 'assay@db1', host: 'db1', step: 'takeBackup' });
    await request.cancel();
  });
});

test('a restore point is there once it is archived; its name is its key', async () => {
  const backup = await client();
  const point = await backup.restorePoint('proven', 'before migration 7');
  expect(point).toEqual({ name: 'before migration 7', lsn: '0/4000000', archivedAt: '2026-11-21T09:00:00Z' });
  expect(await backup.restorePoint('proven', 'before migration 7')).toEqual(point);
  expect(await thrown(backup.restorePoint('proven', 'ä'.repeat(32)))).toMatchObject({ code: 'usage' });
});

describe('waiting for a proof', () => {
  test('of a request, also one that is not made yet', async () => {
    const backup = await client();
    const waiting = backup.waitForProof({ cluster: 'slow-proof', requestKey: 'w1' });
    const request = await backup.start('run', { cluster: 'slow-proof', type: 'full', requestKey: 'w1' });
    await canned.get().signal(request.workflowId, 'go');
    expect((await waiting).verdict).toBe('proven');
  });
  test('of a backup by its label', async () => {
    expect(await (await client()).waitForProof({ cluster: 'failed', backup: '20261121-090000F' })).toMatchObject({ verdict: 'failed', cause: 'wal-gap' });
    expect(await thrown((await client()).waitForProof({ cluster: 'failed', backup: 'no-such' }))).toMatchObject({ code: 'backup-unknown' });
  });
  test('ends when patience does', async () => {
    const backup = await client();
    await backup.start('run', { cluster: 'slow-patience', type: 'full', requestKey: 'w2' });
    expect(await thrown(backup.waitForProof({ cluster: 'slow-patience', requestKey: 'w2', patienceMs: 300 }))).toMatchObject({ code: 'cancelled' });
  });
});

test('status is one answer for all who ask at once', async () => {
  const backup = await client();
  const [a, b] = await Promise.all([backup.status('proven'), backup.status('proven')]);
  expect(a.backups).toEqual(b.backups);
});

test('status says what runs, by the record of Temporal', async () => {
  const backup = await client();
  const request = await backup.start('run', { cluster: 'slowly', type: 'full' });
  await expect
    .poll(async () => (await statusWhile(backup)).running, { timeout: 20_000 })
    .toMatchObject([{ workflowId: request.workflowId, workflow: 'backupRun' }]);
  await canned.get().signal(request.workflowId, 'go');
  await expect.poll(async () => (await statusWhile(backup)).running, { timeout: 20_000 }).toEqual([]);
});

/** The script makes everything of a `slow…` cluster wait, its status too. */
async function statusWhile(backup: Awaited<ReturnType<typeof client>>) {
  const answer = backup.status('slowly');
  await expect
    .poll(() =>
      canned
        .get()
        .signal('backup/slowly/status', 'go')
        .then(
          () => true,
          () => false,
        ),
    )
    .toBe(true);
  return answer;
}

describe('where no worker is', () => {
  const idle = async (workerPatienceMs: number) => (await canned.get().client({ namespace: 'idle', workerPatienceMs })).backup;
  beforeAll(async () => {
    const { workflowService } = canned.get().environment.connection;
    // a Duration, whose 64-bit seconds the client takes as a number too
    await workflowService.registerNamespace({ namespace: 'idle', workflowExecutionRetentionPeriod: { seconds: 86_400 } as never });
    const isThere = async () => (await (await idle(0)).findAny('proven', 'x').catch(() => 'not yet')) === null;
    await vi.waitUntil(isThere, { timeout: 30_000 });
  }, 60_000);

  test('a request is refused', async () => {
    expect(await thrown((await idle(500)).run({ cluster: 'proven', type: 'full' }))).toMatchObject({ code: 'no-worker', exit: 4 });
  });
  test('a command says that nothing was asked: there is nothing to come back to', async () => {
    const connection = connectingTo({ ...canned.get().options, workerPatienceMs: 500 });
    const { exit, err } = await run('backup run proven --namespace idle', { connection, clusters: async () => ['proven'] }, testTerminal());
    expect([exit, err]).toEqual([4, expect.stringContaining('nothing was asked of the fleet')]);
  });
  test('without patience it is made all the same, waits, and says for whom', async () => {
    const request = await (await idle(0)).start('run', { cluster: 'proven', type: 'full', requestKey: 'later' });
    await expect.poll(async () => (await request.progress()).stalled, { timeout: 30_000 }).toMatchObject({ queue: 'assay', step: 'the workflow' });
    expect(await thrown(follow(request, { terminal: testTerminal(), quiet: true, stallPatienceMs: 0 }))).toMatchObject({ code: 'no-worker' });
  });
  test('status says so instead of waiting for ever', async () => {
    expect(await thrown((await idle(0)).status('proven'))).toMatchObject({ code: 'no-worker', exit: 4 });
  });
});

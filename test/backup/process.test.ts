import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { run, runStreaming } from '../../activities/process.ts';
import { isAlive } from '../../activities/process-alive.ts';

const minute = 60_000;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-process-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const io = (signal = new AbortController().signal) => ({ signal, beat: () => {} });
const sh = (script: string) => ['/bin/sh', '-c', script] as const satisfies [string, ...string[]];

async function until(holds: () => boolean) {
  const end = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error('waited 10 s in vain');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a child process', () => {
  test('gives status and both outputs apart', async () => {
    expect(await run({ argv: sh('echo out; echo err >&2; exit 3'), accept: [3], deadlineMs: minute })).toEqual({ status: 3, stdout: 'out', stderr: 'err' });
  });

  test('fails on a status nobody accepts, with the last lines', async () => {
    const failure = run({ argv: sh('for i in 1 2 3 4 5 6 7 8; do echo line $i; done; exit 4'), deadlineMs: minute });
    await expect(failure).rejects.toMatchObject({ code: 'child-failed', values: { status: 4, lines: expect.stringMatching(/^line 3[\s\S]*line 8$/) } });
  });

  test('never sees a shell: arguments arrive as they are', async () => {
    const { stdout } = await run({ argv: ['/usr/bin/printf', '%s', '$(id); `id` "\' *'], deadlineMs: minute });
    expect(stdout).toBe('$(id); `id` "\' *');
  });

  test("sees neither Assay's variables nor others that may be secrets", async () => {
    vi.stubEnv('ASSAY_CONTROL_URL', 'postgres://assay:secret@localhost/assay');
    vi.stubEnv('SHOP_PASSWORD', 'secret');
    vi.stubEnv('PGBACKREST_REPO1_HOST', 'elsewhere');
    const { stdout } = await run({ argv: ['/usr/bin/env'], env: { LC_ALL: 'C' }, deadlineMs: minute }).finally(() => vi.unstubAllEnvs());
    const names = stdout.split('\n').map((line) => line.split('=')[0]);
    expect(names).toEqual(expect.arrayContaining(['PATH', 'LC_ALL', 'PGBACKREST_REPO1_HOST']));
    expect(names.filter((name) => name?.startsWith('ASSAY_') || name === 'SHOP_PASSWORD')).toEqual([]);
  });

  test('says so when the program does not exist', async () => {
    await expect(run({ argv: ['/nonexistent/program'], deadlineMs: minute })).rejects.toMatchObject({
      code: 'child-failed',
      values: { status: 'not started' },
    });
  });

  test('is ended at its deadline with its whole group', async () => {
    const pids: number[] = [];
    const failure = run({ argv: sh('sleep 300 & echo $!; sleep 300'), deadlineMs: 400, onLine: (line) => pids.push(Number(line)) });
    await expect(failure).rejects.toMatchObject({ code: 'child-failed', values: { status: 'deadline' } });
    expect(pids).toHaveLength(1);
    await until(() => !isAlive(pids[0] as number));
  });

  test('is ended when the step is cancelled, even where it ignores TERM', async () => {
    const stop = new AbortController();
    let pid = 0;
    const failure = run(
      {
        argv: sh('trap "" TERM; echo $$; while :; do sleep 0.1; done'),
        deadlineMs: minute,
        onLine: (line) => {
          pid = Number(line);
          stop.abort();
        },
      },
      io(stop.signal),
    );
    await expect(failure).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => !isAlive(pid));
  });

  test('writes to a private log file that is followed line by line', async () => {
    const log = join(folder, 'run.log');
    const lines: string[] = [];
    await run({ argv: sh('echo one; echo two >&2; printf three'), deadlineMs: minute, log, onLine: (line) => lines.push(line) });
    expect(lines).toEqual(['one', 'two', 'three']);
    expect(readFileSync(log, 'utf8')).toBe('one\ntwo\nthree');
    expect(statSync(log).mode & 0o777).toBe(0o600);
  });

  test('puts the last lines of its log into the error', async () => {
    const log = join(folder, 'run.log');
    await expect(run({ argv: sh('echo reason; exit 9'), deadlineMs: minute, log })).rejects.toMatchObject({ values: { status: 9, lines: 'reason', log } });
  });
});

describe('a streamed child process', () => {
  test('hands over binary output unchanged', async () => {
    const { value, status } = await runStreaming(
      { argv: ['/usr/bin/head', '-c', '1048576', '/dev/zero'], deadlineMs: minute },
      async (stdout) => (await text(stdout)).length,
    );
    expect({ value, status }).toEqual({ value: 1048576, status: 0 });
  });

  test('does not hang when the consumer gives up early', async () => {
    const given = runStreaming({ argv: ['/usr/bin/head', '-c', '4194304', '/dev/zero'], deadlineMs: minute }, async () => {
      throw new Error('enough');
    });
    expect(await given).toMatchObject({ status: 0, failure: expect.objectContaining({ message: 'enough' }) });
  });
});

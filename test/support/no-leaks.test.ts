import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { setup } from './no-leaks.ts';
import { REPORT_FOLDER } from './run-report.ts';

let teardown: () => Promise<void>;
const before = { ...process.env };
beforeEach(() => {
  // whoever runs this suite has nothing to hear of it
  process.env[REPORT_FOLDER] = '';
  teardown = setup();
});
afterEach(() => {
  Object.assign(process.env, before);
});

test('a run that leaves nothing passes', async () => {
  await expect(teardown()).resolves.toBeUndefined();
});

test('a folder that was left behind fails the run, by name', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-'));
  await expect(teardown()).rejects.toThrow(folder);
});

test('a process that was left behind fails the run and is ended', async () => {
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)));
  await expect(teardown()).rejects.toThrow(`process ${child.pid}: sleep 60`);
  expect(await ended).toBe('SIGKILL');
});

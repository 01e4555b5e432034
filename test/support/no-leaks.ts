/** Global set-up of every test run: what a test started or made and did not take away fails the run. */
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processesMarked, RUN_MARKER } from './processes.ts';
import { tellMore } from './run-report.ts';

/** What tools, not tests, put into the temporary folder. */
const FOREIGN = [/^node-compile-cache$/, /^v8-compile-cache/, /^\.?vite/, /^vitest-/];

const SETTLE_MS = 5_000;

/** Gives the run a temporary folder of its own and a mark in the environment that every child process inherits. */
export function setup(): () => Promise<void> {
  const before = process.env.TMPDIR;
  const folder = mkdtempSync(join(tmpdir(), 'at-'));
  // servers that run as another user must get through it
  chmodSync(folder, 0o711);
  process.env.TMPDIR = folder;
  process.env[RUN_MARKER] = folder;
  return async () => {
    const processes = await settled(folder);
    for (const { pid } of processes) process.kill(pid, 'SIGKILL');
    const folders = readdirSync(folder).filter((name) => !FOREIGN.some((pattern) => pattern.test(name)));
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    const leaks = [...processes.map(({ pid, command }) => `process ${pid}: ${command}`), ...folders.map((name) => `folder ${join(folder, name)}`)];
    if (leaks.length === 0) return;
    tellMore();
    throw new Error(`tests left behind (removed now):\n  ${leaks.join('\n  ')}`);
  };
}

/** A child that was just told to end may take a moment; polls until there is none or the time is over. */
async function settled(folder: string): Promise<ReturnType<typeof processesMarked>> {
  const until = Date.now() + SETTLE_MS;
  for (;;) {
    const found = processesMarked(folder);
    if (found.length === 0 || Date.now() > until) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

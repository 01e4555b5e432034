/** Files that a long run leaves for whoever comes after a crash: its log, and the process that may still be running. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { signalGroup } from '../../../process.ts';
import type { Engine } from './command.ts';

const KEPT_LOGS = 50;
const ORPHAN_GRACE_MS = 5_000;
const LOOK_MS = 50;

/** Log of one run, 0600, named by what it is for: the next attempt of the same request finds it. The oldest logs go. */
export function logFileOf(engine: Engine, purpose: string, key: string): string {
  const folder = join(engine.policy.evidenceDirectory, 'engine-logs');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  prune(folder);
  return join(folder, `${purpose}-${createHash('sha256').update(key).digest('hex').slice(0, 16)}.log`);
}

function prune(folder: string): void {
  const logs = readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .map((name) => ({ name, at: statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.at - a.at);
  for (const { name } of logs.slice(KEPT_LOGS)) rmSync(join(folder, name), { force: true });
}

/** Remembers the running process; `words` must appear in its arguments to be taken for it later. */
export const rememberProcess = (file: string) => (pid: number) => writeFileSync(file, String(pid), { mode: 0o600 });

/** Ends the process that an attempt before this one left behind, if it is still there, and waits until it is gone. */
export async function endOrphan(file: string, words: readonly string[]): Promise<void> {
  const pid = readPid(file);
  if (pid === null || !isOurs(pid, words)) return;
  signalGroup(pid, 'SIGTERM');
  for (let waitedMs = 0; isOurs(pid, words); waitedMs += LOOK_MS) {
    if (waitedMs >= ORPHAN_GRACE_MS) signalGroup(pid, 'SIGKILL');
    await sleep(LOOK_MS);
  }
}

function readPid(file: string): number | null {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(pid) && pid > 1 ? pid : null;
  } catch {
    // no attempt before this one came as far as starting the engine
    return null;
  }
}

/** Process ids are used again: only one with these words among its arguments is the one remembered. */
function isOurs(pid: number, words: readonly string[]): boolean {
  try {
    const argv = execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return words.every((word) => argv.includes(word));
  } catch {
    // ps ends with 1 where there is no such process
    return false;
  }
}

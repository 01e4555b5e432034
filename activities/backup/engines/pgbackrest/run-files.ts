/** What a long run leaves for whoever comes after a crash: its log, and processes that may still be running. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { passableFolder } from '../../../os-user.ts';
import { childEnvironment } from '../../../process.ts';
import type { Engine } from './command.ts';

const KEPT_LOGS = 50;
const ORPHAN_GRACE_MS = 5_000;
const LOOK_MS = 50;

/** Log of one run, 0600, named by what it is for: the next attempt of the same request finds it. The oldest logs go. */
export function logFileOf(engine: Engine, purpose: string, key: string): string {
  const folder = join(passableFolder(engine.policy.evidenceDirectory), 'engine-logs');
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

/**
 * Ends the engine's processes that work on this data directory, whoever started them, and waits until they are gone: an attempt before this one
 * may have been killed at any moment, and its child writes on. The helpers of the engine have the same option among their arguments.
 */
export async function endOrphans(dataDirectory: string): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    const pids = enginesAt(dataDirectory);
    if (pids.length === 0) return;
    for (const pid of pids) if (waitedMs === 0 || waitedMs >= ORPHAN_GRACE_MS) signal(pid, waitedMs === 0 ? 'SIGTERM' : 'SIGKILL');
    // one that was stopped takes its signal only once it goes on
    for (const pid of pids) signal(pid, 'SIGCONT');
    await sleep(LOOK_MS);
  }
}

function enginesAt(dataDirectory: string): number[] {
  const option = `--pg1-path=${dataDirectory}`;
  const lines = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, env: childEnvironment() }).split('\n');
  return lines.filter((line) => line.includes('pgbackrest') && `${line} `.includes(`${option} `)).map((line) => Number.parseInt(line, 10));
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // already gone, which is what was wanted
  }
}

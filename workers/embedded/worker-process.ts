/** A worker in a process of its own, as production runs it; tests kill and restart it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { AssayError } from '../../domain/errors.ts';
import { root } from './binaries.ts';

export interface WorkerProcess {
  readonly metricsUrl: string;
  readonly pid: number;
  /** Resolves when the process is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  readonly ended: Promise<void>;
}

export interface WorkerOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly metricsPort: number;
  readonly logFile: string;
}

/** Of Node, for a worker: ops/cli/assay says why. */
export const workerFlags = ['--max-semi-space-size=4', '--heap-growing-percent=30', '--liftoff-only'] as const;

// a machine with much else to do takes its time; a worker that ends is noticed at once
const READY_MS = 180_000;

/** Waits until it polls its queues. Throws internal with where its log is. */
export async function startWorker({ env, metricsPort, logFile }: WorkerOptions): Promise<WorkerProcess> {
  const log = openSync(logFile, 'a', 0o600);
  // the flags as ops/cli/assay gives them to a worker
  const child = spawn(process.execPath, [...workerFlags, 'workers/assay.ts', 'worker'], {
    cwd: root,
    env: { MALLOC_ARENA_MAX: '2', ...process.env, ...env, ASSAY_METRICS_PORT: String(metricsPort) },
    stdio: ['ignore', log, log],
    detached: true,
  });
  const ended = once(child, 'exit').then(() => undefined);
  const metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`;
  await untilReady(child, metricsUrl.replace('/metrics', '/healthz'), logFile);
  return {
    metricsUrl,
    pid: child.pid ?? 0,
    ended,
    async kill(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}

async function untilReady(child: ChildProcess, url: string, logFile: string): Promise<void> {
  const end = Date.now() + READY_MS;
  while (Date.now() < end) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) }).catch(() => null);
    if (answer?.ok) return;
    await sleep(100);
  }
  const how = child.exitCode !== null || child.signalCode !== null ? `ended with ${child.exitCode ?? child.signalCode}` : 'did not become ready';
  child.kill('SIGKILL');
  // whoever is told may find the folder gone
  const last = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LAST_LINES).join('\n');
  throw new AssayError('internal', { reason: `the worker ${how}; its log is ${logFile}, which ends with:\n${last}` });
}

const LAST_LINES = 5;

/** A program that stays: started in its own process group, its output in a file, waited for until it answers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { lastLines } from '../../activities/process.ts';
import { AssayError } from '../../domain/errors.ts';

export interface DaemonOptions {
  readonly argv: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Both its streams are appended here. */
  readonly logFile: string;
  /** True once it answers; a throw means not yet. */
  readonly ready: () => Promise<boolean>;
  /** Default 30 s. */
  readonly readyWithinMs?: number;
}

export interface Daemon {
  readonly pid: number;
  /** TERM, and KILL where it does not end in 10 s. Idempotent. */
  stop(): Promise<void>;
  /** Ends the whole process group with this signal and waits. Idempotent. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

const POLL_MS = 50;
const GRACE_MS = 10_000;

/** Throws child-failed with the last lines of its log where it ends early or does not answer in time; nothing is left then. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const [file, ...args] = options.argv;
  const log = openSync(options.logFile, 'a', 0o600);
  const child = spawn(file, args, { cwd: '/', env: { ...process.env, ...options.env }, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  let ended: string | undefined;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (status, signal) => {
    ended = `${status ?? signal}`;
  });
  // the parent may end before it, as `demo --keep` does
  child.unref();
  const kill = async (signal: NodeJS.Signals) => {
    if (ended !== undefined || child.pid === undefined) return;
    child.ref();
    const exit = once(child, 'exit');
    try {
      process.kill(-child.pid, signal);
    } catch {
      // ESRCH: it ended meanwhile, and its exit event is on the way
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    await exit;
    clearTimeout(timer);
  };
  const until = Date.now() + (options.readyWithinMs ?? 30_000);
  while (!(await options.ready().catch(() => false))) {
    const status = ended ?? (Date.now() > until ? 'not ready in time' : undefined);
    if (status !== undefined) {
      await kill('SIGKILL');
      throw new AssayError('child-failed', { command: file, status, lines: lastLines(readFileSync(options.logFile, 'utf8')), log: options.logFile });
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return { pid: child.pid as number, stop: () => kill('SIGTERM'), kill };
}

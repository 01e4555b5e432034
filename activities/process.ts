/** The one way Assay runs another program: an argument list, never a shell; its own process group, deadline and cancellation. */
import { execa } from 'execa';
import { AssayError } from '../domain/errors.ts';
import type { StepIo } from './io.ts';
import type { OsUser } from './os-user.ts';

export interface Run {
  /** Program and arguments. Secrets never go here: argv is public on the machine. */
  readonly argv: readonly [string, ...string[]];
  readonly as?: OsUser;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
  /** Exit statuses that are answers, not failures; default [0]. */
  readonly accept?: readonly number[];
  /** Each line of stdout and stderr as it comes. */
  readonly onLine?: (line: string) => void;
  readonly input?: string;
}

export interface RunResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;
const GRACE_MS = 5_000;
const BEAT_MS = 1_000;

/**
 * Runs to the end. Throws child-failed on any status that `accept` does not name (its values carry the last lines of output),
 * cancelled when io.signal aborts; the whole process group is ended then (TERM, then KILL).
 */
export async function run(what: Run, io?: Pick<StepIo, 'signal' | 'beat'>): Promise<RunResult> {
  const [file, ...args] = what.argv;
  const child = execa(file, args, {
    cwd: what.cwd ?? '/',
    env: what.env,
    stdin: what.input === undefined ? 'ignore' : 'pipe',
    ...(what.input === undefined ? {} : { input: what.input }),
    ...(what.as?.switched ? { uid: what.as.uid, gid: what.as.gid } : {}),
    detached: true,
    cleanup: false,
    reject: false,
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  const endGroup = (signal: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // ESRCH: the group is already gone, which is what was wanted
    }
  };
  let ended: 'cancelled' | 'deadline' | undefined;
  const end = (why: 'cancelled' | 'deadline') => {
    ended ??= why;
    endGroup('SIGTERM');
    setTimeout(() => endGroup('SIGKILL'), GRACE_MS).unref();
  };
  const cancel = () => end('cancelled');
  const deadline = setTimeout(() => end('deadline'), what.deadlineMs);
  const beat = setInterval(() => io?.beat({ pid: child.pid }), BEAT_MS);
  io?.signal.addEventListener('abort', cancel, { once: true });
  if (io?.signal.aborted) cancel();
  if (what.onLine) {
    const { onLine } = what;
    for (const stream of [child.stdout, child.stderr]) splitLines(stream, onLine);
  }
  try {
    const result = await child;
    if (ended === 'cancelled') throw new AssayError('cancelled', { what: file });
    if (ended === 'deadline')
      throw new AssayError('child-failed', { command: file, status: 'deadline', lines: `still running after ${what.deadlineMs} ms`, log: 'none' });
    if (result.exitCode === undefined && result.cause)
      throw new AssayError('child-failed', { command: file, status: 'not started', lines: String(result.originalMessage ?? ''), log: 'none' });
    const status = result.exitCode ?? -1;
    if (!(what.accept ?? [0]).includes(status)) {
      throw new AssayError('child-failed', { command: file, status, lines: lastLines(`${result.stdout}\n${result.stderr}`), log: 'none' });
    }
    return { status, stdout: result.stdout ?? '', stderr: result.stderr ?? '' };
  } finally {
    clearTimeout(deadline);
    clearInterval(beat);
    io?.signal.removeEventListener('abort', cancel);
  }
}

export function lastLines(text: string, count = 6): string {
  return text.trim().split('\n').slice(-count).join('\n');
}

function splitLines(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
  let rest = '';
  stream?.on('data', (chunk: Buffer | string) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}

/** The one way Assay runs another program: an argument list, never a shell; its own process group, deadline and cancellation. */
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import { AssayError } from '../domain/errors.ts';
import type { StepIo } from './io.ts';
import { followLines, tailOf } from './log-file.ts';
import type { OsUser } from './os-user.ts';

export interface Run {
  /** Program and arguments. Secrets never go here: argv is public on the machine. */
  readonly argv: readonly [string, ...string[]];
  readonly as?: OsUser;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
  /** Exit statuses that are answers, not failures; default [0]. */
  readonly accept?: readonly number[] | 'any';
  /** Each line of stdout and stderr as it comes. */
  readonly onLine?: (line: string) => void;
  readonly input?: string;
  /** What to beat with, once a second; default `{ pid }`. */
  readonly progress?: () => unknown;
  /** File (made 0600, begun anew) that stdout and stderr go to instead of a pipe: the child then outlives a worker that is killed. */
  readonly log?: string;
  /** Told the process id as soon as the child runs. */
  readonly onStart?: (pid: number) => void;
}

export interface RunResult {
  readonly status: number;
  /** Empty where the output went to `log`. */
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;
const MAX_LOGGED_BYTES = 64 * 1024;
const GRACE_MS = 5_000;
const BEAT_MS = 1_000;

/**
 * Runs to the end. Throws child-failed on any status that `accept` does not name (its values carry the last lines of output),
 * cancelled when io.signal aborts; the whole process group is ended then (TERM, then KILL).
 */
export async function run(what: Run, io?: Pick<StepIo, 'signal' | 'beat'>): Promise<RunResult> {
  const log = what.log === undefined ? undefined : openSync(what.log, 'w', 0o600);
  const follower = what.log !== undefined && what.onLine ? followLines(what.log, what.onLine) : undefined;
  try {
    const child = start(what, log);
    if (!follower && what.onLine) for (const stream of [child.stdout, child.stderr]) splitLines(stream, what.onLine);
    const result = await supervise(child, what, io);
    return judge(what, result.status, String(result.stdout ?? ''), String(result.stderr ?? ''));
  } finally {
    follower?.end();
    if (log !== undefined) closeSync(log);
  }
}

/**
 * Runs to the end while `use` consumes stdout, byte by byte and without keeping it; for big or binary output.
 * A failure of the program counts before one of `use`.
 */
export async function runStreaming<T>(
  what: Omit<Run, 'onLine' | 'log'>,
  use: (stdout: Readable) => Promise<T>,
  io?: Pick<StepIo, 'signal' | 'beat'>,
): Promise<{ readonly status: number; readonly stderr: string; readonly value: T | undefined; readonly failure: unknown }> {
  const child = start(what, undefined, { stdout: false, stderr: true });
  const used = use(child.stdout as Readable).then(
    (value) => ({ value, failure: undefined }),
    (failure: unknown) => {
      // what nobody reads any more must not block the child
      child.stdout?.resume();
      return { value: undefined, failure };
    },
  );
  const [result, outcome] = await Promise.all([supervise(child, what, io), used]);
  const { status, stderr } = judge(what, result.status, '', String(result.stderr ?? ''));
  return { status, stderr, ...outcome };
}

export function lastLines(text: string, count = 6): string {
  return text.trim().split('\n').slice(-count).join('\n');
}

type Child = ReturnType<typeof start>;

function start(what: Run, log: number | undefined, buffer: boolean | { stdout: boolean; stderr: boolean } = true) {
  const [file, ...args] = what.argv;
  const child = execa(file, args, {
    cwd: what.cwd ?? '/',
    // libpq looks for its password file under HOME: after a change of user only the passwd entry is right
    env: { ...childEnvironment(), ...(what.as?.switched ? { HOME: '' } : {}), ...what.env },
    extendEnv: false,
    stdin: what.input === undefined ? 'ignore' : 'pipe',
    // execa takes descriptors here too, its types say so for `stdio` only
    ...(log === undefined ? {} : { stdout: log as unknown as 'pipe', stderr: log as unknown as 'pipe' }),
    ...(what.input === undefined ? {} : { input: what.input }),
    ...(what.as?.switched ? { uid: what.as.uid, gid: what.as.gid } : {}),
    detached: true,
    cleanup: false,
    reject: false,
    buffer,
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  if (child.pid !== undefined) what.onStart?.(child.pid);
  return child;
}

const PASSED = /^(PATH|HOME|USER|LOGNAME|SHELL|TZ|LANG|LC_\w+|TMPDIR|LD_LIBRARY_PATH|PG\w+|SSL_CERT_(FILE|DIR)|AWS_ROLE_ARN|AWS_WEB_IDENTITY_TOKEN_FILE)$/;

/**
 * What a child needs of our environment, by name: PostgreSQL's and pgBackRest's own variables among it. Never Assay's, nor whatever else an
 * `env:` reference of a policy may name: a child's environment is open to its OS user.
 */
export const childEnvironment = (from: NodeJS.ProcessEnv = process.env): Record<string, string> =>
  Object.fromEntries(Object.entries(from).filter((entry): entry is [string, string] => PASSED.test(entry[0]) && entry[1] !== undefined));

/** Sends to a whole process group; nothing happens where it is already gone. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: the group is already gone, which is what was wanted
  }
}

async function supervise(child: Child, what: Run, io?: Pick<StepIo, 'signal' | 'beat'>) {
  const [file] = what.argv;
  let ended: 'cancelled' | 'deadline' | undefined;
  let kill: NodeJS.Timeout | undefined;
  const end = (why: 'cancelled' | 'deadline') => {
    ended ??= why;
    if (child.pid === undefined) return;
    const { pid } = child;
    signalGroup(pid, 'SIGTERM');
    kill ??= setTimeout(() => signalGroup(pid, 'SIGKILL'), GRACE_MS);
  };
  const cancel = () => end('cancelled');
  const deadline = setTimeout(() => end('deadline'), what.deadlineMs);
  const beat = setInterval(() => io?.beat(what.progress?.() ?? { pid: child.pid }), BEAT_MS);
  io?.signal.addEventListener('abort', cancel, { once: true });
  if (io?.signal.aborted) cancel();
  try {
    const result = await child;
    if (ended === 'cancelled') throw new AssayError('cancelled', { what: file });
    if (ended === 'deadline') throw failed(file, 'deadline', `still running after ${what.deadlineMs} ms`);
    if (result.exitCode === undefined && result.cause) throw failed(file, 'not started', String(result.originalMessage ?? ''));
    return { status: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
  } finally {
    clearTimeout(deadline);
    clearInterval(beat);
    // the leader may be gone while one of its group ignores TERM
    if (kill !== undefined && child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
    clearTimeout(kill);
    io?.signal.removeEventListener('abort', cancel);
  }
}

function judge(what: Run, status: number, stdout: string, stderr: string): RunResult {
  const accept = what.accept ?? [0];
  if (accept !== 'any' && !accept.includes(status)) {
    throw failed(what.argv[0], status, what.log === undefined ? lastLines(`${stdout}\n${stderr}`) : lastLines(tailOf(what.log, MAX_LOGGED_BYTES)), what.log);
  }
  return { status, stdout, stderr };
}

const failed = (command: string, status: string | number, lines: string, log = 'none') => new AssayError('child-failed', { command, status, lines, log });

function splitLines(stream: NodeJS.ReadableStream | null | undefined, onLine: (line: string) => void): void {
  let rest = '';
  stream?.on('data', (chunk: Buffer | string) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  stream?.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}

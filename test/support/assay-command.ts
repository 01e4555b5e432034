/** The `assay` command in a process of its own, as a user runs it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { root } from '../../workers/embedded/binaries.ts';

export interface Said {
  readonly exit: number | null;
  /** The one object of --json. */
  // biome-ignore lint/suspicious/noExplicitAny: each command has its own; tests look at what they expect
  readonly json: any;
  readonly err: string;
}

export interface Command {
  readonly process: ChildProcess;
  readonly ended: Promise<Said>;
}

/** Starts it with --json. `env` on top of an environment without anything of ours. */
export function startAssay(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Command {
  const [program, ...args] = commandOf(argv);
  const child = spawn(program, args, { env: { ...inherited(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { out: '', err: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    text.out += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    text.err += chunk.toString();
  });
  const ended = once(child, 'close').then(([exit]) => ({ exit: exit as number | null, json: text.out === '' ? null : JSON.parse(text.out), err: text.err })); // what `close` says
  return { process: child, ended };
}

export const assay = (argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<Said> => startAssay(argv, env).ended;

/** What people read of it: stdout without --json. Throws where it fails. */
export const printedByAssay = async (argv: readonly string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [`${root}/workers/assay.ts`, ...argv], { env: inherited() })).stdout;

/** The same below a parent that never asks after its children, as in a container without init: killed, it stays a zombie until that parent ends. */
export const startUnreaped = (argv: readonly string[]): ChildProcess =>
  spawn('/bin/sh', ['-c', '"$@" & exec sleep 600', 'sh', ...commandOf(argv)], { env: inherited(), stdio: 'ignore' });

const commandOf = (argv: readonly string[]): [string, ...string[]] => [process.execPath, `${root}/workers/assay.ts`, ...argv, '--json'];

const inherited = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ASSAY_') || name === 'ASSAY_TEST_RUN'));

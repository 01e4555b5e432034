/** Runs pgbackrest: its arguments, the user it runs as, its failures as catalogue errors. */
import type { Readable } from 'node:stream';
import { AssayError, isAssayError } from '../../../../domain/errors.ts';
import type { Observe } from '../../../../domain/observation.ts';
import type { ClusterPolicy } from '../../../../domain/policy.ts';
import type { StepIo } from '../../../io.ts';
import { tailOf } from '../../../log-file.ts';
import type { OsUser } from '../../../os-user.ts';
import { type Run, run, runStreaming } from '../../../process.ts';
import { type EngineConfig, engineUser, readEngineConfig } from './config.ts';
import { type FailedRun, failureOf } from './failure.ts';

/** What every part of this engine works with. */
export interface Engine {
  readonly policy: ClusterPolicy;
  readonly observe: Observe;
  readonly config: EngineConfig;
  readonly user: OsUser;
}

export interface Command {
  readonly name: string;
  readonly repository: number;
  /** Options of the command; secrets never go here. */
  readonly options?: readonly string[];
  /** Words after the command, such as a path. */
  readonly words?: readonly string[];
}

export interface LongRun extends Pick<Run, 'log' | 'onLine' | 'progress' | 'cwd'> {
  readonly log: string;
  readonly writesTo?: string;
  readonly neededBytes?: number;
}

/** Asking answers within this or the repository counts as unreachable. */
const ASK_DEADLINE_MS = 80_000;
/** A dead endpoint is tried four times this long. */
const ASK_IO_TIMEOUT_S = 10;
const LOG_TAIL_BYTES = 256 * 1024;

/** The engine as one policy describes it; reads the configuration anew. Throws engine-refused, usage. */
export function openEngine(policy: ClusterPolicy, observe: Observe): Engine {
  const config = readEngineConfig(policy.engine.config, policy.engine.stanza);
  return { policy, observe, config, user: engineUser(policy.clone.osUser, config) };
}

/** Whole argument list. A command that is no repository's own (stanza-create) takes repository 0. */
export function argvOf({ policy }: Pick<Engine, 'policy'>, command: Command): [string, ...string[]] {
  const { binary, config, stanza } = policy.engine;
  const repository = command.repository === 0 ? [] : [`--repo=${command.repository}`];
  return [binary, `--config=${config}`, `--stanza=${stanza}`, ...repository, ...(command.options ?? []), command.name, ...(command.words ?? [])];
}

/** Asks the repository something: output on stdout, nothing written, bounded in time. */
export async function ask(engine: Engine, command: Command): Promise<string> {
  const what = asking(engine, command);
  const result = await run(what).catch((error: unknown) => notEnded(engine, command, error));
  if (result.status !== 0) throw failed(engine, command, { status: result.status, output: result.stderr });
  return result.stdout;
}

/** `2.59.1`. Asked without any option: newer versions refuse them here. */
export async function readVersion(engine: Engine): Promise<string> {
  const command = { name: 'version', repository: 0 };
  const what: Run = { argv: [engine.policy.engine.binary, 'version'], as: engine.user, accept: 'any', deadlineMs: ASK_DEADLINE_MS };
  const { status, stdout, stderr } = await run(what).catch((error: unknown) => notEnded(engine, command, error));
  if (status !== 0) throw failed(engine, command, { status, output: `${stdout}\n${stderr}` });
  return stdout.trim().replace(/^pgBackRest /, '');
}

/** The same for big or binary output. `failure`: what the engine said where it could not read the file whole. */
export async function askStreaming<T>(
  engine: Engine,
  command: Command,
  use: (stdout: Readable) => Promise<T>,
): Promise<{ readonly value: T | undefined; readonly failure: string | null }> {
  const what = { ...asking(engine, command), deadlineMs: engine.policy.engine.timeoutMs };
  const result = await runStreaming(what, use).catch((error: unknown) => notEnded(engine, command, error));
  if (result.status === 0) {
    if (result.failure === undefined) return { value: result.value, failure: null };
    if (isAssayError(result.failure)) throw result.failure;
    return { value: undefined, failure: String((result.failure as Error).message) };
  }
  const error = failed(engine, command, { status: result.status, output: result.stderr });
  // only what is wrong with the file itself is an answer
  if (error.values.cause === undefined) throw error;
  return { value: undefined, failure: String(error.values.lines) };
}

/** Runs what takes long and writes: output to a log that outlives the worker, ended with its step. */
export async function work(engine: Engine, command: Command, long: LongRun, io: StepIo): Promise<void> {
  const { log, onLine, progress, cwd, writesTo, neededBytes } = long;
  const options = ['--log-level-console=detail', '--log-level-stderr=off', ...(command.options ?? [])];
  const { status } = await run(
    {
      argv: argvOf(engine, { ...command, options }),
      as: engine.user,
      accept: 'any',
      deadlineMs: engine.policy.engine.timeoutMs,
      log,
      ...(onLine === undefined ? {} : { onLine }),
      ...(progress === undefined ? {} : { progress }),
      ...(cwd === undefined ? {} : { cwd }),
    },
    io,
  ).catch((error: unknown) => notEnded(engine, command, error));
  if (status === 0) return;
  const more = { ...(writesTo === undefined ? {} : { writesTo }), ...(neededBytes === undefined ? {} : { neededBytes }) };
  throw failed(engine, command, { status, output: tailOf(log, LOG_TAIL_BYTES), ...more });
}

/** Catalogue error of a run that failed. */
export function failed(engine: Engine, command: Command, run: Pick<FailedRun, 'status' | 'output' | 'writesTo' | 'neededBytes'>) {
  const { policy, config } = engine;
  const { repository } = command;
  return failureOf({
    ...run,
    command: command.name,
    cluster: policy.cluster,
    stanza: policy.engine.stanza,
    repository,
    isEncrypted: config.encrypted(repository),
    secrets: config.secrets,
  });
}

function asking(engine: Engine, command: Command): Run & { argv: [string, ...string[]] } {
  const quiet = ['--log-level-console=off', '--log-level-stderr=error', '--log-level-file=off', `--io-timeout=${ASK_IO_TIMEOUT_S}`];
  const options = [...quiet, ...(command.options ?? [])];
  return { argv: argvOf(engine, { ...command, options }), as: engine.user, accept: 'any', deadlineMs: ASK_DEADLINE_MS };
}

/** Still running at the deadline, or never started; a cancellation stays what it is. */
function notEnded(engine: Engine, command: Command, error: unknown): never {
  if (!isAssayError(error, 'child-failed')) throw error;
  const { status, lines } = error.values;
  if (status === 'deadline') throw failed(engine, command, { status: 'deadline', output: String(lines) });
  const hint = `install pgBackRest, or name it in engine.binary (now ${engine.policy.engine.binary})`;
  throw new AssayError('engine-refused', { command: `pgbackrest ${command.name}`, status: status ?? 'none', lines: lines ?? '', hint }, { cause: error });
}

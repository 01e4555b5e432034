/** Runs pgbackrest: its arguments, the user it runs as, its failures as catalogue errors. */
import type { Readable } from 'node:stream';
import { AssayError, isAssayError } from '../../../../domain/errors.ts';
import type { Observe } from '../../../../domain/observation.ts';
import type { ClusterPolicy } from '../../../../domain/policy.ts';
import type { StepIo } from '../../../io.ts';
import { tailOf } from '../../../log-file.ts';
import type { OsUser } from '../../../os-user.ts';
import { type Run, run, runStreaming, signalGroup } from '../../../process.ts';
import { type EngineConfig, engineUser, includedFolder, readEngineConfig } from './config.ts';
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

export interface LongRun extends Pick<Run, 'log' | 'onLine' | 'progress' | 'cwd' | 'env'> {
  readonly log: string;
  /** Default: the policy's. */
  readonly deadlineMs?: number;
  readonly writesTo?: string;
  readonly neededBytes?: number;
}

/** Asking answers within this or the repository counts as unreachable. */
const ASK_DEADLINE_MS = 80_000;
/** How long an endpoint may give no byte. 2.45 tries a dead one four times this long, 2.55 twelve times: there the deadline comes first. */
const ASK_IO_TIMEOUT_S = 10;
/**
 * The same for what takes long, where the configuration says nothing. With the engine's own 60 s a dead endpoint lasts 12 minutes (2.45), since each job is
 * begun three times; with these 3½. No run that is only slow ends by it: one byte in that time is enough. The replay after a restore has it too.
 */
const WORK_IO_TIMEOUT_S = 15;
const ABORTED = / P00 +INFO: [a-z-]+ command end: aborted with exception /;
const ABORT_GRACE_MS = 5_000;
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
  const included = includedFolder(config);
  const pieces = included === null ? [] : [`--config-include-path=${included}`];
  return [binary, `--config=${config}`, ...pieces, `--stanza=${stanza}`, ...repository, ...(command.options ?? []), command.name, ...(command.words ?? [])];
}

/** Asks the repository something: output on stdout, nothing written, bounded in time. A dead endpoint is known after four times `ioTimeoutS`, or at the deadline. */
export async function ask(engine: Engine, command: Command, ioTimeoutS = ASK_IO_TIMEOUT_S): Promise<string> {
  const what = asking(engine, command, ioTimeoutS);
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
  const { log, progress, cwd, env, writesTo, neededBytes } = long;
  const bound = engine.config.ioTimeout(command.name) === null ? [`--io-timeout=${WORK_IO_TIMEOUT_S}`] : [];
  const options = ['--log-level-console=detail', '--log-level-stderr=off', ...bound, ...(command.options ?? [])];
  const ending = endOnceAborted(long.onLine);
  const { status } = await run(
    {
      argv: argvOf(engine, { ...command, options }),
      as: engine.user,
      accept: 'any',
      deadlineMs: long.deadlineMs ?? engine.policy.engine.timeoutMs,
      log,
      onStart: ending.onStart,
      onLine: ending.onLine,
      ...(progress === undefined ? {} : { progress }),
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env }),
    },
    io,
  )
    .catch((error: unknown) => notEnded(engine, command, error))
    .finally(ending.over);
  if (status === 0) return;
  const more = { ...(writesTo === undefined ? {} : { writesTo }), ...(neededBytes === undefined ? {} : { neededBytes }) };
  throw failed(engine, command, { status, output: tailOf(log, LOG_TAIL_BYTES), ...more });
}

/**
 * A run that gave up says so, and then waits for those of its helpers that still try to reach the endpoint: as long again. Nothing more
 * is said by then, so they are ended.
 */
function endOnceAborted(onLine: (line: string) => void = () => {}) {
  const timers: NodeJS.Timeout[] = [];
  let group = 0;
  return {
    onStart: (pid: number) => {
      group = pid;
    },
    onLine: (line: string) => {
      onLine(line);
      if (!ABORTED.test(line) || group === 0) return;
      timers.push(setTimeout(signalGroup, ABORT_GRACE_MS, group, 'SIGTERM'), setTimeout(signalGroup, 2 * ABORT_GRACE_MS, group, 'SIGKILL'));
    },
    over: () => {
      for (const timer of timers) clearTimeout(timer);
    },
  };
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

function asking(engine: Engine, command: Command, mostS = ASK_IO_TIMEOUT_S): Run & { argv: [string, ...string[]] } {
  const ioTimeoutS = Math.min(mostS, Number(engine.config.ioTimeout(command.name)) || mostS);
  const quiet = ['--log-level-console=off', '--log-level-stderr=error', '--log-level-file=off', `--io-timeout=${ioTimeoutS}`];
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

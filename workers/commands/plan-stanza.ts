/** Making the stanza of a configuration, never in silence: an endpoint that is away takes its time. */
import type { EngineFor } from '../../activities/backup/ports.ts';
import type { StepIo } from '../../activities/io.ts';
import { AssayError, isAssayError } from '../../domain/errors.ts';
import type { ClusterPolicy, Repository } from '../../domain/policy.ts';

export interface Waiting {
  readonly engineFor: EngineFor;
  /** Progress and cancellation of the engine's run. */
  readonly io: StepIo;
  /** Hears what is waited for. */
  readonly tell: (line: string) => void;
}

const SILENT_MS = 2_000;
const SAY_AGAIN_MS = 10_000;

/** Makes it by the configuration in `file`. Says what is waited for once it takes longer than a moment. Throws repository-unreachable with the place. */
export async function stanzaBy(file: string, policy: ClusterPolicy, { engineFor, io, tell }: Waiting): Promise<void> {
  const { cluster, engine } = policy;
  const began = performance.now();
  const say = () => {
    const seconds = Math.round((performance.now() - began) / 1000);
    tell(`${cluster}: no answer for ${seconds} s from ${engine.repositories.map(placeOf).join(', ')}; waiting …`);
  };
  const [first, again] = [setTimeout(say, SILENT_MS), setInterval(say, SAY_AGAIN_MS)];
  try {
    await engineFor({ ...policy, engine: { ...engine, config: file } }).stanzaCreate(io);
  } catch (error) {
    throw isAssayError(error, 'repository-unreachable') ? placed(error, engine.repositories) : error;
  } finally {
    clearTimeout(first);
    clearInterval(again);
  }
}

function placed(error: AssayError, repositories: readonly Repository[]): AssayError {
  const of = repositories.filter(({ id }) => error.values.repository === 0 || id === error.values.repository);
  const reason = `${of.map(placeOf).join(', ')}: ${error.values.reason}`;
  return new AssayError('repository-unreachable', { ...error.values, repository: of.map(({ id }) => id).join(' and '), reason }, { cause: error });
}

const placeOf = (repository: Repository): string =>
  repository.kind === 'posix' ? repository.path : `https://${repository.endpoint}:${repository.port ?? 443} (bucket ${repository.bucket})`;

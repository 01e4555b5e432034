/** Both copies of a backup's manifest: the engine falls back to the second without a word, so a damaged one stays unseen. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { AssayError, isAssayError } from '../../../../domain/errors.ts';
import type { ManifestCopies } from '../engine.ts';
import { askStreaming, type Engine } from './command.ts';
import { readInfo, readManifestThroughEngine } from './info.ts';

interface Copy {
  readonly name: string;
  readonly bytes: number;
  readonly digest: string;
  readonly failure: string | null;
}

/** Which copies the engine can still use is the engine's own word; whether they agree is compared byte for byte after decryption. */
export async function compareManifests(engine: Engine, repository: number, label: string): Promise<ManifestCopies> {
  const { backups } = await readInfo(engine, repository);
  if (!backups.some((backup) => backup.label === label)) throw new AssayError('backup-unknown', { label, cluster: engine.policy.cluster });
  const copies = [await readCopy(engine, repository, label, 'backup.manifest'), await readCopy(engine, repository, label, 'backup.manifest.copy')];
  const refusal = await engineRefusal(engine, repository, label);
  if (refusal !== null) return { label, state: 'both-damaged', detail: refusal };
  const [first, second] = copies as [Copy, Copy];
  if (first.failure === null && second.failure === null && first.digest === second.digest) {
    return { label, state: 'equal', detail: `both ${first.bytes} bytes, sha256 ${first.digest.slice(0, 16)}` };
  }
  return { label, state: 'one-damaged', detail: copies.map(describe).join('; ') };
}

async function readCopy(engine: Engine, repository: number, label: string, name: string): Promise<Copy> {
  const path = `backup/${engine.policy.engine.stanza}/${label}/${name}`;
  const { value, failure } = await askStreaming(engine, { name: 'repo-get', repository, words: [path] }, digestOf);
  return { name, bytes: value?.bytes ?? 0, digest: value?.digest ?? '', failure };
}

async function engineRefusal(engine: Engine, repository: number, label: string): Promise<string | null> {
  try {
    await readManifestThroughEngine(engine, repository, label);
    return null;
  } catch (error) {
    if (isAssayError(error, 'engine-refused') && error.values.cause === 'manifest-damaged') return String(error.values.lines);
    throw error;
  }
}

const describe = (copy: Copy) =>
  copy.failure === null ? `${copy.name}: ${copy.bytes} bytes, sha256 ${copy.digest.slice(0, 16)}` : `${copy.name}: ${copy.failure}`;

async function digestOf(stream: Readable): Promise<{ readonly bytes: number; readonly digest: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += (chunk as Buffer).length;
    hash.update(chunk as Buffer);
  }
  return { bytes, digest: hash.digest('hex') };
}

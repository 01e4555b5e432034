/** One archived segment as PostgreSQL handed it over: fetched and decrypted by the engine, decompressed here. No server is needed for it. */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { ArchivedSegment } from '../../../../domain/backup/model.ts';
import { AssayError } from '../../../../domain/errors.ts';
import { askStreaming, type Engine } from './command.ts';
import { decompressed } from './damage.ts';

/** Throws engine-refused where the segment cannot be read, and what asking the repository throws. */
export async function fetchSegment(engine: Engine, { repository, path, name }: ArchivedSegment, file: string): Promise<void> {
  const compression = /\.(gz|bz2|lz4|zst)$/.exec(path)?.[1];
  const command = { name: 'repo-get', repository, words: [path] };
  const { failure } = await askStreaming(engine, command, (stdout) => pipeline(decompressed(stdout, compression), createWriteStream(file, { mode: 0o600 })));
  if (failure === null) return;
  const hint = 'a segment that cannot be read ends every recovery there: `assay backup prove` says more';
  throw new AssayError('engine-refused', { command: `reading segment ${name}`, status: 'none', lines: failure, hint, cause: 'wal-corrupt' });
}

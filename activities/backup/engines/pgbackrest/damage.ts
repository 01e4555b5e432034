/** Archived segments read through the engine (fetched, decrypted), decompressed here, and compared with the checksum in their names. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { ArchivedSegment } from '../../../../domain/backup/model.ts';
import { AssayError } from '../../../../domain/errors.ts';
import type { StepIo } from '../../../io.ts';
import { childEnvironment } from '../../../process.ts';
import type { SegmentDamage } from '../engine.ts';
import { askStreaming, type Engine } from './command.ts';

const NAME = /([0-9A-F]{24})-([0-9a-f]{40})(?:\.(gz|bz2|lz4|zst))?$/;

/** In the order given; empty: all of them are what they were when PostgreSQL handed them over. */
export async function findDamagedSegments(
  engine: Engine,
  request: { readonly repository: number; readonly segments: readonly ArchivedSegment[] },
  io: StepIo,
): Promise<readonly SegmentDamage[]> {
  const damaged: SegmentDamage[] = [];
  for (const [index, segment] of request.segments.entries()) {
    if (io.signal.aborted) throw new AssayError('cancelled', { what: 'reading archived segments' });
    io.beat({ phase: 'segments', done: index, total: request.segments.length });
    const reason = await damageOf(engine, request.repository, segment);
    if (reason !== null) damaged.push({ segment: segment.name, reason });
  }
  return damaged;
}

async function damageOf(engine: Engine, repository: number, segment: ArchivedSegment): Promise<string | null> {
  const [, , expected, compression] = NAME.exec(segment.path) ?? [];
  if (expected === undefined) return `its file name ${segment.path} carries no checksum`;
  if (segment.sizeBytes === 0) return 'the file is empty';
  const command = { name: 'repo-get', repository, words: [segment.path] };
  const { value, failure } = await askStreaming(engine, command, (stdout) => checksumOf(stdout, compression));
  if (failure !== null) return failure;
  return value === expected ? null : `its content has checksum ${value}, its name says ${expected}`;
}

async function checksumOf(stream: Readable, compression: string | undefined): Promise<string> {
  const hash = createHash('sha1');
  for await (const chunk of decompressed(stream, compression)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** What PostgreSQL handed over, out of what the engine hands out. */
export function decompressed(stream: Readable, compression: string | undefined): Readable {
  switch (compression) {
    case undefined:
      return stream;
    case 'gz':
      return through(stream, createGunzip());
    case 'zst':
      return through(stream, createZstdDecompress());
    case 'bz2':
      return throughProgram(stream, 'bzip2');
    default:
      return throughProgram(stream, 'lz4');
  }
}

function through(stream: Readable, transform: ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress>): Readable {
  stream.on('error', (error) => transform.destroy(error));
  return stream.pipe(transform);
}

/** Node has no decoder of its own for these. A missing program is no damage: it ends the diagnosis. */
function throughProgram(stream: Readable, program: 'bzip2' | 'lz4'): Readable {
  const child = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'], env: childEnvironment() });
  child.on('error', () => {
    const hint = `install ${program}: this repository compresses with it`;
    child.stdout.destroy(new AssayError('engine-refused', { command: `${program} -dc`, status: 'not started', lines: 'no such program', hint }));
  });
  child.on('close', (status) => {
    if (status !== 0) child.stdout.destroy(new Error(`${program} cannot read it (status ${status})`));
  });
  // it stops reading at the first fault
  child.stdin.on('error', () => stream.resume());
  stream.pipe(child.stdin);
  return child.stdout;
}

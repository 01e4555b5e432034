/** The workflows' bundle, kept from one process to the next for as long as nothing it is made of changes. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CachePlace {
  /** Of the cache; made where it is missing. Whoever may write here decides what a worker runs: as in node_modules. */
  readonly folder: string;
  /** Files and folders that a bundle is made of. */
  readonly sources: readonly string[];
}

const DIGEST_LENGTH = 64;

/**
 * What `make` gave for these very sources, on this Node, at an earlier time; else what it gives now. Where a source is missing or the folder
 * cannot be written, as in an image that is read only, it is made each time.
 */
export async function cachedBundle({ folder, sources }: CachePlace, make: () => Promise<string>): Promise<string> {
  const file = join(folder, `${keyOf(sources)}.js`);
  const kept = readKept(file);
  if (kept !== null) return kept;
  const code = await make();
  keep(folder, file, code);
  return code;
}

/** Names count as well as contents: a bundle holds both. A source that is missing gives a key of its own each time: then nothing fits. */
function keyOf(sources: readonly string[]): string {
  const hash = createHash('sha256').update(process.version);
  try {
    for (const path of sources.flatMap(filesOf)) hash.update(`\0${path}\0`).update(readFileSync(path));
  } catch {
    return randomUUID();
  }
  return hash.digest('hex');
}

function filesOf(source: string): readonly string[] {
  try {
    const entries = readdirSync(source, { recursive: true, withFileTypes: true });
    return entries.flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : [])).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return [source];
    throw error;
  }
}

/** The code behind its own digest: a file that a crash cut off is none. */
function readKept(file: string): string | null {
  try {
    const text = readFileSync(file, 'utf8');
    const code = text.slice(DIGEST_LENGTH);
    return text.startsWith(digestOf(code)) ? code : null;
  } catch {
    return null;
  }
}

/** In place of what was kept of older sources. */
function keep(folder: string, file: string, code: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true });
    const fresh = `${file}.${process.pid}`;
    writeFileSync(fresh, digestOf(code) + code);
    renameSync(fresh, file);
  } catch {
    // a folder that is not ours to write, or another process that tidies at the same moment: made again next time
  }
}

const digestOf = (code: string) => createHash('sha256').update(code).digest('hex');

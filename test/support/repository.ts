/** What a repository holds, to show that nobody but its own cluster wrote there. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Every file and folder below it with rights, owner, size, time of change and content, in order: equal lists mean byte for byte the same. */
export function inventory(folder: string): readonly string[] {
  return pathsIn(folder).map((path) => {
    const { mode, uid, gid, size, mtimeMs } = lstatSync(path);
    return [path, mode, uid, gid, size, mtimeMs, sumOf(path) ?? 'folder'].join(' ');
  });
}

/** Each file with the checksum of its content. One that is gone before it was read was none: an archiver may be at work. */
export function filesIn(folder: string): readonly (readonly [path: string, sum: string])[] {
  return pathsIn(folder).flatMap((path) => {
    const sum = sumOf(path);
    return sum === null ? [] : [[path, sum] as const];
  });
}

const pathsIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .sort();

/** null for a folder, and for what is no longer there. */
function sumOf(path: string): string | null {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  } catch (error) {
    if (['EISDIR', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/** Folders and files of evidence: whole or not at all, on disk before anyone is told, faults of the disk as catalogue errors. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AssayError, reasonOf } from '../../domain/errors.ts';
import { noRoom } from '../no-room.ts';

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;

/** `<evidence>/<cluster>`. Throws usage where the name would lead elsewhere. */
export function clusterFolder(evidenceDirectory: string, cluster: string): string {
  if (!NAME.test(cluster)) {
    throw new AssayError('usage', {
      reason: `the cluster name ${JSON.stringify(cluster)} cannot name a folder`,
      hint: 'use letters, digits, dot, dash, underscore',
    });
  }
  return join(evidenceDirectory, cluster);
}

/** Makes it with all its parents, which others may pass through: clones of another user lie beside evidence. 0750 lets a group of auditors read; 0700 for what holds more than verdicts. Idempotent. */
export async function makeFolder(path: string, mode: 0o700 | 0o750): Promise<string> {
  return onDisk(path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o751 });
    await mkdir(path, { recursive: true, mode });
    return path;
  });
}

/** Writes beside, syncs, renames over. Readers see the old or the new file, never a part. */
export async function writeWhole(path: string, content: string | Uint8Array, mode: 0o600 | 0o640): Promise<void> {
  const unfinished = join(dirname(path), `.unfinished-${randomUUID()}`);
  await onDisk(path, async () => {
    try {
      await writeFile(unfinished, content, { mode, flush: true });
      await rename(unfinished, path);
      await syncFolder(dirname(path));
    } finally {
      await rm(unfinished, { force: true });
    }
  });
}

/** A new name is only safe once its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Throws disk-full, and usage for what an administrator has to mend (rights, read-only file systems). */
export async function onDisk<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    const full = noRoom(cause, dirname(path));
    if (full !== null) throw full;
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR') {
      throw new AssayError(
        'usage',
        { reason: `cannot keep evidence in ${path}: ${reasonOf(cause)}`, hint: "make evidence_directory writable for the worker's user" },
        { cause },
      );
    }
    throw cause;
  }
}

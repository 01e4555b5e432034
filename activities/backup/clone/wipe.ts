/** Removing clones: nothing of a clone outlives it, whatever state it was in. */
import { chmodSync, chownSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run } from '../../process.ts';
import { cloneFoldersIn, type FoundFolder, foldersOf, readCloneFile } from './layout.ts';
import { killAllIn, stopServer } from './server.ts';

/** A folder without its clone.json is some clone's that is just being made, or what a crash left; after this long it is the latter. */
const ORPHAN_AGE_MS = 10 * 60_000;
const LONGEST_MS = 30 * 60_000;

/** Ends every process of the clone and removes its folder, clone.json last; one that a user had made is left empty, as it was. Idempotent. Links are removed, never followed. */
export async function wipeFolder(directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  const { found = null } = readCloneFile(directory) ?? {};
  await stopServer(foldersOf(directory), 'immediate');
  await killAllIn(directory);
  await giveBack(directory, found);
}

/** Removes a folder of ours; one that its user had made (`found`) is emptied and has its rights again. */
export async function giveBack(directory: string, found: FoundFolder | null): Promise<void> {
  if (!existsSync(directory)) return;
  const inside = readdirSync(directory).filter((name) => name !== 'clone.json');
  await removeAll(inside.map((name) => join(directory, name)));
  rmSync(found === null ? directory : join(directory, 'clone.json'), { recursive: true, force: true, maxRetries: 5 });
  if (found === null) return;
  chmodSync(directory, found.mode);
  if (process.getuid?.() === 0) chownSync(directory, found.uid, found.gid);
}

/**
 * By a program of its own: a clone of 10,000 tables has 40,000 files, and Node holds something for each of them at the same time, 38 MB in all.
 * What that program could not take away is taken away, or told of, here.
 */
async function removeAll(paths: readonly string[]): Promise<void> {
  if (paths.length > 0) await run({ argv: ['rm', '-rf', '--', ...paths], deadlineMs: LONGEST_MS, accept: 'any' }).catch(() => {});
  for (const path of paths) await rm(path, { recursive: true, force: true, maxRetries: 5 });
}

/** Wipes every clone of this host below `parent` whose owner no longer runs; returns their ids. Throws what `isOwnerRunning` throws: in doubt nothing is wiped. */
export async function sweepFolders(
  parent: string,
  of: { readonly host: string; readonly isOwnerRunning: (owner: string) => Promise<boolean>; readonly nowMs: number },
): Promise<{ readonly id: string; readonly cluster: string | null }[]> {
  if (!existsSync(parent)) return [];
  const swept: { id: string; cluster: string | null }[] = [];
  for (const { directory, file } of cloneFoldersIn(parent)) {
    const isOld = of.nowMs - statSync(directory).mtimeMs > ORPHAN_AGE_MS;
    const isLeft = file === null ? isOld : file.kept !== true && file.host === of.host && !(await of.isOwnerRunning(file.owner));
    if (!isLeft) continue;
    await wipeFolder(directory);
    swept.push({ id: file?.id ?? basename(directory), cluster: file?.cluster ?? null });
  }
  return swept;
}

/** Making the private folders of a clone, after looking whether there is room and leave for one more. */
import { chmodSync, existsSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AssayError, reasonOf } from '../../../domain/errors.ts';
import type { ClonePolicy } from '../../../domain/policy.ts';
import { type OsUser, osUser, privateFolder } from '../../os-user.ts';
import { run } from '../../process.ts';
import { type CloneFile, cloneFoldersIn, type FoundFolder, foldersOf, readCloneFile, shortId, writeCloneFile } from './layout.ts';
import { giveBack } from './wipe.ts';

/** Beside the data: WAL that replay keeps (max_wal_size), logs, growth while replaying. */
const EXTRA_SHARE = 0.1;
const EXTRA_BYTES = 64 * 1024 * 1024;

/** Folder of the clone. Idempotent by id: an attempt before this one is adopted. Throws disk-full, clone-limit, directory-not-empty, usage. */
export async function openFolder(policy: ClonePolicy, file: CloneFile): Promise<string> {
  const as = osUser(policy.osUser);
  if (!existsSync(policy.directory)) privateFolder(policy.directory, as);
  // without links: a process is recognised as the clone's by its working directory
  const directory = join(realpathSync(policy.directory), shortId(file.id));
  await assertReachable(policy.directory, as);
  if (readCloneFile(directory)?.id === file.id) return makeFolders(directory, as);
  if (existsSync(directory) && readdirSync(directory).length > 0) throw new AssayError('directory-not-empty', { directory });
  await assertRoom(policy.directory, file.neededBytes);
  privateFolder(directory, as);
  writeCloneFile(directory, file);
  const others = cloneFoldersIn(realpathSync(policy.directory)).flatMap((each) => (isCounted(each.file) && each.file.id !== file.id ? [each.file] : []));
  if (others.length >= policy.maxClones) {
    rmSync(directory, { recursive: true });
    throw new AssayError('clone-limit', { open: others.length, directory: policy.directory, limit: policy.maxClones, holders: holdersOf(others) });
  }
  return makeFolders(directory, as);
}

const isCounted = (file: CloneFile | null): file is CloneFile => file !== null && file.kept !== true;

/** By workflow id, as lists of runs name them: whoever is refused has to know whom to wait for. */
const holdersOf = (files: readonly CloneFile[]): string =>
  files.map(({ owner, createdAt }) => `${owner} holds one since ${createdAt.slice(0, 19).replace('T', ' ')} UTC`).join(', ');

/**
 * Folder of a restore that a person asked for: an empty or new one in a folder that is there. Idempotent by id.
 * Nothing is made before everything was looked at. Throws directory-not-empty, disk-full, usage.
 */
export async function openInto(policy: ClonePolicy, file: CloneFile, into: string): Promise<string> {
  const as = osUser(policy.osUser);
  const parent = dirname(into);
  if (!existsSync(parent)) throw new AssayError('usage', { reason: `there is no folder ${parent}`, hint: `make it first: a restore makes only ${into}` });
  await assertReachable(parent, as);
  const directory = existsSync(into) ? realpathSync(into) : join(realpathSync(parent), basename(into));
  foldersOf(directory);
  assertBeside(policy.directory, directory);
  if (readCloneFile(directory)?.id === file.id) return makeFolders(directory, as);
  const found = foundFolder(directory);
  await assertRoom(found === null ? parent : directory, file.neededBytes);
  try {
    privateFolder(directory, as);
    writeCloneFile(directory, { ...file, found });
    return makeFolders(directory, as);
  } catch (cause) {
    await giveBack(directory, found);
    throw new AssayError('usage', { reason: `cannot restore into ${into}: ${reasonOf(cause)}`, hint: 'name a folder that this user may write to' }, { cause });
  }
}

/** The sweeper takes away whatever in the clone directory belongs to no run of the fleet, and a restore may be run by none. */
function assertBeside(clones: string, directory: string): void {
  const within = existsSync(clones) ? realpathSync(clones) : clones;
  if (directory !== within && !directory.startsWith(`${within}/`)) return;
  throw new AssayError('usage', { reason: `${directory} lies in the clone directory, which Assay empties`, hint: 'name a folder outside of it' });
}

/** null where there is none. Throws directory-not-empty, also for what is no folder. */
function foundFolder(directory: string): FoundFolder | null {
  if (!existsSync(directory)) return null;
  const stat = statSync(directory);
  if (!stat.isDirectory() || readdirSync(directory).length > 0) throw new AssayError('directory-not-empty', { directory });
  return { uid: stat.uid, gid: stat.gid, mode: stat.mode & 0o7777 };
}

function makeFolders(directory: string, as: OsUser): string {
  for (const folder of [directory, ...Object.values(foldersOf(directory))]) {
    privateFolder(folder, as);
    // a folder the user had made beforehand may be open to others
    chmodSync(folder, 0o700);
  }
  return directory;
}

async function assertReachable(directory: string, as: OsUser): Promise<void> {
  const { status } = await run({ argv: ['test', '-x', directory], as, deadlineMs: 10_000, accept: [0, 1] });
  if (status === 0) return;
  throw new AssayError('usage', {
    reason: `OS user ${as.name} cannot enter the clone directory ${directory}`,
    hint: 'name another clone.directory, or let that user pass through its parents (chmod o+x)',
  });
}

async function assertRoom(directory: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  const wantedBytes = Math.ceil(neededBytes * (1 + EXTRA_SHARE)) + EXTRA_BYTES;
  if (freeBytes >= wantedBytes) return;
  throw new AssayError('disk-full', {
    directory,
    reason: `${freeBytes} bytes are free, a clone needs ${wantedBytes}`,
    neededBytes: wantedBytes - freeBytes,
  });
}

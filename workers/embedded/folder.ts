/** Folders of embedded parts: short enough for a socket, private to the user that its servers run as. */
import { mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type OsUser, privateFolder } from '../../activities/os-user.ts';

/** Every folder that an embedded part makes by itself starts with this. */
export const FOLDER_PREFIX = 'assay-';

/** The folder that was named, made where it is missing; else a fresh one under the temporary folder. 0700, owned by `owner`. */
export function freshFolder(directory: string | undefined, owner: OsUser): string {
  const path = directory === undefined ? mkdtempSync(join(realpathSync(tmpdir()), FOLDER_PREFIX)) : resolve(directory);
  return privateFolder(path, owner);
}

/** Where a restore goes: the folder its user names, on the cluster's host. Pure. */
import { AssayError } from '../errors.ts';

/** Throws usage for anything but the whole path of a folder below the root, written in its plain form. */
export function assertRestoreFolder(into: string): void {
  const [root, ...parts] = into.split('/');
  const isPlain = root === '' && parts.length > 0 && parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (isPlain && !UNPRINTABLE.test(into)) return;
  throw new AssayError('usage', {
    reason: `${JSON.stringify(into)} cannot be restored into`,
    hint: 'name the whole path of an empty or new folder, without "." or ".." and without a slash at its end',
  });
}

/** They would end a line of the settings that the engine writes. */
const UNPRINTABLE = /\p{Cc}/u;

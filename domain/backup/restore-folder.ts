/** Where a restore goes: the folder its user names, on the cluster's host. Pure. */
import { AssayError } from '../errors.ts';

/** Throws usage for anything but the whole path of a folder below the root, written in its plain form. */
export function assertRestoreFolder(into: string): void {
  const [root, ...parts] = into.split('/');
  const isPlain = root === '' && parts.length > 0 && parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isPlain) throw refused(into, 'name the whole path of an empty or new folder, without "." or ".." and without a slash at its end');
  if (UNSAFE.test(into)) throw refused(into, 'name another: quotes, backslashes, $, ` and % would be read by the shell that runs restore_command');
}

/** The engine writes the path into restore_command, and that into postgresql.auto.conf, as it is. */
const UNSAFE = /['"\\$`%]|\p{Cc}/u;

const refused = (into: string, hint: string) => new AssayError('usage', { reason: `${JSON.stringify(into)} cannot be restored into`, hint });

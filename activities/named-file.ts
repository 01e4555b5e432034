/** A file that somebody named in a setting or on the command line. */
import { readFileSync } from 'node:fs';
import { AssayError, reasonOf } from '../domain/errors.ts';

/** Its bytes. `what`: as the sentence calls it; `hint`: where to correct its name. Throws usage with both, and with the reason, which names the file. */
export function readNamedFile(path: string, { what, hint }: { readonly what: string; readonly hint: string }): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new AssayError('usage', { reason: `cannot read ${what}: ${reasonOf(cause)}`, hint }, { cause });
  }
}

import { AssayError, reasonOf } from '../domain/errors.ts';

/** disk-full for what the file system says of a full disk or a spent quota; null for any other error. `writesTo`: for people. */
export function noRoom(error: unknown, writesTo: string): AssayError | null {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return null;
  return new AssayError('disk-full', { directory: writesTo, reason: reasonOf(error), neededBytes: 'some' }, { cause: error });
}

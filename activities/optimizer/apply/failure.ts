/** What went wrong on the source while a change was made, as an error of the catalogue. */
import { AssayError, isAssayError } from '../../../domain/errors.ts';
import { faultOf, scrubbedReason, toAssayError } from '../../pg-errors.ts';

export interface ApplyContext {
  readonly cluster: string;
  readonly role: string;
  /** To read after "may not". */
  readonly what: string;
  readonly neededBytes: number;
}

/** Throws nothing; gives change-blocked, disk-full, refused-by-guard, privilege-missing, cluster-unreachable, internal. */
export function applyFailure(error: unknown, { cluster, role, what, neededBytes }: ApplyContext): AssayError {
  if (isAssayError(error)) return error;
  const reason = scrubbedReason(error);
  switch (faultOf(error)) {
    case 'lock-timeout':
    case 'deadlock':
      return new AssayError('change-blocked', { what, cluster, reason });
    case 'disk-full':
      return new AssayError('disk-full', { directory: `the tablespace of the index on ${cluster}`, reason, neededBytes });
    case 'read-only':
      return new AssayError('refused-by-guard', {
        what,
        reason: `${cluster} takes no writes: ${reason}`,
        hint: 'name the primary in the connection of assay.yaml',
      });
    default:
      return toAssayError(error, { cluster, role, what });
  }
}

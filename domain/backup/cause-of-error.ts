/** What an error that ended a proof says about the backup. Pure. */
import { AssayError, type ErrorCode, reasonOf } from '../errors.ts';
import type { Cause } from './model.ts';
import { isFault } from './verdict.ts';

/** An AssayError, or what is left of one after a workflow carried it. */
export interface CarriedError {
  readonly code: string;
  readonly message: string;
  readonly values?: Readonly<Record<string, string | number>>;
}

export interface EndedBy {
  readonly verdict: 'failed' | 'inconclusive';
  readonly cause: Cause;
  readonly because: readonly string[];
}

const CAUSES: Partial<Record<ErrorCode, Cause>> = {
  'target-not-reached': 'target-not-reached',
  'archiving-broken': 'archive-dropped',
  'backup-unknown': 'backup-missing',
  'repository-unreachable': 'repository-unreachable',
  'wrong-cipher-key': 'wrong-cipher-key',
  'disk-full': 'disk-full',
  'system-identifier-differs': 'system-identifier-differs',
  'binaries-missing': 'missing-binaries',
  'marker-busy': 'no-marker',
  'clone-start-failed': 'clone-start-failed',
  'refused-by-guard': 'clone-start-failed',
  'clone-limit': 'interrupted',
  'clone-foreign': 'interrupted',
  'backup-expiring': 'interrupted',
  'engine-busy': 'interrupted',
  cancelled: 'interrupted',
};

/** pgBackRest's statuses that say a file of the backup is not what it was (build/error.yaml). */
const ENGINE_FAULTS: Readonly<Record<string, Cause>> = {
  '26': 'backup-file-corrupt',
  '28': 'backup-file-corrupt',
  '29': 'backup-file-corrupt',
  '95': 'backup-file-corrupt',
  '55': 'backup-missing',
};

/** `values.cause` names the cause where whoever threw knew better than the code says. */
export function causeOfError(error: unknown): EndedBy {
  const { code, message, values } = carried(error);
  const cause = namedCause(values) ?? engineCause(code, message, values) ?? startCause(code, message) ?? CAUSES[code as ErrorCode] ?? 'unknown';
  return { verdict: isFault(cause) ? 'failed' : 'inconclusive', cause, because: [message] };
}

function carried(error: unknown): CarriedError {
  if (error instanceof AssayError) return { code: error.code, message: error.message, values: error.values };
  if (typeof error === 'object' && error !== null && 'code' in error && 'message' in error) return error as CarriedError;
  return { code: 'internal', message: reasonOf(error) };
}

const namedCause = (values: CarriedError['values']): Cause | undefined => (typeof values?.cause === 'string' ? (values.cause as Cause) : undefined);

function engineCause(code: string, message: string, values: CarriedError['values']): Cause | undefined {
  if (code !== 'engine-failed' && code !== 'engine-refused') return undefined;
  const status = values?.status ?? / ended with status (\d+):/.exec(message)?.[1];
  return ENGINE_FAULTS[String(status)];
}

/** The start of a clone fails for reasons that lie in the host: words of PostgreSQL's own messages. */
function startCause(code: string, message: string): Cause | undefined {
  if (code !== 'clone-start-failed') return undefined;
  if (/could not load library|could not access file "\$libdir/.test(message)) return 'missing-extension';
  if (/initialized by PostgreSQL version|database files are incompatible/.test(message)) return 'missing-binaries';
  return /locale/.test(message) ? 'collation-version' : undefined;
}

/**
 * The only reader of SQLSTATEs: what went wrong on a connection, as a closed union, and as an error of the catalogue.
 * PostgreSQL's DETAIL, CONTEXT and STATEMENT carry rows: they are never read here, and the original error is never passed on as a cause.
 * Source: PostgreSQL manual, appendix A "PostgreSQL Error Codes".
 */
import { AssayError, isAssayError } from '../domain/errors.ts';
import { saidWithoutValues } from './pg-said.ts';

export type PgFault =
  | 'unreachable'
  | 'login-refused'
  | 'too-many-connections'
  | 'database-missing'
  | 'library-missing'
  | 'privilege-missing'
  | 'lock-timeout'
  | 'deadlock'
  | 'conflict'
  | 'cancelled'
  | 'object-missing'
  | 'function-missing'
  | 'no-free-slot'
  | 'out-of-locks'
  | 'snapshot-gone'
  | 'read-only'
  | 'disk-full'
  | 'corrupt'
  | 'other';

const faults: Readonly<Record<string, PgFault>> = {
  '28000': 'login-refused',
  '28P01': 'login-refused',
  '53300': 'too-many-connections',
  '3D000': 'database-missing',
  '42501': 'privilege-missing',
  '55P03': 'lock-timeout',
  '40P01': 'deadlock',
  '40001': 'conflict',
  '57014': 'cancelled',
  '42P01': 'object-missing',
  '3F000': 'object-missing',
  '42704': 'object-missing',
  '42883': 'function-missing',
  '53400': 'no-free-slot',
  '53200': 'out-of-locks',
  '25006': 'read-only',
  '53100': 'disk-full',
  XX001: 'corrupt',
  XX002: 'corrupt',
  '57P01': 'unreachable',
  '57P02': 'unreachable',
  '57P03': 'unreachable',
};

const socketFaults = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']);

/** What went wrong. Anything that is not PostgreSQL's or a socket's is `other`. */
export function faultOf(error: unknown): PgFault {
  const code = codeOf(error);
  if (code !== undefined) {
    // 08P01 is an answer: a pooler that does not know a start-up option, for one
    if (socketFaults.has(code) || (code.startsWith('08') && code !== '08P01')) return 'unreachable';
    // the same code says that a file some function was to read is not there
    if (code === '58P01' && /^could not access file/.test(messageOf(error))) return 'library-missing';
    return faults[code] ?? 'other';
  }
  if (asksForPassword(error)) return 'login-refused';
  // node-pg gives these three without a code
  return /^(Connection terminated|timeout expired|Client has encountered a connection error)/.test(messageOf(error)) ? 'unreachable' : 'other';
}

/** Did a server answer, with whatever SQLSTATE? */
export function isServerError(error: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test(codeOf(error) ?? '') && faultOf(error) !== 'unreachable';
}

/** Is there a relation of that name already? Of two that make it at the same moment the second meets the catalogue's own unique index. */
export function isNameTaken(error: unknown): boolean {
  const constraint = typeof error === 'object' && error !== null && 'constraint' in error ? error.constraint : undefined;
  return codeOf(error) === '42P07' || (codeOf(error) === '23505' && constraint === 'pg_class_relname_nsp_index');
}

/**
 * One line for a log, a report or a certificate. PostgreSQL's own first line, unless it may quote a value out of a row
 * (data exceptions, constraint violations, errors raised by the user's functions): then the code, and what can be said without values.
 */
export function scrubbedReason(error: unknown): string {
  if (asksForPassword(error)) return 'the server asks for a password, and none is given';
  const code = codeOf(error);
  if (code === undefined || socketFaults.has(code)) return messageOf(error).split('\n')[0] as string;
  const mayQuoteRows = /^(22|23|P0|44|38|39)/.test(code);
  return mayQuoteRows ? inWords(error, code) : `${(messageOf(error).split('\n')[0] as string).slice(0, 200)} (${code})`;
}

/**
 * The same where the SQL itself is the user's: any part of any message may then quote a row, as `role "…" does not exist` does. The code comes first, then
 * what can be said without values.
 */
export function reasonByCode(error: unknown): string {
  const code = codeOf(error);
  return code !== undefined && isServerError(error) ? inWords(error, code) : scrubbedReason(error);
}

function inWords(error: unknown, code: string): string {
  const field = (name: string) => {
    const value: unknown = typeof error === 'object' && error !== null && name in error ? Reflect.get(error, name) : undefined;
    return typeof value === 'string' ? value : undefined;
  };
  const names = { routine: field('routine'), constraint: field('constraint'), table: field('table'), column: field('column') };
  return `PostgreSQL error ${code}: ${saidWithoutValues({ code, message: messageOf(error), ...names })}`;
}

export interface PgContext {
  readonly cluster: string;
  readonly role: string;
  /** What was tried, to read after "may not". */
  readonly what: string;
  /** Statement or command that grants it. */
  readonly grant?: string;
}

/** The catalogue's error for anything a connection threw; an AssayError stays as it is. */
export function toAssayError(error: unknown, context: PgContext): AssayError {
  if (isAssayError(error)) return error;
  const reason = scrubbedReason(error);
  switch (faultOf(error)) {
    case 'privilege-missing':
      return new AssayError('privilege-missing', { role: context.role, what: context.what, grant: context.grant ?? 'see `assay plan` for the grants' });
    case 'unreachable':
    case 'login-refused':
    case 'too-many-connections':
    case 'database-missing':
    // one of session_preload_libraries, for whoever logs in
    case 'library-missing':
    // ended by a time-out or by somebody: another try may well work
    case 'cancelled':
    case 'lock-timeout':
      return new AssayError('cluster-unreachable', { cluster: context.cluster, reason });
    default:
      return new AssayError('internal', { reason: `${context.what}: ${reason}` });
  }
}

function codeOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** The driver's own words, without a code, for a password that it does not have. */
const asksForPassword = (error: unknown) => /client password must be a/.test(messageOf(error));

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

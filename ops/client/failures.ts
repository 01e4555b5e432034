/** What comes back from Temporal, as errors of our catalogue. Failures of steps carry their code as type and their values as first detail. */
import {
  ApplicationFailure,
  CancelledFailure,
  isGrpcServiceError,
  NamespaceNotFoundError,
  TerminatedFailure,
  TimeoutFailure,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { AssayError, catalogue, type ErrorCode, type ErrorValues, reasonOf } from '../../domain/errors.ts';

/** Whom the failed call was made to, and what for. */
export interface CallContext {
  readonly address: string;
  /** What was asked for, for the message: `backup/shop/run/7f3a`. */
  readonly what: string;
}

/** Any error as one of the catalogue; an AssayError is passed on as it is. */
export function asAssayError(error: unknown, { address, what }: CallContext): AssayError {
  if (error instanceof AssayError) return error;
  const chain = [...causes(error)];
  const found = chain.find((link) => link instanceof ApplicationFailure && isCode(link.type));
  if (found instanceof ApplicationFailure) return fromApplicationFailure(found, error);
  if (chain.some((link) => link instanceof NamespaceNotFoundError)) {
    return new AssayError('temporal-unreachable', { address, reason: reasonOf(error) }, { cause: error });
  }
  if (isConnectionError(error)) return new AssayError('temporal-unreachable', { address, reason: shortReason(chain) }, { cause: error });
  if (chain.some((link) => link instanceof CancelledFailure)) return new AssayError('cancelled', { what }, { cause: error });
  if (chain.some((link) => link instanceof TerminatedFailure))
    return new AssayError('cancelled', { what: `${what} (terminated in Temporal)` }, { cause: error });
  if (chain.some((link) => link instanceof WorkflowNotFoundError)) {
    return new AssayError('usage', { reason: `no ${what} is known`, hint: 'see what there is with `assay backup status`' }, { cause: error });
  }
  const deepest = error instanceof WorkflowFailedError || chain.some((link) => link instanceof TimeoutFailure) ? chain.at(-1) : error;
  return new AssayError('internal', { reason: `${what}: ${reasonOf(deepest)}` }, { cause: error });
}

/** The server is not there, or not there in time; a later try may succeed. */
export function isConnectionError(error: unknown): boolean {
  const UNAVAILABLE = 14;
  const DEADLINE_EXCEEDED = 4;
  const UNAUTHENTICATED = 16;
  return [...causes(error)].some((link) => {
    if (isGrpcServiceError(link)) return [UNAVAILABLE, DEADLINE_EXCEEDED, UNAUTHENTICATED].includes(link.code);
    return link instanceof Error && /Failed to connect before the deadline|ECONNREFUSED/.test(link.message);
  });
}

function fromApplicationFailure(failure: ApplicationFailure, cause: unknown): AssayError {
  const [values] = failure.details ?? [];
  const error = new AssayError(failure.type as ErrorCode, isValues(values) ? values : { reason: failure.message }, { cause }); // isCode held for it
  // the step's own sentence counts: an older or newer worker may word it differently
  if (failure.message !== '') error.message = failure.message;
  return error;
}

const isCode = (type: string | null | undefined): type is ErrorCode => typeof type === 'string' && Object.hasOwn(catalogue, type);

const isValues = (value: unknown): value is ErrorValues =>
  typeof value === 'object' && value !== null && Object.values(value).every((each) => typeof each === 'string' || typeof each === 'number');

function* causes(error: unknown): Generator<unknown> {
  for (let link = error, depth = 0; link !== undefined && link !== null && depth < 20; depth += 1) {
    yield link;
    link = link instanceof Error ? link.cause : undefined;
  }
}

const shortReason = (chain: readonly unknown[]): string => (reasonOf(chain.at(-1)).split('\n')[0] ?? '').replace(/^\d+ [A-Z_]+: /, '');

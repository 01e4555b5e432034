/** Errors of our catalogue raised inside a workflow: the run ends with them; Temporal would retry anything else for ever. */
import { ApplicationFailure } from '@temporalio/workflow';
import { AssayError } from '../../domain/errors.ts';

export function usageFailure<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    const { code, message, values, hint } = error;
    throw ApplicationFailure.create({ type: code, message, details: [{ ...values, hint }], nonRetryable: true });
  }
}

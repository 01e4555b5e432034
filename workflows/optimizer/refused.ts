/** Errors of our catalogue raised inside a workflow: the run ends with them; Temporal would retry anything else for ever. */
import { ApplicationFailure } from '@temporalio/workflow';
import { AssayError } from '../../domain/errors.ts';

export function usageFailure<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof AssayError ? assayFailure(error) : error;
  }
}

export const assayFailure = ({ code, message, values, hint }: AssayError): ApplicationFailure =>
  ApplicationFailure.create({ type: code, message, details: [{ ...values, hint }], nonRetryable: true });

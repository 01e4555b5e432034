/** Making one check result: timed, and never thrown. */
import type { Cause, CheckName, CheckOutcome, CheckResult, CloneRef } from '../../../domain/backup/model.ts';
import { isAssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { StepIo } from '../../io.ts';
import { faultOf, scrubbedReason } from '../../pg-errors.ts';

/** What every check is given. */
export interface OnClone {
  readonly policy: ClusterPolicy;
  readonly clone: CloneRef;
  readonly io: StepIo;
}

export interface Finding {
  readonly outcome: CheckOutcome;
  readonly cause?: Cause;
  readonly because: readonly string[];
}

/** Runs a check. What it throws becomes `failed` where the server says that data is corrupt, else `unusable`; only a cancelled step is thrown on. */
export async function checked(name: CheckName, database: string | null, check: () => Promise<Finding>): Promise<CheckResult> {
  const began = performance.now();
  const finding = await check().catch(whatThrown);
  return { name, database, outcome: finding.outcome, cause: finding.cause ?? null, because: finding.because, tookMs: Math.round(performance.now() - began) };
}

/** What an error of the clone's server says. Texts hold no rows. */
export function whatThrown(error: unknown): Finding {
  if (isAssayError(error, 'cancelled')) throw error;
  const reason = scrubbedReason(error);
  if (faultOf(error) === 'corrupt') return { outcome: 'failed', cause: 'page-corrupt', because: [reason] };
  if (faultOf(error) === 'disk-full') return { outcome: 'unusable', cause: 'disk-full', because: [reason] };
  if (isLibraryMissing(reason)) return { outcome: 'unusable', cause: 'missing-extension', because: [reason] };
  return { outcome: 'unusable', cause: 'unknown', because: [reason] };
}

export const isLibraryMissing = (message: string): boolean => /could not (access file|load library)/.test(message);

/** `1 table`, `3 tables`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

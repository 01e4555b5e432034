/** Around every step: our errors become Temporal failures, failures are observed, and a test can kill the worker at a named point. */
import { appendFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ApplicationFailure, CancelledFailure, type Context } from '@temporalio/activity';
import type { ActivityInboundCallsInterceptor } from '@temporalio/worker';
import { noRoom } from '../activities/no-room.ts';
import { faultOf, type PgFault, scrubbedReason } from '../activities/pg-errors.ts';
import { AssayError, isAssayError, reasonOf } from '../domain/errors.ts';
import type { Observe } from '../domain/observation.ts';
import { beatAgain } from './activity-io.ts';

const BEAT_MS = 2_000;

export function stepInterceptor(observe: Observe, crashAt: CrashPoint | null): (context: Context) => { inbound: ActivityInboundCallsInterceptor } {
  return (context) => ({
    inbound: {
      async execute(input, next) {
        const step = context.info.activityType;
        crashIf(crashAt, step, 'before');
        const beat = context.info.heartbeatTimeoutMs ? setInterval(() => beatAgain(context), BEAT_MS) : undefined;
        try {
          const result = await next(input);
          crashIf(crashAt, step, 'after');
          return result;
        } catch (error) {
          throw asFailure(error, step, observe);
        } finally {
          clearInterval(beat);
        }
      },
    },
  });
}

function asFailure(error: unknown, step: string, observe: Observe): unknown {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  if (isAssayError(error, 'cancelled')) return new CancelledFailure(error.message);
  const ours = error instanceof AssayError ? error : unforeseen(error);
  observe({ kind: 'step-failed', step, code: ours.code, message: ours.message });
  return ApplicationFailure.create({ type: ours.code, message: ours.message, details: [{ ...ours.values, hint: ours.hint }], nonRetryable: !ours.retryable });
}

/** Errors of clusters and engines are ours long before they get here (activities/pg.ts): a connection that failed without a name is the control database's. */
function unforeseen(error: unknown): AssayError {
  // any file that a step writes may be the one there is no room for
  const full = noRoom(error, folderOf(error));
  if (full !== null) return full;
  const code = CONNECTION_FAULTS.includes(faultOf(error)) ? 'control-unreachable' : 'internal';
  return new AssayError(code, { reason: code === 'internal' ? reasonOf(error) : scrubbedReason(error) }, { cause: error });
}

/** An open names its path, a write does not. */
const folderOf = (error: unknown): string =>
  error instanceof Error && 'path' in error && typeof error.path === 'string' ? dirname(error.path) : 'a folder that the step writes to';

const CONNECTION_FAULTS: readonly PgFault[] = ['unreachable', 'login-refused', 'too-many-connections', 'database-missing'];

/** `takeBackup:before`; a point fires in every process that was given it, so a restarted worker is started without. */
export interface CrashPoint {
  readonly step: string;
  readonly when: 'before' | 'after';
  /** Written to just before the end, so that a test knows the point was reached. */
  readonly reportTo: string | null;
}

/** From ASSAY_CRASH_AT, which only tests set. */
export function crashPointOf(env: Readonly<Record<string, string | undefined>>): CrashPoint | null {
  const [step, when] = (env.ASSAY_CRASH_AT ?? '').split(':');
  if (!step || (when !== 'before' && when !== 'after')) return null;
  return { step, when, reportTo: env.ASSAY_CRASH_REPORT ?? null };
}

function crashIf(point: CrashPoint | null, step: string, when: CrashPoint['when']): void {
  if (point === null || point.step !== step || point.when !== when) return;
  if (point.reportTo !== null) appendFileSync(point.reportTo, `${step}:${when}\n`);
  process.kill(process.pid, 'SIGKILL');
}

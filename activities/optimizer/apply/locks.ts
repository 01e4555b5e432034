/** How long a statement of a change may wait for locks, and how it tries again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { AssayError } from '../../../domain/errors.ts';
import type { StepIo } from '../../io.ts';
import { faultOf, scrubbedReason } from '../../pg-errors.ts';

export interface LockWaits {
  readonly cluster: string;
  /** For a lock that others queue behind. */
  readonly shortMs: number;
  /** For the waits of CREATE INDEX CONCURRENTLY and its like: nobody who reads or writes queues behind those. */
  readonly longMs: number;
  /** All tries of one statement together. */
  readonly patienceMs: number;
}

/** `buildMs`: what the build took on the lab. */
export function lockWaits(cluster: string, { lockTimeoutMs, buildMs }: { readonly lockTimeoutMs: number; readonly buildMs: number }): LockWaits {
  const longMs = Math.max(30 * lockTimeoutMs, Math.min(2 * Math.round(buildMs), 600_000));
  return { cluster, shortMs: lockTimeoutMs, longMs, patienceMs: 3 * longMs };
}

interface Patient {
  readonly client: pg.Client;
  readonly waits: LockWaits;
  readonly io: StepIo;
}

/** Runs it, again where a lock was in the way. Throws as patiently. */
export const runPatiently = (patient: Patient, sql: string, wait: 'short' | 'long'): Promise<void> =>
  patiently(patient, firstWords(sql), () => execute(patient, sql, wait));

/** One try. Throws PostgreSQL's errors. */
export async function execute({ client, waits }: Patient, sql: string, wait: 'short' | 'long'): Promise<void> {
  await client.query(`/* assay optimizer */ set lock_timeout = ${wait === 'short' ? waits.shortMs : waits.longMs}`);
  await client.query(`/* assay optimizer */ ${sql}`);
}

/** Tries, again where a lock was in the way: the attempt looks anew each time. Throws change-blocked once patience is over, cancelled, and what the attempt throws. */
export async function patiently<T>({ waits, io }: Patient, what: string, attempt: () => Promise<T>): Promise<T> {
  const end = Date.now() + waits.patienceMs;
  for (let pauseMs = Math.min(1_000, waits.shortMs); ; pauseMs = Math.min(2 * pauseMs, 30_000)) {
    try {
      return await attempt();
    } catch (error) {
      if (!['lock-timeout', 'deadlock'].includes(faultOf(error))) throw error;
      if (Date.now() >= end) throw new AssayError('change-blocked', { what, cluster: waits.cluster, reason: scrubbedReason(error) });
    }
    if (io.signal.aborted) throw new AssayError('cancelled', { what });
    io.beat({ waitingFor: 'a lock' });
    await sleep(pauseMs, undefined, { signal: io.signal }).catch(() => {});
  }
}

const firstWords = (sql: string): string => sql.split(' ').slice(0, 3).join(' ');

/** How long a statement of a change may wait for locks, how it tries again, and who is named where patience ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { AssayError } from '../../../domain/errors.ts';
import type { RelationName } from '../../../domain/optimizer/model.ts';
import type { StepIo } from '../../io.ts';
import { faultOf, scrubbedReason } from '../../pg-errors.ts';
import type { Ask } from './watch.ts';

export interface LockWaits {
  readonly cluster: string;
  readonly table: RelationName;
  /** For a lock that others queue behind. */
  readonly shortMs: number;
  /** For the waits of CREATE INDEX CONCURRENTLY and its like: nobody who reads or writes queues behind those. */
  readonly longMs: number;
  /** All tries of one statement together. */
  readonly patienceMs: number;
}

interface Times {
  readonly lockTimeoutMs: number;
  /** What the build took on the lab. */
  readonly buildMs: number;
}

export function lockWaits(cluster: string, table: RelationName, { lockTimeoutMs, buildMs }: Times): LockWaits {
  const longMs = Math.max(30 * lockTimeoutMs, Math.min(2 * Math.round(buildMs), 600_000));
  return { cluster, table, shortMs: lockTimeoutMs, longMs, patienceMs: 3 * longMs };
}

interface Patient {
  readonly client: pg.Client;
  /** Of the session's backend. */
  readonly pid: number;
  /** As the fleet's own role, which sees what others do; a table's owner may not. */
  readonly ask: Ask;
  readonly waits: LockWaits;
  readonly io: StepIo;
}

/** One try. Throws PostgreSQL's errors. */
export async function execute({ client, waits }: Pick<Patient, 'client' | 'waits'>, sql: string, wait: 'short' | 'long'): Promise<void> {
  await client.query(`/* assay optimizer */ set lock_timeout = ${wait === 'short' ? waits.shortMs : waits.longMs}`);
  await client.query(`/* assay optimizer */ ${sql}`);
}

/** Tries, again where a lock was in the way: the attempt looks anew each time. Throws change-blocked once patience is over, cancelled, and what it throws. */
export async function patiently<T>(patient: Patient, what: string, attempt: () => Promise<T>): Promise<T> {
  const { waits, io } = patient;
  const end = Date.now() + waits.patienceMs;
  for (let pauseMs = Math.min(1_000, waits.shortMs); ; pauseMs = Math.min(2 * pauseMs, 30_000)) {
    try {
      return await attempt();
    } catch (error) {
      if (!['lock-timeout', 'deadlock'].includes(faultOf(error))) throw error;
      const reason = (await whoBlocks(patient)) ?? scrubbedReason(error);
      if (Date.now() + pauseMs >= end) throw new AssayError('change-blocked', { what, cluster: waits.cluster, reason });
      io.beat({ waitingFor: reason });
    }
    await sleep(pauseMs, undefined, { signal: io.signal }).catch(() => {});
    if (io.signal.aborted) throw new AssayError('cancelled', { what });
  }
}

/**
 * A concurrent build waits for every transaction that is older than itself, whatever it does: one that has been open for longer than the build may wait
 * would cost a build for nothing. Waits until there is none. Throws change-blocked, cancelled.
 */
export async function quietEnough(patient: Patient): Promise<void> {
  const { pid, ask, waits, io } = patient;
  const end = Date.now() + waits.patienceMs;
  for (let pauseMs = Math.min(1_000, waits.shortMs); ; pauseMs = Math.min(2 * pauseMs, 30_000)) {
    const { rows } = await ask((client) => client.query<Blocker>(blockersSql(OPEN), [pid]));
    const [oldest] = rows;
    if (oldest === undefined || oldest.seconds * 1_000 < waits.longMs) return;
    const reason = told(oldest);
    if (Date.now() + pauseMs >= end) throw new AssayError('change-blocked', { what: 'a concurrent build', cluster: waits.cluster, reason });
    io.beat({ waitingFor: reason });
    await sleep(pauseMs, undefined, { signal: io.signal }).catch(() => {});
    if (io.signal.aborted) throw new AssayError('cancelled', { what: 'waiting for older transactions' });
  }
}

interface Blocker {
  readonly pid: number;
  readonly state: string | null;
  readonly seconds: number;
}

/** Whoever holds a lock on the table for the longest; else the oldest transaction. null: there is neither any more. */
async function whoBlocks({ pid, ask, waits: { table } }: Patient): Promise<string | null> {
  const onTable = `exists (select from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
    where l.pid = a.pid and l.granted and n.nspname = $2 and c.relname = $3)`;
  // who it is, is good to know; that something blocks, is known already
  const [blocker] = await ask(async (client) => {
    const holders = await client.query<Blocker>(blockersSql(onTable), [pid, table.schema, table.relation]);
    return (holders.rows.length > 0 ? holders : await client.query<Blocker>(blockersSql(OPEN), [pid])).rows;
  }).catch(() => []);
  return blocker === undefined ? null : told(blocker);
}

/** Its query is none of what is told: it may hold values. */
const told = ({ pid, state, seconds }: Blocker): string => `process ${pid} (${state ?? 'unknown'}), with a transaction open for ${Math.round(seconds)} s`;

/** What a concurrent build waits for. */
const OPEN = 'a.backend_xmin is not null or a.backend_xid is not null';

const blockersSql = (where: string) => `/* assay optimizer */ select a.pid, a.state, extract(epoch from clock_timestamp() - a.xact_start)::float8 as seconds
  from pg_stat_activity a where a.datname = current_database() and a.pid not in ($1, pg_backend_pid()) and a.xact_start is not null and (${where})
  order by a.xact_start limit 1`;

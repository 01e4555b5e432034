/**
 * Way 0, no lock at all: a temporary logical slot exports a snapshot that sees exactly the transactions committed before its consistent
 * point in WAL order. Needs wal_level = logical and REPLICATION. Source: SnapBuildInitialSnapshot in snapbuild.c; backup.md 2.4.
 */
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { ident, literal } from '../../pg.ts';
import { faultOf, isServerError, scrubbedReason } from '../../pg-errors.ts';
import { type HeldSnapshot, holdSnapshot, type NoSnapshot } from './held-snapshot.ts';
import { endAll, type MarkerSource, openReader, openWalsender, processIdOf } from './session.ts';

interface ExportedSlot {
  readonly consistent_point: string;
  readonly snapshot_name: string;
}

/** Waits for transactions already running, at most `waitMs`; the slot is gone before this returns. */
export async function bySlot(source: MarkerSource, watch: pg.Client, waitMs: number): Promise<HeldSnapshot | NoSnapshot> {
  const no = (kind: NoSnapshot['kind'], reason: string): NoSnapshot => ({ way: 'slot', kind, reason });
  const lacking = await whatIsLacking(watch);
  if (lacking !== null) return no('unavailable', lacking);
  let walsender: pg.Client | undefined;
  let holder: pg.Client | undefined;
  try {
    holder = await openReader(source);
    // making a slot waits for each running transaction by a lock on its id, so lock_timeout bounds each of these waits
    walsender = await openWalsender(source, { lock_timeout: `${waitMs}ms` });
    const heldSinceMs = performance.now();
    const slot = await createSlot(walsender, { watch, waitMs, signal: source.signal });
    await holder.query(`begin isolation level repeatable read read only; set transaction snapshot ${literal(slot.snapshot_name)}`);
    const held = await holdSnapshot(holder, watch, { way: 'slot', lsn: slot.consistent_point, heldSinceMs, fenceMs: 0 });
    holder = undefined;
    return held;
  } catch (error) {
    const fault = faultOf(error);
    // the watchdog's cancel ended it: several waits one after the other
    if (fault === 'lock-timeout' || fault === 'cancelled') return no('busy', `a transaction kept running for ${waitMs} ms`);
    if (fault === 'no-free-slot' || fault === 'too-many-connections') return no('busy', scrubbedReason(error));
    // no line for replication in pg_hba.conf, no slots configured, a pooler in the way: another way may still do
    if (isServerError(error) && fault !== 'database-missing') return no('unavailable', scrubbedReason(error));
    throw error;
  } finally {
    // the slot is temporary: it ends with its connection, its snapshot lives on in the holder
    await endAll([walsender, holder]);
  }
}

async function whatIsLacking(watch: pg.Client): Promise<string | null> {
  const { rows } = await watch.query<{ level: string; replication: boolean }>(
    "/* assay backup */ select current_setting('wal_level') as level, rolreplication or rolsuper as replication from pg_roles where rolname = current_user",
  );
  const { level, replication } = rows[0] as { level: string; replication: boolean };
  if (level !== 'logical') return `wal_level is ${level}, not logical`;
  return replication ? null : 'the role lacks REPLICATION';
}

async function createSlot(walsender: pg.Client, limits: { watch: pg.Client; waitMs: number; signal: AbortSignal }): Promise<ExportedSlot> {
  let cancelled = false;
  const cancel = () => {
    if (cancelled) return;
    cancelled = true;
    void limits.watch.query('/* assay backup */ select pg_cancel_backend($1)', [processIdOf(walsender)]).catch(() => {});
  };
  const watchdog = setTimeout(cancel, limits.waitMs + 100);
  limits.signal.addEventListener('abort', cancel, { once: true });
  try {
    const name = `assay_${randomBytes(8).toString('hex')}`;
    // the form PostgreSQL 14 knows too; later majors still take it
    const { rows } = await walsender.query<ExportedSlot>(`CREATE_REPLICATION_SLOT ${ident(name)} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT`);
    return rows[0] as ExportedSlot;
  } finally {
    clearTimeout(watchdog);
    limits.signal.removeEventListener('abort', cancel);
  }
}

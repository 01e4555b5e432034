/** A snapshot of the source whose LSN is known, held open so that any number of sessions can read in it. */
import type pg from 'pg';
import type { Lsn } from '../../../domain/backup/lsn.ts';
import type { Instant, MarkerWay } from '../../../domain/backup/model.ts';
import { formatSnapshot, normalise, parseSnapshot, type Snapshot } from '../../../domain/backup/snapshot.ts';
import { readStatusRuns } from './transaction-status.ts';

export interface HeldSnapshot {
  readonly way: MarkerWay;
  /** Every commit before it is in the snapshot, none from it on. */
  readonly lsn: Lsn;
  readonly timeline: number;
  readonly systemIdentifier: string;
  /** A session stays in the database it came to, whatever becomes of its name. */
  readonly databaseOid: number;
  readonly at: Instant;
  /** Normalised: see domain/backup/snapshot.ts. */
  readonly snapshot: string;
  /**
   * Oids of tables somebody held exclusively at that moment. Such a lock is in WAL: a copy that stops here holds it too, for good, since
   * its owner never ends there.
   */
  readonly locked: ReadonlySet<number>;
  /** For SET TRANSACTION SNAPSHOT; valid until the holder ends. */
  readonly exportedId: string;
  /** In a repeatable-read, read-only transaction with this snapshot. Takes no table locks. */
  readonly holder: pg.Client;
  /** performance.now() when the snapshot began to hold back vacuum. */
  readonly heldSinceMs: number;
  readonly fenceMs: number;
}

/** Why a way gave no snapshot. `busy`: might at a calmer moment; `unavailable`: never, as the cluster is set up now. */
export interface NoSnapshot {
  readonly way: MarkerWay;
  readonly kind: 'busy' | 'unavailable';
  readonly reason: string;
}

export const isHeld = (attempt: HeldSnapshot | NoSnapshot): attempt is HeldSnapshot => 'holder' in attempt;

/** Longest range of transaction ids that is looked through one by one. */
const MAX_RANGE = 2_000_000n;

interface Consistent {
  readonly way: MarkerWay;
  readonly lsn: Lsn;
  readonly heldSinceMs: number;
  readonly fenceMs: number;
  /** On a standby: what a server in recovery does not tell later. */
  readonly known?: { readonly snapshot: string; readonly timeline: number };
}

/**
 * Describes the snapshot the holder's transaction is in. `watch` is another session of the same database: it tells what became of
 * transactions that the snapshot's text leaves out (subtransactions still running, transactions rolled back).
 */
export async function holdSnapshot(holder: pg.Client, watch: pg.Client, consistent: Consistent): Promise<HeldSnapshot> {
  // it is immutable by declaration, and refused in recovery even in a branch that is not taken
  const timeline = consistent.known === undefined ? "('x' || left(pg_walfile_name($1::pg_lsn), 8))::bit(32)::int" : String(consistent.known.timeline);
  const { rows } = await holder.query<{
    snapshot: string;
    exported: string;
    timeline: number;
    systemIdentifier: string;
    databaseOid: string;
    locked: readonly string[];
    at: string;
  }>(
    `/* assay backup */ select pg_current_snapshot()::text as snapshot, pg_export_snapshot() as exported,
       (select system_identifier::text from pg_control_system()) as "systemIdentifier",
       (select oid::int8 from pg_database where datname = current_database()) as "databaseOid",
       array(select relation::int8 from pg_locks where locktype = 'relation' and mode = 'AccessExclusiveLock' and granted
         and database = (select oid from pg_database where datname = current_database())) as locked,
       ${timeline} as timeline,
       to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at`,
    consistent.known === undefined ? [consistent.lsn] : [],
  );
  const row = rows[0] as (typeof rows)[number];
  const { known, ...moment } = consistent;
  const snapshot = known?.snapshot ?? formatSnapshot(await normalised(watch, parseSnapshot(row.snapshot), consistent.way));
  const { systemIdentifier, at, databaseOid } = row;
  const locked = new Set(row.locked.map(Number));
  return { ...moment, timeline: row.timeline, systemIdentifier, databaseOid: Number(databaseOid), at, snapshot, locked, exportedId: row.exported, holder };
}

async function normalised(watch: pg.Client, printed: Snapshot, way: MarkerWay): Promise<Snapshot> {
  const range = { from: printed.xmin, to: printed.xmax };
  if (range.to - range.from > MAX_RANGE) throw new RangeError(`the oldest running transaction is ${range.to - range.from} transactions old`);
  // a slot's snapshot is normalised by nature: its list holds everything not committed before the LSN, and asking now would come too late
  return way === 'slot' ? printed : normalise(printed, await readStatusRuns(watch, range));
}

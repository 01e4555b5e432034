/** The nouns of markers: what was read of the source, and what was left out. Re-exported by model.ts, where everybody finds them. */
import type { Lsn } from './lsn.ts';
import type { Instant, Witness } from './model.ts';

/** How equality of a table's rows was established. `hash`: equality of the types' own operators; `text`: of the output form. */
export type Equality = 'hash' | 'text';

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

/** Fingerprint of one table: row count and the order-free sum of seeded row hashes (backup.md 2.4). */
export interface TableFingerprint extends TableName {
  readonly oid: number;
  readonly rows: string;
  /** numeric as text; '0' for an empty table. */
  readonly sum: string;
  readonly equality: Equality;
  readonly bytes: number;
  /** Seeds of the two hashes, int8 as text, never '0'. */
  readonly seeds: readonly [string, string];
  /** Moment of the snapshot this fingerprint was really taken in; an older one than the marker's where budget mode reused it. */
  readonly takenAt: Instant;
}

export type NotCoveredReason =
  | 'unlogged'
  | 'foreign-table'
  | 'large-objects'
  | 'row-security'
  | 'no-privilege'
  | 'budget'
  | 'dropped-while-reading'
  | 'database-excluded'
  | 'created-after-marker'
  | 'unreadable-type'
  | 'temporary';

export interface NotCovered {
  readonly database: string;
  /** null: the database as a whole. */
  readonly object: string | null;
  readonly reason: NotCoveredReason;
  readonly detail: string;
}

export interface SequenceState extends TableName {
  readonly lastValue: string;
  readonly increment: string;
}

/** The way a marker's snapshot and LSN were made to agree, best first (backup.md 2.4, ways 0-2); `standby` where one is given (way 3). */
export type MarkerWay = 'slot' | 'optimistic' | 'fence' | 'standby';

/** Fingerprints of one database's tables in one snapshot whose LSN is known. */
export interface Marker {
  readonly id: string;
  readonly cluster: string;
  readonly database: string;
  readonly way: MarkerWay;
  /** The clone stops here, exclusive. */
  readonly lsn: Lsn;
  readonly timeline: number;
  /** Of the cluster it was made on; left out by markers older than this field. */
  readonly systemIdentifier?: string;
  /** Of the database it was made of, whatever its name was or is; left out by markers older than this field. */
  readonly databaseOid?: number;
  /** Oids of all databases there were when the run began that made it, templates left out; left out by markers older than this field. */
  readonly knownDatabases?: readonly number[];
  readonly at: Instant;
  /** `xmin:xmax:xip,…` as pg_current_snapshot() prints it. */
  readonly snapshot: string;
  /** Newest witness visible in the snapshot; null where this database holds no witnesses. */
  readonly witness: Witness | null;
  readonly fingerprints: readonly TableFingerprint[];
  /** `oids`: columns that print names of other objects went into text fingerprints by their oids; left out by older markers: as they print. */
  readonly textForm?: 'oids';
  readonly sequences: readonly SequenceState[];
  readonly notCovered: readonly NotCovered[];
  readonly tookMs: number;
  /** How long writers could have been blocked; 0 for `slot` and `optimistic`. */
  readonly fenceMs: number;
  /** `sample` mode: oid of the last table read; the next sample goes on after it. */
  readonly sampledUpTo?: number;
  /** `changed` mode: by oid, a digest of file, columns and change counters just before the snapshot; equal later, nothing was seen to change. */
  readonly changeKeys?: Readonly<Record<string, string>>;
}

/** What travels through workflows: no fingerprints, no rows. Timeline and system are left out where they are not known: then they are taken to be the cluster's. */
export type MarkerRef = Pick<Marker, 'id' | 'database' | 'lsn' | 'at'> & Partial<Pick<Marker, 'timeline' | 'systemIdentifier'>>;

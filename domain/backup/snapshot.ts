/**
 * Snapshots as `pg_current_snapshot()` prints them, and the decision whether a clone holds exactly the transactions a marker saw.
 *
 * A marker's snapshot is *normalised*: between xmin and xmax its list names every transaction that had not committed, whether it was
 * running or had been rolled back, subtransactions included. So `sees` is "committed, and visible to the marker", and a rolled back
 * transaction needs no case of its own:
 *
 *   the clone is usable  ⇔  for every transaction id: sees(marker, id) = committed on the clone
 *
 * Source: PostgreSQL manual, "System Information Functions: Transaction ID and Snapshot"; XidInMVCCSnapshot in snapmgr.c;
 * SnapBuildInitialSnapshot in snapbuild.c (a slot's exported snapshot has this form by nature).
 */

export interface Snapshot {
  /** Every id below is ended. */
  readonly xmin: bigint;
  /** Every id from here on is not visible. */
  readonly xmax: bigint;
  /** Ids in [xmin, xmax) that are not visible, ascending. */
  readonly unseen: readonly bigint[];
}

const SNAPSHOT = /^(\d+):(\d+):((?:\d+(?:,\d+)*)?)$/;

/** Throws RangeError on anything that is not `xmin:xmax:id,id…`. */
export function parseSnapshot(text: string): Snapshot {
  const match = SNAPSHOT.exec(text);
  if (!match) throw new RangeError(`not a snapshot: ${text.slice(0, 80)}`);
  const [xmin, xmax] = [BigInt(match[1] as string), BigInt(match[2] as string)];
  const unseen = match[3] === '' ? [] : (match[3] as string).split(',').map(BigInt);
  const sound = xmin <= xmax && unseen.every((id, at) => id >= xmin && id < xmax && (at === 0 || id > (unseen[at - 1] as bigint)));
  if (!sound) throw new RangeError(`not a snapshot: ${text.slice(0, 80)}`);
  return { xmin, xmax, unseen };
}

export function formatSnapshot(snapshot: Snapshot): string {
  return `${snapshot.xmin}:${snapshot.xmax}:${snapshot.unseen.join(',')}`;
}

/** Whether rows of this transaction are visible in a normalised snapshot. */
export function sees(snapshot: Snapshot, id: bigint): boolean {
  if (id < snapshot.xmin) return true;
  return id < snapshot.xmax && !snapshot.unseen.includes(id);
}

/** What a server says of a transaction: `pg_xact_status`; null where it is too old to be known. */
export type TransactionStatus = 'committed' | 'aborted' | 'in progress' | null;

/** Neighbouring ids of one status, both ends included. */
export interface StatusRun {
  readonly from: bigint;
  readonly to: bigint;
  readonly status: TransactionStatus;
}

export interface IdRange {
  readonly from: bigint;
  /** Exclusive. */
  readonly to: bigint;
}

/**
 * The ids whose status the clone has to be asked for: all that either side does not know to be ended and seen.
 * From its own xmax on the clone has committed nothing, so asking stops there (pg_xact_status throws on ids it never heard of).
 */
export function rangeToAsk(marker: Snapshot, clone: Pick<Snapshot, 'xmin' | 'xmax'>): IdRange {
  const from = lower(marker.xmin, clone.xmin);
  return { from, to: higher(clone.xmax, from) };
}

/** Takes the ids that had not committed into the list: the normalised form. `runs` are the source's answers for [xmin, xmax). */
export function normalise(snapshot: Snapshot, runs: readonly StatusRun[]): Snapshot {
  const unseen = new Set(snapshot.unseen);
  for (const run of runs) {
    if (run.status === 'committed') continue;
    for (let id = run.from; id <= run.to; id += 1n) if (id >= snapshot.xmin && id < snapshot.xmax) unseen.add(id);
  }
  return { ...snapshot, unseen: [...unseen].sort((a, b) => (a < b ? -1 : 1)) };
}

export type Equivalence =
  | { readonly verdict: 'equal'; readonly because: readonly string[] }
  | { readonly verdict: 'unusable'; readonly because: readonly string[]; readonly differing: number };

const NAMED = 5;

/**
 * Whether the clone, paused, shows exactly the transactions the marker saw. `runs` must cover `rangeToAsk`; an id in it that no run names
 * counts as unknown. `unusable` says the comparison cannot be made at this point, never that the backup is bad.
 */
export function decideEquivalence(
  marker: Snapshot,
  clone: { readonly snapshot: Pick<Snapshot, 'xmin' | 'xmax'>; readonly runs: readonly StatusRun[] },
): Equivalence {
  const asked = rangeToAsk(marker, clone.snapshot);
  const end = higher(asked.to, marker.xmax);
  const statusOf = statusReader(clone.runs);
  const unseen = new Set(marker.unseen);
  const differing: string[] = [];
  let count = 0;
  for (let id = asked.from; id < end; id += 1n) {
    const seen = id < marker.xmin || (id < marker.xmax && !unseen.has(id));
    // from its own xmax on the clone has committed nothing
    const status = id < asked.to ? statusOf(id) : 'in progress';
    // below the marker's xmin "seen" also stands for rolled back, and a clone that knows the end of it knows the same end
    if (agrees(seen, status) || (id < marker.xmin && status === 'aborted')) continue;
    count += 1;
    if (count <= NAMED) differing.push(`transaction ${id} is ${status ?? 'unknown'} on the clone, ${seen ? 'seen' : 'not seen'} by the marker`);
  }
  if (count === 0) return { verdict: 'equal', because: [agreement(asked.from, end)] };
  return { verdict: 'unusable', because: [`${count} transaction(s) differ from the marker's snapshot`, ...differing], differing: count };
}

/** `end`: the first one after those that were compared. */
function agreement(from: bigint, end: bigint): string {
  if (end <= from) return `clone and marker see every transaction before ${end} and none from there on`;
  if (end - from === 1n) return `transaction ${from} agrees with the marker`;
  return `all ${end - from} transactions from ${from} to ${end - 1n} agree with the marker`;
}

function agrees(seen: boolean, status: TransactionStatus): boolean {
  if (status === null) return false;
  return seen === (status === 'committed');
}

/** Looks ids up in ascending order. */
function statusReader(runs: readonly StatusRun[]): (id: bigint) => TransactionStatus {
  const sorted = [...runs].sort((a, b) => (a.from < b.from ? -1 : 1));
  let at = 0;
  return (id) => {
    while (at < sorted.length && (sorted[at] as StatusRun).to < id) at += 1;
    const run = sorted[at];
    return run !== undefined && run.from <= id ? run.status : null;
  };
}

// Math.min and Math.max take no bigints
function lower(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

function higher(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

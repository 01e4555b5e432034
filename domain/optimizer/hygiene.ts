/**
 * Indexes that cost and bring nothing: what the catalogues and counters of the source say. Nothing here is proposed before the lab has measured it.
 * One that something other than reading rests on is kept, and the reason is said. Pure.
 */
import { type IndexUse, unusedSince } from './index-use.ts';
import type { IndexDefinition, Instant, RelationName } from './model.ts';
import type { RemovalGrounds } from './recommendation.ts';
import { covers, isDuplicate } from './redundancy.ts';
import type { KeptIndex } from './removals.ts';

export interface HygieneIndex extends KeptIndex {
  readonly isValid: boolean;
  /** CREATE INDEX or REINDEX is at work on it at this moment. */
  readonly isBuilding: boolean;
  /** A part of a partitioned index: it goes with the whole only. */
  readonly isPart: boolean;
  /** False: its uniqueness is checked at the end of the transaction. */
  readonly isImmediate: boolean;
  readonly nullsNotDistinct: boolean;
  /** What it is for besides being read, in words: a constraint, replication, an order that CLUSTER keeps. Such a one never goes. */
  readonly holds: readonly string[];
  /** An exclusion constraint's: PostgreSQL cannot build it anew beside the old one. */
  readonly isExclusion: boolean;
  /** Foreign keys of its table that may be looked up by it when a row they refer to goes. */
  readonly foreignKeys: readonly string[];
  /** Of all its parts together, since the counters began. */
  readonly scans: number;
  /** PostgreSQL 16 and later; null: never, or not told. */
  readonly lastScanAt: Instant | null;
  /** What it would take if it were built now, by the statistics; null: they do not say. */
  readonly expectedBytes: number | null;
}

export interface HygieneContext {
  readonly now: Instant;
  /** No index is called unused before it was watched for so long; default: domain/optimizer/index-use.ts. */
  readonly windowMs: number;
  /** Since when the database's counters count; null: since it was made. */
  readonly countersSince: Instant | null;
  /** By schema and name (`indexKey`). */
  readonly uses: ReadonlyMap<string, IndexUse>;
  /** Servers that replay this one's WAL, whose reading is not counted here. */
  readonly standbys: number;
  /** `schema.table` that no change may touch. */
  readonly protectedTables: readonly string[];
}

export type HygieneKind = 'invalid' | 'duplicate' | 'redundant-prefix' | 'unused' | 'bloated';

export interface HygieneFinding {
  readonly kind: HygieneKind;
  readonly table: RelationName;
  readonly index: KeptIndex;
  /** What would be done; null: nothing, and `kept` says why. */
  readonly change: 'drop-index' | 'reindex' | null;
  /** By the statistics, until the lab has measured it. */
  readonly freesBytes: number;
  readonly because: string;
  readonly kept: string | null;
  /** `kept` says that somebody refused it, or production took it back. Missing: nobody did. */
  readonly refused?: true;
  /** Of a removal: what must still be so when it is carried out. */
  readonly rests?: RemovalGrounds;
}

/** Waste below this is not worth a change, nor is a tree less than twice as large as a new one: half-full pages are how a busy b-tree lives. */
export const BLOAT = { leastBytes: 8 * 1024 ** 2, leastRatio: 2 } as const;

export const indexKey = (schema: string, name: string): string => JSON.stringify([schema, name]);

/** Findings of one table, each index in one at most; `indexes` are all of the table's. */
export function hygieneOf(indexes: readonly HygieneIndex[], context: HygieneContext): HygieneFinding[] {
  const found = new Map<HygieneIndex, HygieneFinding>();
  for (const index of indexes) if (!index.isValid) found.set(index, invalid(index, indexes, context));
  const valid = indexes.filter(({ isValid }) => isValid);
  const gone = new Set<HygieneIndex>();
  // least used first: of two equal ones the busier stays, and the one that a constraint stands on
  for (const index of valid.filter(isRemovable).toSorted((a, b) => a.scans - b.scans || b.sizeBytes - a.sizeBytes || b.name.localeCompare(a.name))) {
    const by = valid.find((other) => other !== index && !gone.has(other) && replaces(other, index));
    const finding = by === undefined ? unused(index, context) : covered(index, by, context);
    if (finding === null) continue;
    found.set(index, finding);
    // of a pair one is named, whether it may go or not
    if (finding.change !== null || by !== undefined) gone.add(index);
  }
  for (const index of valid) {
    const finding = gone.has(index) ? null : bloated(index, context);
    // what only stays for now may be made smaller until then
    if (finding !== null && (found.get(index)?.change ?? null) === null) found.set(index, finding);
  }
  return indexes.flatMap((index) => found.get(index) ?? []);
}

const isRemovable = ({ isPart, holds }: HygieneIndex): boolean => !isPart && holds.length === 0;

/** Whatever `narrow` does, `wide` does as well. One that guards uniqueness is replaced only by one that guards the same at the same moment. */
export function replaces(wide: HygieneIndex, narrow: HygieneIndex): boolean {
  if (!narrow.index.unique) return covers(wide.index, narrow.index);
  return isDuplicate(wide.index, narrow.index) && wide.nullsNotDistinct === narrow.nullsNotDistinct && wide.isImmediate === narrow.isImmediate;
}

function covered(index: HygieneIndex, by: HygieneIndex, context: HygieneContext): HygieneFinding {
  const isEqual = by.index.keys.length === index.index.keys.length && by.index.include.length === index.index.include.length;
  const because = isEqual ? `${by.name} is the same` : `${by.name} begins with its columns and serves the same reads`;
  const finding = findingOf(index, { kind: isEqual ? 'duplicate' : 'redundant-prefix', change: 'drop-index', because, kept: protection(index, context) });
  return { ...finding, rests: { on: by.name, scans: index.scans } };
}

/** null: it is used, or guards something. */
function unused(index: HygieneIndex, context: HygieneContext): HygieneFinding | null {
  const use = context.uses.get(indexKey(index.index.table.schema, index.name));
  if (index.index.unique || use === undefined) return null;
  const days = (Date.parse(context.now) - Date.parse(unusedSince(use, context.countersSince))) / DAY_MS;
  const window = Math.round(context.windowMs / DAY_MS);
  const isOver = days * DAY_MS >= context.windowMs;
  // of one that was used before, and not in a window that is not over yet, there is nothing to say
  if (!isOver && index.scans > 0) return null;
  const because = isOver ? `nothing read it in ${Math.floor(days)} days` : 'nothing read it since the counters began';
  const kept =
    protection(index, context) ??
    (isOver ? null : `it is watched for ${days.toFixed(1)} of ${window} days`) ??
    (index.foreignKeys.length > 0 ? `foreign key ${index.foreignKeys.join(', ')} looks its rows up by it when a row that they refer to goes` : null) ??
    (context.standbys > 0 ? `${context.standbys} standby server(s) may read it, which is not counted here` : null);
  return { ...findingOf(index, { kind: 'unused', change: 'drop-index', because, kept }), rests: { on: null, scans: index.scans } };
}

/** A build that failed left it: it costs every write and no statement may use it. */
function invalid(index: HygieneIndex, all: readonly HygieneIndex[], context: HygieneContext): HygieneFinding {
  const twin = all.find((other) => other !== index && other.isValid && replaces(other, index));
  const isLeftOver = LEFT_OVER.test(index.name);
  const kept =
    protection(index, context) ??
    (index.isBuilding ? 'it is being built at this moment' : null) ??
    (index.isPartitioned ? 'a part of its table has no such index yet: attach one, and it is valid' : null) ??
    (index.isPart ? 'it belongs to a partitioned index' : null);
  if (isRemovable(index) && (isLeftOver || twin !== undefined)) {
    const because = twin === undefined ? 'REINDEX CONCURRENTLY failed and left it' : `its build failed, and ${twin.name} does the same`;
    return findingOf(index, { kind: 'invalid', change: 'drop-index', because, kept });
  }
  const because = 'its build failed: every write keeps it up, no statement may use it';
  const exclusion = index.isExclusion ? 'an exclusion constraint cannot be built anew beside the old one' : null;
  return { ...findingOf(index, { kind: 'invalid', change: 'reindex', because, kept: kept ?? exclusion }), freesBytes: 0 };
}

/** null: as large as it should be, or nobody can say. */
function bloated(index: HygieneIndex, context: HygieneContext): HygieneFinding | null {
  const { expectedBytes, sizeBytes, isPartitioned } = index;
  if (expectedBytes === null || isPartitioned) return null;
  const freesBytes = sizeBytes - expectedBytes;
  if (freesBytes < BLOAT.leastBytes || sizeBytes < expectedBytes * BLOAT.leastRatio) return null;
  const because = `${(sizeBytes / expectedBytes).toFixed(1)} times as large as it would be if it were new`;
  const kept = protection(index, context) ?? (index.isExclusion ? 'an exclusion constraint cannot be built anew beside the old one' : null);
  return { ...findingOf(index, { kind: 'bloated', change: 'reindex', because, kept }), freesBytes };
}

function protection({ index: { table } }: HygieneIndex, { protectedTables }: HygieneContext): string | null {
  return protectedTables.includes(`${table.schema}.${table.relation}`) ? 'the policy protects its table' : null;
}

function findingOf(index: HygieneIndex, { kind, change, because, kept }: Pick<HygieneFinding, 'kind' | 'change' | 'because' | 'kept'>): HygieneFinding {
  const { name, definition, where, tablespace, comment, sizeBytes, isPartitioned } = index;
  const table: IndexDefinition['table'] = index.index.table;
  const keptIndex: KeptIndex = { index: index.index, name, definition, where, tablespace, comment, sizeBytes, isPartitioned };
  return { kind, table, index: keptIndex, change: kept === null ? change : null, freesBytes: sizeBytes, because, kept };
}

/** As REINDEX CONCURRENTLY names what it builds and what it takes away. */
const LEFT_OVER = /_cc(new|old)\d*$/;
const DAY_MS = 86_400_000;

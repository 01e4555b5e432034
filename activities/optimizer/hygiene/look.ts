/** Findings about the indexes of a source's database: read there, compared with what earlier looks noted. */
import type pg from 'pg';
import { type HygieneContext, type HygieneIndex, hygieneOf, indexKey } from '../../../domain/optimizer/hygiene.ts';
import { hygieneNotices } from '../../../domain/optimizer/hygiene-notices.ts';
import { collector, type HygieneReport } from '../../../domain/optimizer/hygiene-report.ts';
import { type IndexLook, WATCH_MS } from '../../../domain/optimizer/index-use.ts';
import type { Instant } from '../../../domain/optimizer/model.ts';
import { lookOf, readIndexes, readServer } from './read.ts';
import type { HygieneStore, OfDatabase } from './store.ts';

export interface Looking {
  readonly of: OfDatabase;
  readonly store: Pick<HygieneStore, 'noteIndexes' | 'forgetIndexes'>;
  readonly now: Instant;
  readonly protectedTables: readonly string[];
  /** The policy names a standby; whether it is connected or not, somebody may read there. */
  readonly hasNamedStandby: boolean;
  /** Default 30 days. */
  readonly windowMs?: number;
  /** After each lot of tables. */
  readonly beat?: (tables: number) => void;
}

/** Reads the source only; notes in the control database how often each index was read. */
export async function lookAtIndexes(client: pg.Client, looking: Looking): Promise<HygieneReport> {
  const { of, store, now, protectedTables, hasNamedStandby, windowMs = WATCH_MS } = looking;
  const server = await readServer(client);
  const standbys = Math.max(server.standbys, hasNamedStandby || server.isStandby ? 1 : 0);
  const context = { now, windowMs, countersSince: server.countersSince, standbys, protectedTables };
  const all = collector();
  let tables = 0;
  await readIndexes(client, server, async (some) => {
    const uses = await store.noteIndexes(of, looksOf(some.flatMap(({ indexes }) => indexes)), now);
    for (const { indexes } of some) all.add(sizesOf(indexes), hygieneOf(indexes, { ...context, uses } satisfies HygieneContext));
    tables += some.length;
    looking.beat?.(tables);
  });
  await store.forgetIndexes(of, now);
  return all.report(now, hygieneNotices({ ...context, isNamed: hasNamedStandby }));
}

const looksOf = (indexes: readonly HygieneIndex[]): ReadonlyMap<string, IndexLook> =>
  new Map(indexes.map((index) => [indexKey(index.index.table.schema, index.name), lookOf(index)]));

/** A partitioned index is its parts, which are counted by themselves. */
const sizesOf = (indexes: readonly HygieneIndex[]) => ({
  indexes: indexes.length,
  bytes: indexes.reduce((sum, { isPartitioned, sizeBytes }) => sum + (isPartitioned ? 0 : sizeBytes), 0),
});

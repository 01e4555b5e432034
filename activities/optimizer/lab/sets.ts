/** Sets of indexes really built on a lab, one set at a time: their size and build time are measured, not estimated. */
import type pg from 'pg';
import { createIndexSql, indexText } from '../../../domain/optimizer/index-sql.ts';
import type { IndexDefinition } from '../../../domain/optimizer/model.ts';
import type { StepIo } from '../../io.ts';
import { literal, qualified } from '../../pg.ts';

/** What is there on the lab, and can be taken away for one execution. */
export interface OnLabObject {
  /** Its name on the lab, with the table's schema. */
  readonly schema: string;
  readonly name: string;
  /** Statistics on several columns; left out: an index. */
  readonly isStatistics?: true;
}

/** One of them with the names of its table and of that table's parts, as a plan shows them. */
export interface BuiltObject extends OnLabObject {
  readonly relations: readonly string[];
}

export interface BuiltIndex extends BuiltObject {
  readonly index: IndexDefinition;
  /** Of a partitioned one, with all its parts. */
  readonly sizeBytes: number;
  readonly buildMs: number;
}

/** How names begin that only indexes of ours have, and only on a lab. */
export const LAB_NAMES = 'assay_lab_';

/** Of the lab's own index at this place; `dropSets` knows it by that. */
export const labName = (place: number): string => `${LAB_NAMES}${place}`;

/** Exactly these are there then: what an earlier step or attempt built of them stays, the rest of it goes. Throws what PostgreSQL throws: a set that cannot be built is none. */
export async function buildSet(client: pg.Client, indexes: readonly IndexDefinition[], io: StepIo): Promise<readonly BuiltIndex[]> {
  const there = await keptOf(client, indexes);
  const taken = new Set([...there.values()].map(({ name }) => name));
  const built: BuiltIndex[] = [];
  let place = 0;
  for (const [done, index] of indexes.entries()) {
    io.beat({ phase: 'build', done, total: indexes.length });
    const kept = there.get(indexText(index));
    if (kept === undefined) for (place += 1; taken.has(labName(place)); ) place += 1;
    const { name, buildMs } = kept ?? (await builtAs(client, index, labName(place)));
    const { schema, relation } = index.table;
    built.push({ index, schema, name, relations: await relationsOf(client, schema, relation), sizeBytes: await sizeOf(client, schema, name), buildMs });
  }
  return built;
}

interface Kept {
  readonly name: string;
  readonly buildMs: number;
}

async function builtAs(client: pg.Client, index: IndexDefinition, name: string): Promise<Kept> {
  const { schema, relation } = index.table;
  const began = performance.now();
  await client.query(createIndexSql(index, name, { concurrently: false }));
  const buildMs = Math.round(performance.now() - began);
  // what an expression yields is known to the planner only once it was looked at
  if (index.keys.some(({ expression }) => expression !== null)) await client.query(`analyze ${qualified(schema, relation)}`);
  // said last: what has it was built to its end
  await client.query(`comment on index ${qualified(schema, name)} is ${literal(JSON.stringify({ index: indexText(index), buildMs }))}`);
  return { name, buildMs };
}

/** By `indexText`; everything else of ours is dropped. */
async function keptOf(client: pg.Client, indexes: readonly IndexDefinition[]): Promise<ReadonlyMap<string, Kept>> {
  const wanted = new Set(indexes.map(indexText));
  const kept = new Map<string, Kept>();
  const others: OnLabObject[] = [];
  for (const { said, ...object } of await ownObjects(client)) {
    const { index, buildMs } = (said === null ? {} : JSON.parse(said)) as { readonly index?: string; readonly buildMs?: number };
    if (index === undefined || !wanted.has(index) || kept.has(index)) others.push(object);
    else kept.set(index, { name: object.name, buildMs: buildMs ?? 0 });
  }
  if (others.length > 0) await client.query(dropSql(others));
  return kept;
}

/** Idempotent; knows its own by their names. */
export async function dropSets(client: pg.Client): Promise<void> {
  const all = await ownObjects(client);
  if (all.length > 0) await client.query(dropSql(all));
}

/** With what is said of an index that was built to its end; null: it was not. */
async function ownObjects(client: pg.Client): Promise<readonly (OnLabObject & { readonly said: string | null })[]> {
  // of a partitioned index only the whole can be dropped
  const { rows } = await client.query<OnLabObject & { readonly said: string | null }>(
    `/* assay optimizer */ select n.nspname as schema, c.relname as name, pg_catalog.obj_description(c.oid, 'pg_class') as said
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('i', 'I') and pg_catalog.starts_with(c.relname, $1) and not c.relispartition order by c.oid`,
    [LAB_NAMES],
  );
  const statistics = await client.query<OnLabObject & { readonly said: null }>(
    `/* assay optimizer */ select n.nspname as schema, s.stxname as name, true as "isStatistics", null as said
      from pg_catalog.pg_statistic_ext s join pg_catalog.pg_namespace n on n.oid = s.stxnamespace where pg_catalog.starts_with(s.stxname, $1)`,
    [LAB_NAMES],
  );
  return [...rows, ...statistics.rows];
}

/** Drops these, at least one; inside a transaction it takes them away until the rollback. */
export function dropSql(objects: readonly OnLabObject[]): string {
  const named = (kind: string, some: readonly OnLabObject[]) =>
    some.length === 0 ? [] : [`drop ${kind} ${some.map(({ schema, name }) => qualified(schema, name)).join(', ')}`];
  const isStatistics = (each: OnLabObject) => each.isStatistics === true;
  return [
    ...named(
      'index',
      objects.filter((each) => !isStatistics(each)),
    ),
    ...named('statistics', objects.filter(isStatistics)),
  ].join('; ');
}

/** Of an index with all its parts. */
export async function sizeOf(client: pg.Client, schema: string, name: string): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    `/* assay optimizer */ select coalesce(sum(pg_catalog.pg_relation_size(t.relid)), 0)::text as bytes
      from (select relid from pg_catalog.pg_partition_tree($1::regclass) union select $1::regclass) t`,
    [qualified(schema, name)],
  );
  return Number(rows[0]?.bytes ?? 0);
}

/** Names of a table and of its parts, as a plan shows them. */
export async function relationsOf(client: pg.Client, schema: string, relation: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `/* assay optimizer */ select relname as name from pg_catalog.pg_class
      where oid in (select relid from pg_catalog.pg_partition_tree($1::regclass) union select $1::regclass)`,
    [qualified(schema, relation)],
  );
  return rows.map(({ name }) => name);
}

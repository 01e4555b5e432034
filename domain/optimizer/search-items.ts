/** Which candidates are worth a place in the search: each is tried alone on its statements, then all of a statement's together, then merges of the useful ones. */

import { inTurn } from './in-turn.ts';
import { indexText, keyText, quoteRelation } from './index-sql.ts';
import type { IndexDefinition } from './model.ts';
import { coveredBy } from './redundancy.ts';
import { bit, type Mask } from './search-costs.ts';
import type { Item, Running } from './search-model.ts';

/** A candidate stays where it saves at least this share of a statement. */
const USEFUL_SHARE = 0.005;
/** Hypothetical indexes alive at once: more slow every plan down. */
const TOGETHER = 16;
const MAX_MERGES = 80;
/** What was merged is merged once more with others. */
const MERGE_ROUNDS = 2;

/** Finds the useful ones. Best-effort under the deadline: what was not tried is not used. */
export async function findItems(running: Running): Promise<void> {
  const byStatement: Item[][] = [];
  for (const { candidates } of running.problem.statements) byStatement.push(running.isOver() ? [] : await addItems(running, candidates));
  for (const [statement, items] of byStatement.entries()) for (const item of items) item.serves.add(statement);
  await tryEach(
    running,
    byStatement.map((items, statement) => ({ statement, items })),
  );
  await inTurn([...byStatement.entries()], ([statement, items]) => tryTogether(running, statement, items));
  dropUseless(running);
  await tryElsewhere(
    running,
    running.items.filter(({ serves }) => serves.size > 0),
  );
  for (let round = 0; round < MERGE_ROUNDS && !running.isOver(); round++) await tryMerges(running);
  dropUseless(running);
}

/** One item for each definition that the oracle can judge. */
export async function addItems(running: Running, indexes: readonly IndexDefinition[]): Promise<Item[]> {
  const { problem, items } = running;
  const sizes = await Promise.all(indexes.map((index) => problem.oracle.size(index)));
  return indexes.flatMap((index, place) => {
    const bytes = sizes[place] ?? null;
    const text = indexText(index);
    const known = items.find((item) => item.text === text);
    if (known !== undefined) return [known];
    if (bytes === null || bytes > problem.limits.budgetBytes || coveredBy(index, problem.existing) !== null) return [];
    const item: Item = { id: items.length, index, text, table: quoteRelation(index.table), bytes, upkeep: problem.upkeep(index), serves: new Set() };
    items.push(item);
    return [item];
  });
}

/** Alone: an item that neither its plan uses nor helps is taken off the statement. */
async function tryEach(running: Running, tries: readonly { readonly statement: number; readonly items: readonly Item[] }[]): Promise<void> {
  const { costs, base } = running;
  const pairs = tries.flatMap(({ statement, items }) => items.map((item) => ({ statement, item })));
  for (const { statement, item } of pairs) item.serves.delete(statement);
  await inTurn(pairs, async ({ statement, item }) => {
    if (running.isOver()) return;
    const cost = await costs.of(statement, bit(item.id));
    if ((base[statement] ?? 0) - cost >= USEFUL_SHARE * (base[statement] ?? 0)) item.serves.add(statement);
  });
}

/** All of a statement's items in rounds: what the planner picks of each round meets the next. What is left serves together. */
async function tryTogether(running: Running, statement: number, items: readonly Item[]): Promise<void> {
  const { costs } = running;
  let chosen: Mask = 0n;
  for (let start = 0; start < items.length && !running.isOver(); ) {
    const room = TOGETHER - count(chosen);
    const round = items.slice(start, start + room).reduce((mask, { id }) => mask | bit(id), chosen);
    start += room;
    chosen = await costs.used(statement, round);
  }
  if (chosen === 0n) return;
  for (const item of items) if ((chosen & bit(item.id)) !== 0n) item.serves.add(statement);
  if (count(chosen) > 1) running.bundles.set(chosen, (running.bundles.get(chosen) ?? new Set()).add(statement));
}

/** Useful items on the other statements that read their table by their first column, or find all they read in them. */
async function tryElsewhere(running: Running, items: readonly Item[]): Promise<void> {
  const tries = running.problem.statements.map(({ reads }, statement) => ({
    statement,
    items: items.filter((item) => {
      const columns = reads.get(item.table);
      const first = item.index.keys[0]?.column ?? null;
      return !item.serves.has(statement) && columns !== undefined && (first === null || columns.has(first)) && !running.costs.isKnown(statement, bit(item.id));
    }),
  }));
  await tryEach(running, tries);
}

/** Each merge on the statements that either of its parts serves. */
async function tryMerges(running: Running): Promise<void> {
  const tries = new Map<number, Item[]>();
  for (const { index, parts } of mergesOf(running)) {
    const [item] = await addItems(running, [index]);
    for (const statement of item === undefined ? [] : new Set(parts.flatMap(({ serves }) => [...serves]))) {
      tries.set(statement, [...(tries.get(statement) ?? []), item as Item]);
    }
  }
  await tryEach(
    running,
    [...tries].map(([statement, items]) => ({ statement, items })),
  );
}

interface Merge {
  readonly index: IndexDefinition;
  readonly parts: readonly Item[];
  readonly worth: number;
}

/** Two indexes of a table whose keys begin alike become one with both their columns. */
function mergesOf({ items, problem, base, costs }: Running): Merge[] {
  const useful = items.filter(({ serves, index }) => serves.size > 0 && index.method === 'btree');
  const worth = ({ serves }: Item) => [...serves].reduce((sum, q) => sum + ((base[q] ?? 0) - costs.least(q)) * (problem.statements[q]?.weight ?? 0), 0);
  const known = new Set(items.map(({ text }) => text));
  const pairs: Merge[] = [];
  for (const long of useful) {
    for (const short of useful) {
      const index = long === short ? null : merged(long.index, short.index);
      if (index !== null && !known.has(indexText(index))) pairs.push({ index, parts: [long, short], worth: worth(long) + worth(short) });
    }
  }
  const distinct = new Map(pairs.toSorted((a, b) => a.worth - b.worth).map((pair) => [indexText(pair.index), pair]));
  return [...distinct.values()].toSorted((a, b) => b.worth - a.worth).slice(0, MAX_MERGES);
}

/**
 * The keys of `long` where those of `short` begin them, otherwise what both begin with; the other columns included. null where they have nothing in
 * common, or `long` holds all of it.
 */
export function merged(long: IndexDefinition, short: IndexDefinition): IndexDefinition | null {
  if (quoteRelation(long.table) !== quoteRelation(short.table) || long.predicate !== short.predicate || long.method !== short.method) return null;
  const differs = long.keys.findIndex((key, place) => short.keys[place] === undefined || keyText(key) !== keyText(short.keys[place]));
  const common = differs < 0 ? long.keys.length : differs;
  if (common === 0) return null;
  const keys = common === short.keys.length ? long.keys : long.keys.slice(0, common);
  const held = new Set(keys.map(({ column }) => column));
  const others = [...long.keys, ...short.keys].map(({ column }) => column);
  if (others.includes(null)) return null;
  const include = [...new Set([...(others as string[]), ...long.include, ...short.include])].filter((column) => !held.has(column));
  return keys.length === long.keys.length && include.length === long.include.length ? null : { ...long, keys, include };
}

function dropUseless({ items, bundles }: Running): void {
  for (const [bundle] of bundles) if (items.some(({ id, serves }) => (bundle & bit(id)) !== 0n && serves.size === 0)) bundles.delete(bundle);
}

/** Items in a set. */
export function count(mask: Mask): number {
  let left = mask;
  let ones = 0;
  for (; left !== 0n; ones++) left &= left - 1n;
  return ones;
}

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
const MAX_MERGES = 60;

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
  const merged = await addItems(running, mergesOf(running));
  await tryElsewhere(running, [...running.items.filter(({ serves }) => serves.size > 0), ...merged]);
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

/** Two indexes of a table whose keys begin alike become one with the longer keys and both their included columns. */
function mergesOf({ items, problem, base, costs }: Running): IndexDefinition[] {
  const useful = items.filter(({ serves, index }) => serves.size > 0 && index.method === 'btree');
  const worth = ({ serves }: Item) => [...serves].reduce((sum, q) => sum + ((base[q] ?? 0) - costs.least(q)) * (problem.statements[q]?.weight ?? 0), 0);
  const pairs: { readonly index: IndexDefinition; readonly worth: number }[] = [];
  for (const long of useful) {
    for (const short of useful) {
      const index = long === short ? null : merged(long.index, short.index);
      if (index !== null) pairs.push({ index, worth: worth(long) + worth(short) });
    }
  }
  const distinct = new Map(pairs.toSorted((a, b) => a.worth - b.worth).map((pair) => [indexText(pair.index), pair]));
  return [...distinct.values()]
    .toReversed()
    .slice(0, MAX_MERGES)
    .map(({ index }) => index);
}

/** null where the shorter keys do not begin the longer ones, or nothing is won by merging. */
export function merged(long: IndexDefinition, short: IndexDefinition): IndexDefinition | null {
  const isSame = quoteRelation(long.table) === quoteRelation(short.table) && long.predicate === short.predicate && long.method === short.method;
  if (!isSame || short.keys.length > long.keys.length || short.keys.some((key, place) => keyText(key) !== keyText(long.keys[place] ?? key))) return null;
  const held = new Set(long.keys.map(({ column }) => column));
  const include = [...new Set([...long.include, ...short.include])].filter((column) => !held.has(column));
  return include.length === long.include.length ? null : { ...long, include };
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

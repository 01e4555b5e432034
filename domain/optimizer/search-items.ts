/** Which candidates are worth a place in the search: each is tried on its statements, then all of a statement's together, then on others, then merged. */

import { inTurn } from './in-turn.ts';
import { indexText, keyText, quoteRelation } from './index-sql.ts';
import type { IndexDefinition } from './model.ts';
import { coveredBy } from './redundancy.ts';
import { merges } from './search-merges.ts';
import type { Item, Running } from './search-model.ts';
import { probe, probeTogether, USEFUL_SHARE } from './search-probe.ts';

const MAX_MERGES = 80;
/** What was merged is merged once more with others. */
const MERGE_ROUNDS = 2;

/** Finds the useful ones. Best-effort under the deadline: what was not tried is not used. */
export async function findItems(running: Running): Promise<void> {
  const own: Item[][] = [];
  for (const { candidates } of running.problem.statements) own.push(running.isOver() ? [] : await addItems(running, candidates));
  await tryOn(running, own);
  const usefulOf = (statement: number) => running.items.filter(({ serves }) => serves.has(statement));
  await inTurn([...own.entries()], ([statement, items]) => probeTogether(running, statement, items));
  const useful = running.items.filter(({ serves }) => serves.size > 0);
  await tryOn(
    running,
    own.map((items, statement) => useful.filter((item) => !items.includes(item) && suits(running, item, statement))),
  );
  for (let round = 0; round < MERGE_ROUNDS && !running.isOver(); round++) await tryMerges(running);
  await inTurn([...own.keys()], (statement) => probeTogether(running, statement, usefulOf(statement)));
}

/** One item for each definition that the oracle can judge, and that has room in the largest budget. */
export async function addItems(running: Running, indexes: readonly IndexDefinition[]): Promise<Item[]> {
  const { problem, items } = running;
  const most = Math.max(problem.limits.budgetBytes, problem.limits.wide?.budgetBytes ?? 0);
  const byText = new Map(items.map((item) => [item.text, item]));
  const sizes = await Promise.all(indexes.map((index) => (byText.has(indexText(index)) ? null : problem.oracle.size(index))));
  return indexes.flatMap((index, place) => {
    const bytes = sizes[place] ?? null;
    const text = indexText(index);
    const known = byText.get(text) ?? items.find((item) => item.text === text);
    if (known !== undefined) return [known];
    if (bytes === null || bytes > most || coveredBy(index, problem.existing) !== null) return [];
    const item: Item = { id: items.length, index, text, table: quoteRelation(index.table), bytes, upkeep: problem.upkeep(index), serves: new Set() };
    items.push(item);
    return [item];
  });
}

/** Whether a plan of the statement could use it: it reads the table by the first column, or finds all that it reads there. */
export function suits({ problem }: Running, { index, table }: Item, statement: number): boolean {
  const columns = problem.statements[statement]?.reads.get(table);
  if (columns === undefined) return false;
  const first = index.keys[0]?.column ?? null;
  const held = new Set([...index.keys.map(({ column }) => column), ...index.include]);
  return first === null || columns.has(first) || [...columns].every((column) => held.has(column));
}

/** An item must save at least this part of what its room would save, were all of the workload's cost bought off evenly by the whole budget. */
const PRICE_SHARE = 0.01;

/** Of each statement its items, nothing else being there. */
async function tryOn(running: Running, tries: readonly (readonly Item[])[]): Promise<void> {
  const { problem, base } = running;
  const budget = Math.max(problem.limits.budgetBytes, problem.limits.wide?.budgetBytes ?? 0);
  const total = problem.statements.reduce((sum, { weight }, statement) => sum + weight * (base[statement] ?? 0), 0);
  const price = (PRICE_SHARE * total) / Math.max(1, budget);
  await inTurn([...tries.entries()], async ([statement, items]) => {
    if (running.isOver()) return;
    const weight = Math.max(problem.statements[statement]?.weight ?? 0, Number.MIN_VALUE);
    const least = ({ bytes }: Item) => Math.max(USEFUL_SHARE * (base[statement] ?? 0), (price * bytes) / weight);
    await probe(running, { statement, set: 0n, items, least });
  });
}

/** Each merge on the statements that either of its parts serves. */
async function tryMerges(running: Running): Promise<void> {
  const tries: Item[][] = running.problem.statements.map(() => []);
  for (const { index, parts } of mergesOf(running)) {
    const [item] = await addItems(running, [index]);
    for (const statement of item === undefined ? [] : new Set(parts.flatMap(({ serves }) => [...serves]))) tries[statement]?.push(item as Item);
  }
  await tryOn(running, tries);
}

interface Merge {
  readonly index: IndexDefinition;
  readonly parts: readonly Item[];
  readonly worth: number;
}

/** Two useful indexes as one, those of which the statements could gain most. */
function mergesOf({ items, problem, base, costs }: Running): Merge[] {
  const useful = items.filter(({ serves, index }) => serves.size > 0 && index.method === 'btree');
  const worth = ({ serves }: Item) => [...serves].reduce((sum, q) => sum + ((base[q] ?? 0) - costs.least(q)) * (problem.statements[q]?.weight ?? 0), 0);
  const known = new Set(items.map(({ text }) => text));
  const alike = new Map<string, Item[]>();
  for (const item of useful) {
    const { table, index } = item;
    const begin = `${table} ${index.predicate} ${index.keys[0] === undefined ? '' : keyText(index.keys[0])}`;
    alike.set(begin, [...(alike.get(begin) ?? []), item]);
  }
  const pairs: Merge[] = [];
  for (const group of alike.values()) {
    for (const [long, short] of group.flatMap((one) => group.filter((other) => other !== one).map((other) => [one, other] as const))) {
      const fresh = merges(long.index, short.index).filter((index) => !known.has(indexText(index)));
      for (const index of fresh) pairs.push({ index, parts: [long, short], worth: worth(long) + worth(short) });
    }
  }
  const distinct = new Map(pairs.toSorted((a, b) => a.worth - b.worth).map((pair) => [indexText(pair.index), pair]));
  return [...distinct.values()].toSorted((a, b) => b.worth - a.worth).slice(0, MAX_MERGES);
}

/** Questions around a set: what each statement would do without one of its indexes, with one more, with one in the place of several. The answers go into the book. */
import { inTurn } from './in-turn.ts';
import type { IndexDefinition } from './model.ts';
import { covers } from './redundancy.ts';
import { type Book, maskOf, placesOf } from './search-book.ts';
import { bit, type Mask } from './search-costs.ts';
import { addItems, suits } from './search-items.ts';
import { merges, trimmed } from './search-merges.ts';
import type { Item, Running } from './search-model.ts';
import { ask, maskOfItems, probe } from './search-probe.ts';
import type { SetView } from './search-sets.ts';
import { openTrial, type Trial } from './search-trial.ts';

export interface Around {
  readonly set: Mask;
  readonly isAllowed: (item: Item) => boolean;
  readonly budgetBytes: number;
  /** Also items that no plan of a statement was seen to use, since beside this set one may; and what could take the place of each member. */
  readonly isThorough?: boolean;
}

/** What saves less than this part of what its room is worth elsewhere is not asked about: several statements may share an index, and prices move. */
const PRICE_SHARE = 0.3;
/** Nor what saves less than this of its statement. */
const NOTABLE_SHARE = 0.002;

export async function explore(running: Running, view: SetView, { book, ...around }: Around & { readonly book: Book }): Promise<void> {
  const { problem, items } = running;
  const price = around.isThorough === true ? 0 : priceOf(book, around);
  const readers = new Map<number, number[]>();
  await inTurn([...problem.statements.entries()], async ([statement, { weight }]) => {
    if (running.isOver()) return;
    const near = around.set & view.relevant(statement);
    const used = placesOf((await ask(running, statement, near)).used);
    for (const item of used) readers.set(item, [...(readers.get(item) ?? []), statement]);
    for (const item of used) if (!running.isOver()) await ask(running, statement, near & ~bit(item));
    const isOpen = (item: Item) => (around.set & bit(item.id)) === 0n && around.isAllowed(item);
    const floor = NOTABLE_SHARE * (running.base[statement] ?? 0);
    const least = ({ bytes, serves }: Item) => Math.max(floor, (price * bytes) / (Math.max(1, serves.size) * Math.max(weight, Number.MIN_VALUE)));
    const serving = items.filter((item) => item.serves.has(statement) && isOpen(item));
    await probe(running, { statement, set: near, items: serving, least });
    if (around.isThorough !== true) return;
    for (const item of used) await probe(running, { statement, set: near & ~bit(item), items: serving, least });
    const others = items.filter((item) => !item.serves.has(statement) && isOpen(item) && suits(running, item, statement));
    await probe(running, { statement, set: near, items: others, least });
  });
  await replace({ running, view, around, book, price, trial: trialOf(book, around.set), readers });
  if (around.isThorough === true) await complete(running, book, priceOf(book, around));
}

/** What each plan that is worth its room would be without one of its indexes: the cheaper set may do nearly as much. */
async function complete(running: Running, { plans, items }: Book, price: number): Promise<void> {
  const { problem, base } = running;
  const worthIt = plans.filter(({ statement, needs, cost }) => {
    const gain = (problem.statements[statement]?.weight ?? 0) * (base[statement] ?? 0) - cost;
    return needs.length > 1 && gain >= price * needs.reduce((sum, item) => sum + (items[item]?.bytes ?? 0), 0);
  });
  await inTurn(worthIt, async ({ statement, needs }) => {
    for (const item of needs) if (!running.isOver()) await ask(running, statement, maskOf(needs.filter((other) => other !== item)));
  });
}

/** Cost units per byte that the least valuable quarter of the set still saves; nothing where there is room left. */
function priceOf(book: Book, { set, budgetBytes }: Around): number {
  const trial = trialOf(book, set);
  if (trial.bytes() < 0.9 * budgetBytes) return 0;
  const losses = trial.losses();
  const rates = trial.members().map((item) => (losses[item] ?? 0) / Math.max(1, book.items[item]?.bytes ?? 1));
  return PRICE_SHARE * Math.max(0, rates.toSorted((a, b) => a - b)[Math.floor(rates.length / 4)] ?? 0);
}

function trialOf(book: Book, set: Mask): Trial {
  const trial = openTrial(book);
  trial.add(placesOf(set));
  return trial;
}

interface Replacing {
  readonly running: Running;
  readonly view: SetView;
  readonly around: Around;
  readonly book: Book;
  readonly price: number;
  /** Of the set that is looked around. */
  readonly trial: Trial;
  /** Of each member the statements whose plans use it. */
  readonly readers: ReadonlyMap<number, readonly number[]>;
}

/** One for several: an index that covers members, the merge of two, a member without what nobody reads in it. Asked of those whose plans would lose theirs. */
async function replace(parts: Replacing): Promise<void> {
  const { running, view, around, price, readers } = parts;
  const members = view.members(around.set);
  const made = await addItems(running, [...mergesOf(members), ...trimsOf(parts, members)]);
  const wide = running.items.filter((item) => (item.serves.size > 0 || made.includes(item)) && (around.set & bit(item.id)) === 0n && around.isAllowed(item));
  const swaps = wide.flatMap((item) => {
    const gone = members.filter((other) => other.table === item.table && (covers(item.index, other.index) || isTrimOf(item, other, parts)));
    const more = item.bytes - gone.reduce((sum, { bytes }) => sum + bytes, 0);
    return gone.length === 0 || (more > 0 && gainOf(parts, item) < price * more) ? [] : [{ item, gone }];
  });
  const questions = swaps.flatMap(({ item, gone }) => {
    const set = (around.set & ~maskOfItems(gone)) | bit(item.id);
    return [...new Set(gone.flatMap(({ id }) => readers.get(id) ?? []))].map((statement) => ({ statement, item, set }));
  });
  await inTurn(questions, async ({ statement, item, set }) => {
    if (!running.isOver()) await ask(running, statement, set & (view.relevant(statement) | bit(item.id)));
  });
}

const mergesOf = (members: readonly Item[]): IndexDefinition[] =>
  members.flatMap((long) => members.filter((short) => short !== long && short.table === long.table).flatMap((short) => merges(long.index, short.index)));

const trimsOf = (parts: Replacing, members: readonly Item[]): IndexDefinition[] => members.flatMap((item) => trimOf(parts, item) ?? []);

function trimOf({ running, readers }: Replacing, { id, index, table }: Item): IndexDefinition | null {
  const statements = readers.get(id) ?? [];
  return statements.length === 0
    ? null
    : trimmed(index, (column) => statements.some((place) => running.problem.statements[place]?.reads.get(table)?.has(column)));
}

/** The narrower one does all that the wider one's readers ask of it. */
function isTrimOf({ index }: Item, wide: Item, parts: Replacing): boolean {
  const trim = covers(wide.index, index) ? trimOf(parts, wide) : null;
  return trim !== null && covers(trim, index) && covers(index, trim);
}

/** What is known to be saved by one more, all else staying. */
function gainOf({ book, running, trial }: Replacing, { id }: Item): number {
  const gains = new Map<number, number>();
  for (const place of book.plansOf[id] ?? []) {
    const plan = book.plans[place];
    if (plan === undefined || !plan.needs.every((item) => item === id || trial.has(item))) continue;
    gains.set(plan.statement, Math.max(gains.get(plan.statement) ?? 0, trial.costOf(plan.statement) - plan.cost));
  }
  return [...gains.values()].reduce((sum, gain) => sum + gain, -(running.items[id]?.upkeep ?? 0));
}

/** Which of many items a plan would use, asked for many at once: what no plan uses among all of them, none uses alone. */
import { placesOf } from './search-book.ts';
import { bit, type Mask } from './search-costs.ts';
import type { Item, Running } from './search-model.ts';

/** A plan counts where it saves at least this share of its statement. */
export const USEFUL_SHARE = 0.005;
/** Hypothetical indexes alive at once: more slow every plan down. */
const TOGETHER = 12;

export interface Probe {
  readonly statement: number;
  /** What is there besides. */
  readonly set: Mask;
  readonly items: readonly Item[];
  /** Cost units of one execution that the statement must save for this item to be worth asking on. */
  readonly least: (item: Item) => number;
}

/** Asks for a group; without what its plan uses once more; until what is left saves too little. So each useful item is seen in its best plan. */
export async function probe(running: Running, { statement, set, items, least }: Probe): Promise<void> {
  const before = (await ask(running, statement, set)).cost;
  for (const group of groupsOf(items)) {
    let rest: readonly Item[] = group;
    while (rest.length > 0 && !running.isOver()) {
      const given = maskOfItems(rest);
      const { cost, used } = await ask(running, statement, set | given);
      const taken = rest.filter(({ id }) => (used & bit(id)) !== 0n);
      if (taken.length === 0) break;
      if (taken.length > 1) for (const { id } of taken) if (!running.isOver()) await ask(running, statement, set | bit(id));
      rest = rest.filter((item) => !taken.includes(item) && before - cost >= least(item));
    }
  }
}

/** All of a statement's items in rounds: what the planner picks of each round meets the next. What is left serves together. */
export async function probeTogether(running: Running, statement: number, items: readonly Item[]): Promise<void> {
  let chosen: readonly Item[] = [];
  for (let start = 0; start < items.length && !running.isOver(); ) {
    const room = Math.max(1, TOGETHER - chosen.length);
    const round = [...chosen, ...items.slice(start, start + room)];
    start += room;
    const { used } = await ask(running, statement, maskOfItems(round));
    chosen = round.filter(({ id }) => (used & bit(id)) !== 0n);
  }
}

/** The answer; items whose plan saves something are noted to serve the statement. */
export async function ask({ costs, items, base }: Running, statement: number, set: Mask): Promise<{ readonly cost: number; readonly used: Mask }> {
  const cost = await costs.of(statement, set);
  const used = await costs.used(statement, set);
  const before = base[statement] ?? 0;
  if (used !== 0n && before - cost >= USEFUL_SHARE * before) for (const item of placesOf(used)) items[item]?.serves.add(statement);
  return { cost, used };
}

export const maskOfItems = (items: readonly Item[]): Mask => items.reduce((mask, { id }) => mask | bit(id), 0n);

/** Table by table: of items that do not compete, a plan would use several, and each had to be asked for alone. */
function groupsOf(items: readonly Item[]): Item[][] {
  const byTable = new Map<string, Item[]>();
  for (const item of items) byTable.set(item.table, [...(byTable.get(item.table) ?? []), item]);
  return [...byTable.values()].flatMap((own) =>
    Array.from({ length: Math.ceil(own.length / TOGETHER) }, (_, part) => own.slice(part * TOGETHER, (part + 1) * TOGETHER)),
  );
}

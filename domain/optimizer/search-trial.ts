/** One set that changes item by item, with what the book says it costs: made for very many small steps. */
import type { Book } from './search-book.ts';

export interface Trial {
  /** Weighted cost and upkeep. */
  value(): number;
  bytes(): number;
  /** Weighted, of one statement. */
  costOf(statement: number): number;
  has(item: number): boolean;
  /** Bytes of those of these that are not there. */
  bytesMore(items: readonly number[]): number;
  members(): number[];
  /** Whether this plan would be its statement's cheapest, were all there that it needs. */
  isBetter(plan: number): boolean;
  /** Adds these and removes what they cover. False where a member covers one of them, or a table has too many: the caller goes back then. */
  add(items: readonly number[]): boolean;
  remove(item: number): void;
  /** By item: what its absence would cost, its upkeep deducted. Of members only; overwritten by the next call. */
  losses(): Float64Array;
  /** A moment to go back to. */
  now(): number;
  back(moment: number): void;
}

/** Begins without any item. */
export function openTrial(book: Book): Trial {
  const { items, covering, covered } = book;
  const counted = countedPlans(book);
  const { isMember, put, remove } = counted;
  const { tableOf, perTable } = tablesOf(book);
  // an item that came, or the complement of one that went
  const steps: number[] = [];
  const come = (item: number) => {
    perTable[at(tableOf, item)] = at(perTable, at(tableOf, item)) + 1;
    put(item);
  };
  const go = (item: number) => {
    perTable[at(tableOf, item)] = at(perTable, at(tableOf, item)) - 1;
    remove(item);
  };
  const remember = (item: number, step: number) => {
    steps.push(step);
    if (step < 0) go(item);
    else come(item);
  };
  const isCrowded = (item: number) => at(perTable, at(tableOf, item)) > book.maxPerTable;
  const isSuperfluous = (item: number) => covering[item]?.some((other) => isMember[other] === 1) ?? false;
  return {
    ...counted,
    has: (item) => isMember[item] === 1,
    bytesMore: (wanted) => wanted.reduce((sum, item) => sum + (isMember[item] === 1 ? 0 : (items[item]?.bytes ?? 0)), 0),
    add: (more) => {
      for (const item of more) {
        if (isMember[item] === 1) continue;
        for (const other of covered[item] ?? []) if (isMember[other] === 1 && !more.includes(other)) remember(other, ~other);
        remember(item, item);
      }
      return !more.some((item) => isSuperfluous(item) || isCrowded(item));
    },
    remove: (item) => {
      if (isMember[item] === 1) remember(item, ~item);
    },
    members: () => {
      const there: number[] = [];
      for (let item = 0; item < items.length; item++) if (isMember[item] === 1) there.push(item);
      return there;
    },
    now: () => steps.length,
    back: (moment) => {
      while (steps.length > moment) {
        const step = steps.pop() as number; // there are more than `moment`
        if (step < 0) come(~step);
        else go(step);
      }
    },
  };
}

/** Which plans are open, and the cheapest of each statement, kept up item by item. */
function countedPlans(book: Book) {
  const { items, plans, plansOf, begins, costs, statementOf } = book;
  const missing = Int16Array.from(plans, ({ needs }) => needs.length);
  const isMember = new Uint8Array(items.length);
  const bytesOf = Float64Array.from(items, ({ bytes }) => bytes);
  const upkeepOf = Float64Array.from(items, ({ upkeep }) => upkeep);
  const losses = new Float64Array(items.length);
  /** Each statement has one, the last, that needs nothing. */
  const openFrom = (place: number) => {
    let plan = place;
    while (at(missing, plan) > 0) plan += 1;
    return plan;
  };
  const best = Int32Array.from(begins.subarray(0, -1), openFrom);
  let [bytes, upkeep] = [0, 0];
  return {
    isMember,
    value: () => {
      let sum = upkeep;
      for (let statement = 0; statement < best.length; statement++) sum += cost(costs, at(best, statement));
      return sum;
    },
    bytes: () => bytes,
    costOf: (statement: number) => cost(costs, at(best, statement)),
    isBetter: (plan: number) => cost(costs, plan) < cost(costs, at(best, at(statementOf, plan))),
    losses: () => {
      for (let item = 0; item < losses.length; item++) losses[item] = -cost(upkeepOf, item);
      for (let statement = 0; statement < best.length; statement++) {
        const chosen = at(best, statement);
        for (const item of plans[chosen]?.needs ?? []) {
          // what it would fall back to: the next plan that does without the item
          let next = openFrom(chosen + 1);
          while (plans[next]?.needs.includes(item)) next = openFrom(next + 1);
          losses[item] = cost(losses, item) + cost(costs, next) - cost(costs, chosen);
        }
      }
      return losses;
    },
    put: (item: number) => {
      isMember[item] = 1;
      bytes += cost(bytesOf, item);
      upkeep += cost(upkeepOf, item);
      const touched = plansOf[item] as Int32Array;
      for (let place = 0; place < touched.length; place++) {
        const plan = at(touched, place);
        const left = at(missing, plan) - 1;
        missing[plan] = left;
        // a statement's plans lie cheapest first
        if (left === 0 && plan < at(best, at(statementOf, plan))) best[at(statementOf, plan)] = plan;
      }
    },
    remove: (item: number) => {
      isMember[item] = 0;
      bytes -= cost(bytesOf, item);
      upkeep -= cost(upkeepOf, item);
      const touched = plansOf[item] as Int32Array;
      for (let place = 0; place < touched.length; place++) missing[at(touched, place)] = at(missing, at(touched, place)) + 1;
      for (let statement = 0; statement < best.length; statement++) if (at(missing, at(best, statement)) > 0) best[statement] = openFrom(at(best, statement));
    },
  };
}

/** By item the number of its table, and by that number how many members it has. */
function tablesOf({ items }: Book): { readonly tableOf: Int32Array; readonly perTable: Int32Array } {
  const tables = [...new Set(items.map(({ table }) => table))];
  return { tableOf: Int32Array.from(items, ({ table }) => tables.indexOf(table)), perTable: new Int32Array(tables.length) };
}

/** Typed arrays are read where there is a value; whole numbers and others apart, since one function for both is slow. */
const at = (array: Int32Array | Int16Array, place: number): number => array[place] as number;
const cost = (array: Float64Array, place: number): number => array[place] as number;

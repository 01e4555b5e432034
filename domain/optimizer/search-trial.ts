/** One set that changes item by item, with what the book says it costs: made for very many small steps. */
import type { Book } from './search-book.ts';

export interface Trial {
  /** Weighted cost and upkeep. */
  value(): number;
  bytes(): number;
  /** Weighted, of one statement. */
  costOf(statement: number): number;
  has(item: number): boolean;
  members(): number[];
  /** Whether this plan would be its statement's cheapest, were all there that it needs. */
  isBetter(plan: number): boolean;
  /** Adds these and removes what they cover. False where a member covers one of them, or a table has too many: the caller goes back then. */
  add(items: readonly number[]): boolean;
  remove(item: number): void;
  /** By item: what its absence would cost, its upkeep deducted. Of members only. */
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
  const perTable = new Map<string, number>();
  const count = (item: number, more: number) => {
    const table = items[item]?.table ?? '';
    perTable.set(table, (perTable.get(table) ?? 0) + more);
  };
  // an item that came, or the complement of one that went
  const steps: number[] = [];
  const come = (item: number) => {
    if (isMember[item] === 1) return;
    steps.push(item);
    count(item, 1);
    put(item);
  };
  const go = (item: number) => {
    if (isMember[item] === 0) return;
    steps.push(~item);
    count(item, -1);
    remove(item);
  };
  const isCrowded = (item: number) => (perTable.get(items[item]?.table ?? '') ?? 0) > book.maxPerTable;
  const isSuperfluous = (item: number) => covering[item]?.some((other) => isMember[other] === 1) ?? false;
  return {
    ...counted,
    has: (item) => isMember[item] === 1,
    add: (more) => {
      const fresh = more.filter((item) => isMember[item] === 0);
      for (const item of fresh) for (const other of covered[item] ?? []) if (!more.includes(other)) go(other);
      for (const item of fresh) come(item);
      return more.every((item) => !isSuperfluous(item) && !isCrowded(item));
    },
    remove: go,
    now: () => steps.length,
    back: (moment) => {
      while (steps.length > moment) {
        const step = steps.pop() ?? 0;
        if (step < 0) come(~step);
        else go(step);
        steps.pop();
      }
    },
  };
}

/** Which plans are open, and the cheapest of each statement, kept up item by item. */
function countedPlans(book: Book) {
  const { items, plans, plansOf, ranked } = book;
  const missing = Int16Array.from(plans, ({ needs }) => needs.length);
  const isMember = new Uint8Array(items.length);
  const costs = Float64Array.from(plans, ({ cost }) => cost);
  const statements = Int32Array.from(plans, ({ statement }) => statement);
  const firstOpen = (statement: number) => ranked[statement]?.find((plan) => missing[plan] === 0) ?? -1;
  const best = Int32Array.from(ranked.keys(), firstOpen);
  let [bytes, upkeep] = [0, 0];
  return {
    isMember,
    value: () => best.reduce((sum, plan) => sum + at(costs, plan), upkeep),
    bytes: () => bytes,
    costOf: (statement: number) => at(costs, at(best, statement)),
    isBetter: (plan: number) => at(costs, plan) < at(costs, at(best, at(statements, plan))),
    losses: () => lossesOf({ book, missing, best }),
    members: () => {
      const there: number[] = [];
      for (let item = 0; item < isMember.length; item++) if (isMember[item] === 1) there.push(item);
      return there;
    },
    put: (item: number) => {
      isMember[item] = 1;
      bytes += items[item]?.bytes ?? 0;
      upkeep += items[item]?.upkeep ?? 0;
      for (const plan of plansOf[item] ?? []) {
        missing[plan] = at(missing, plan) - 1;
        const statement = at(statements, plan);
        if (missing[plan] === 0 && at(costs, plan) < at(costs, at(best, statement))) best[statement] = plan;
      }
    },
    remove: (item: number) => {
      isMember[item] = 0;
      bytes -= items[item]?.bytes ?? 0;
      upkeep -= items[item]?.upkeep ?? 0;
      for (const plan of plansOf[item] ?? []) missing[plan] = at(missing, plan) + 1;
      for (const plan of plansOf[item] ?? []) {
        const statement = at(statements, plan);
        if (best[statement] === plan) best[statement] = firstOpen(statement);
      }
    },
  };
}

/** The next plan of a statement that does without the item is what it would fall back to. */
function lossesOf({ book, missing, best }: { readonly book: Book; readonly missing: Int16Array; readonly best: Int32Array }): Float64Array {
  const losses = new Float64Array(book.items.length);
  for (const [statement, place] of best.entries()) {
    const chosen = book.plans[place];
    for (const item of chosen?.needs ?? []) {
      const next = book.ranked[statement]?.find((plan) => missing[plan] === 0 && !book.plans[plan]?.needs.includes(item));
      losses[item] = at(losses, item) + (book.plans[next ?? place]?.cost ?? 0) - (chosen?.cost ?? 0);
    }
  }
  for (const { id, upkeep } of book.items) losses[id] = at(losses, id) - upkeep;
  return losses;
}

/** Typed arrays are read where there is a value. */
const at = (array: { readonly [place: number]: number | undefined }, place: number): number => array[place] ?? 0;

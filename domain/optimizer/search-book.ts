/**
 * What all answers so far say together: the plans seen of each statement, with what each needs and costs. The cost of any set follows from it without
 * asking; the planner's own answer can only be lower, by a plan that nobody has seen yet. Sets are tried here by the ten thousand.
 */
import { bit, type Mask } from './search-costs.ts';
import type { Item, Running } from './search-model.ts';

/** Numbers of plans and statements lie in typed arrays: small steps read them by the million. */
export interface Book {
  readonly items: readonly Item[];
  readonly maxPerTable: number;
  /** A statement's plans lie together, cheapest first; the last needs nothing. */
  readonly plans: readonly BookPlan[];
  /** By statement, where its plans begin; one more at the end. */
  readonly begins: Int32Array;
  /** By plan: its statement, and its weighted cost. */
  readonly statementOf: Int32Array;
  readonly costs: Float64Array;
  /** By item: places of the plans that need it. */
  readonly plansOf: readonly Int32Array[];
  /** Items that make one superfluous, and those it makes superfluous. */
  readonly covering: readonly (readonly number[])[];
  readonly covered: readonly (readonly number[])[];
}

export interface BookPlan {
  readonly statement: number;
  /** Weighted. */
  readonly cost: number;
  readonly needs: readonly number[];
}

/** A plan that saves less than this of its statement is not worth a place. */
const NOTABLE = 0.002;

export function bookOf({ problem, items, costs, base, covering }: Running): Book {
  const plans = problem.statements.flatMap(({ weight }, statement) => {
    const before = base[statement] ?? 0;
    const seen = costs.plans(statement).filter(({ used, cost }) => used === 0n || before - cost >= NOTABLE * before);
    return seen.map(({ used, cost }): BookPlan => ({ statement, cost: weight * cost, needs: placesOf(used) }));
  });
  return bookFrom({ items, plans, statements: base.length, maxPerTable: problem.limits.maxIndexesPerTable, covering: items.map(({ id }) => covering(id)) });
}

export interface BookParts extends Pick<Book, 'items' | 'maxPerTable' | 'plans' | 'covering'> {
  readonly statements: number;
}

/** Each statement has a plan that needs nothing. */
export function bookFrom({ items, maxPerTable, plans: unordered, statements, covering }: BookParts): Book {
  const plans = unordered.toSorted((a, b) => a.statement - b.statement || a.cost - b.cost || b.needs.length - a.needs.length);
  const begins = new Int32Array(statements + 1);
  for (const { statement } of plans) begins[statement + 1] = (begins[statement + 1] ?? 0) + 1;
  for (let statement = 0; statement < statements; statement++) begins[statement + 1] = (begins[statement + 1] ?? 0) + (begins[statement] ?? 0);
  const plansOf: number[][] = items.map(() => []);
  for (const [place, { needs }] of plans.entries()) for (const item of needs) plansOf[item]?.push(place);
  const covered: number[][] = items.map(() => []);
  for (const [item, wide] of covering.entries()) for (const other of wide) covered[other]?.push(item);
  return {
    items,
    maxPerTable,
    plans,
    begins,
    statementOf: Int32Array.from(plans, ({ statement }) => statement),
    costs: Float64Array.from(plans, ({ cost }) => cost),
    plansOf: plansOf.map((places) => Int32Array.from(places)),
    covering,
    covered,
  };
}

/** Places of the bits of a set. */
export function placesOf(set: Mask): number[] {
  const digits = set.toString(2);
  const places: number[] = [];
  for (let place = 0; place < digits.length; place++) if (digits[digits.length - 1 - place] === '1') places.push(place);
  return places;
}

export const maskOf = (places: readonly number[]): Mask => places.reduce((mask, place) => mask | bit(place), 0n);

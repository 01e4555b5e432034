/**
 * What all answers so far say together: the plans seen of each statement, with what each needs and costs. The cost of any set follows from it without
 * asking; the planner's own answer can only be lower, by a plan that nobody has seen yet. Sets are tried here by the ten thousand.
 */
import { bit, type Mask } from './search-costs.ts';
import type { Item, Running } from './search-model.ts';

export interface Book {
  readonly items: readonly Item[];
  readonly maxPerTable: number;
  readonly plans: readonly BookPlan[];
  /** Places of the plans that need an item. */
  readonly plansOf: readonly (readonly number[])[];
  /** Places of a statement's plans, cheapest first; the last needs nothing. */
  readonly ranked: readonly (readonly number[])[];
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

export function bookOf({ problem, items, costs, base, covering: coveringOf }: Running): Book {
  const plans: BookPlan[] = [];
  const ranked = problem.statements.map(({ weight }, statement) => {
    const before = base[statement] ?? 0;
    const seen = costs.plans(statement).filter(({ used, cost }) => used === 0n || before - cost >= NOTABLE * before);
    return seen.toSorted((a, b) => a.cost - b.cost).map(({ used, cost }) => plans.push({ statement, cost: weight * cost, needs: placesOf(used) }) - 1);
  });
  const plansOf: number[][] = items.map(() => []);
  for (const [place, { needs }] of plans.entries()) for (const item of needs) plansOf[item]?.push(place);
  const covering = items.map(({ id }) => coveringOf(id));
  const covered: number[][] = items.map(() => []);
  for (const [item, wide] of covering.entries()) for (const other of wide) covered[other]?.push(item);
  return { items, maxPerTable: problem.limits.maxIndexesPerTable, plans, plansOf, ranked, covering, covered };
}

/** Places of the bits of a set. */
export function placesOf(set: Mask): number[] {
  const digits = set.toString(2);
  const places: number[] = [];
  for (let place = 0; place < digits.length; place++) if (digits[digits.length - 1 - place] === '1') places.push(place);
  return places;
}

export const maskOf = (places: readonly number[]): Mask => places.reduce((mask, place) => mask | bit(place), 0n);

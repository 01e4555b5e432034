/** Costs of statements under sets of indexes, asked of the planner as seldom as can be. */
/** What the planner says about one statement under exactly these indexes (besides the existing ones). */
export interface Planned {
  readonly cost: number;
  /** `indexText` of those of them that occur in the plan. */
  readonly used: readonly string[];
}

/** Sets of items as bits. */
export type Mask = bigint;

export const bit = (item: number): Mask => 1n << BigInt(item);

export interface Costs {
  /** Cost of a statement where these items are there. */
  of(statement: number, set: Mask): Promise<number>;
  /** Items of the set that its plan uses. */
  used(statement: number, set: Mask): Promise<Mask>;
  /** The least cost seen for the statement: no set is known that does better. */
  least(statement: number): number;
  /** Whether the answer is known without asking. */
  isKnown(statement: number, set: Mask): boolean;
}

interface Known {
  readonly given: Mask;
  readonly used: Mask;
  readonly cost: number;
}

/**
 * An answer holds for each set between what the plan used and what was there: taking away what was not used changes nothing. `ask` is called once for
 * each question, also where two want the same at once.
 */
export function knownCosts(ask: (statement: number, set: Mask) => Promise<{ readonly cost: number; readonly used: Mask }>): Costs {
  const known = new Map<number, Known[]>();
  const asked = new Map<string, Promise<Known>>();
  const answersOf = (statement: number): Known[] => {
    const found = known.get(statement) ?? [];
    known.set(statement, found);
    return found;
  };
  const find = (statement: number, set: Mask) => answersOf(statement).find(({ given, used }) => (set & ~given) === 0n && (used & ~set) === 0n);
  const answer = async (statement: number, set: Mask): Promise<Known> => {
    const there = find(statement, set);
    if (there !== undefined) return there;
    const key = `${statement} ${set}`;
    const running = asked.get(key) ?? ask(statement, set).then(({ cost, used }) => cheaper({ given: set, used: used & set, cost }, answersOf(statement)));
    asked.set(key, running);
    const fresh = await running.finally(() => asked.delete(key));
    if (find(statement, set) === undefined) answersOf(statement).push(fresh);
    return fresh;
  };
  return {
    of: async (statement, set) => (await answer(statement, set)).cost,
    used: async (statement, set) => (await answer(statement, set)).used,
    least: (statement) => answersOf(statement).reduce((least, { cost }) => Math.min(least, cost), Number.POSITIVE_INFINITY),
    isKnown: (statement, set) => find(statement, set) !== undefined,
  };
}

/** More indexes are never worse: where a corrected cost says so, the planner would have taken the plan it has without them. */
function cheaper(answer: Known, others: readonly Known[]): Known {
  const least = others.filter(({ given, cost }) => (given & ~answer.given) === 0n && cost < answer.cost).toSorted((a, b) => a.cost - b.cost)[0];
  return least === undefined ? answer : { ...least, given: answer.given };
}

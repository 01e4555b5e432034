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
  /** Plans seen of a statement, without those that another is no dearer than with no more: each is there in every set that holds what it uses. */
  plans(statement: number): readonly SeenPlan[];
}

export interface SeenPlan {
  readonly used: Mask;
  readonly cost: number;
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
  const plans = new Map<number, SeenPlan[]>();
  const asked = new Map<string, Promise<Known>>();
  const listOf = <T>(lists: Map<number, T[]>, statement: number): T[] => {
    const found = lists.get(statement) ?? [];
    lists.set(statement, found);
    return found;
  };
  // the same sets are asked about again and again
  const found = new Map<number, Map<Mask, Known>>();
  const find = (statement: number, set: Mask): Known | undefined => {
    const before = found.get(statement) ?? new Map<Mask, Known>();
    found.set(statement, before);
    const there = before.get(set) ?? listOf(known, statement).find(({ given, used }) => (set & given) === set && (used & set) === used);
    if (there !== undefined) before.set(set, there);
    return there;
  };
  const keep = (statement: number, answer: Known) => {
    listOf(known, statement).push(answer);
    plans.set(statement, withPlan(listOf(plans, statement), answer));
  };
  const answer = async (statement: number, set: Mask): Promise<Known> => {
    const there = find(statement, set);
    if (there !== undefined) return there;
    const key = `${statement} ${set.toString(36)}`;
    const running = asked.get(key) ?? ask(statement, set).then(({ cost, used }) => cheaper({ given: set, used: used & set, cost }, listOf(plans, statement)));
    asked.set(key, running);
    const fresh = await running.finally(() => asked.delete(key));
    if (find(statement, set) === undefined) keep(statement, fresh);
    return fresh;
  };
  return {
    of: async (statement, set) => (await answer(statement, set)).cost,
    used: async (statement, set) => (await answer(statement, set)).used,
    least: (statement) => listOf(plans, statement).reduce((least, { cost }) => Math.min(least, cost), Number.POSITIVE_INFINITY),
    isKnown: (statement, set) => find(statement, set) !== undefined,
    plans: (statement) => listOf(plans, statement),
  };
}

/**
 * More indexes are never worse here: where a corrected cost says so, the planner would have taken a plan that it has with fewer. Not so where it is a loop
 * that misleads the planner: it takes that. Which indexes make it err is for execution to say, and a set that needs none of them may have them all the same.
 */
function cheaper(answer: Known, plans: readonly SeenPlan[]): Known {
  let least: SeenPlan = answer;
  for (const plan of plans) if (plan.cost < least.cost && (plan.used & ~answer.given) === 0n) least = plan;
  return least === answer ? answer : { given: answer.given, used: least.used, cost: least.cost };
}

function withPlan(plans: SeenPlan[], { used, cost }: SeenPlan): SeenPlan[] {
  if (plans.some((other) => other.cost <= cost && (other.used & ~used) === 0n)) return plans;
  return [...plans.filter((other) => other.cost < cost || (used & ~other.used) !== 0n), { used, cost }];
}

/**
 * The search for a set of indexes: design/optimizer.md, section 5. Pure over an oracle that plans (HypoPG on the lab, or a table of numbers in a
 * test). Candidates are tried alone and together, merged, then picked greedily by gain per byte, then moved until nothing helps. The best set so
 * far is there at any time; more time never makes it worse.
 */
import type { IndexDefinition } from './model.ts';
import { bit, knownCosts, type Mask } from './search-costs.ts';
import { greedy } from './search-greedy.ts';
import { improve } from './search-improve.ts';
import { findItems } from './search-items.ts';
import type { FoundSet, Item, Running, SearchProblem } from './search-model.ts';
import { type SetView, setView } from './search-sets.ts';

export interface SearchResult {
  /** Best estimate first; the empty set is not among them. */
  readonly sets: readonly FoundSet[];
  readonly plans: number;
  /** Everything was looked at: neither deadline nor number of plans cut it short. */
  readonly isComplete: boolean;
}

/** Gain by bytes, and gain by less than bytes: which is better depends on how much of the budget one index takes. */
const POWERS = [1, 0.8, 0.6, 0.4, 0.2];
const IMPROVED = 3;

/** Up to four sets: the whole budget, the same without INCLUDE, a half and an eighth of it. Throws what the oracle throws. */
export async function search(problem: SearchProblem): Promise<SearchResult> {
  const { running, plans } = await begin(problem);
  await findItems(problem.limits.sets === 1 ? running : running.within(0.6));
  const view = setView(running);
  const found: Mask[] = [];
  for (const { share, ...variant } of variantsOf(running, problem.limits)) found.push(await bestOf(running.within(share), view, variant));
  const sets = await Promise.all([...new Set(found)].filter((set) => set !== 0n).map((set) => foundSet(running, view, set)));
  return { sets: sets.toSorted((a, b) => a.estimatedRatio - b.estimatedRatio), plans: plans(), isComplete: !running.isOver() };
}

interface Variant {
  readonly allowed: Mask;
  readonly budgetBytes: number;
  /** The one for the whole budget. */
  readonly isMain: boolean;
}

/** `share`: of what is then left of time and questions; most of it for the first, whose answers the others find again. */
function variantsOf({ items }: Running, { budgetBytes, sets }: SearchProblem['limits']): (Variant & { readonly share: number })[] {
  const useful = items.filter(({ serves }) => serves.size > 0);
  const all = useful.reduce((mask, { id }) => mask | bit(id), 0n);
  const plain = useful.filter(({ index }) => index.include.length === 0).reduce((mask, { id }) => mask | bit(id), 0n);
  const variants = [
    { allowed: all, budgetBytes, isMain: true, share: sets === 1 ? 1 : 0.6 },
    { allowed: plain, budgetBytes, isMain: false, share: 0.4 },
    { allowed: all, budgetBytes: budgetBytes / 2, isMain: false, share: 0.5 },
    { allowed: all, budgetBytes: budgetBytes / 8, isMain: false, share: 0.9 },
  ];
  return variants.slice(0, sets);
}

async function begin(problem: SearchProblem): Promise<{ readonly running: Running; readonly plans: () => number }> {
  const items: Item[] = [];
  const bundles: Running['bundles'] = new Map();
  let plans = 0;
  const costs = knownCosts(async (statement, set) => {
    plans += 1;
    const planned = await problem.oracle.plan(statement, indexesOf(items, set));
    const ids = new Map(items.map((item) => [item.text, item.id]));
    const used = planned.used.reduce((mask, text) => mask | bit(ids.get(text) ?? 0), 0n);
    return { cost: planned.cost, used };
  });
  const base = await Promise.all(problem.statements.map((_, statement) => costs.of(statement, 0n)));
  const runningUntil = (deadline: number, maxPlans: number): Running => {
    const isOver = () => problem.now() >= deadline || plans >= maxPlans;
    const within = (share: number) => {
      const now = problem.now();
      return runningUntil(now + share * Math.max(0, deadline - now), plans + share * Math.max(0, maxPlans - plans));
    };
    return { problem, items, costs, base, bundles, isOver, within };
  };
  return { running: runningUntil(problem.limits.deadline, problem.limits.maxPlans), plans: () => plans };
}

/** Greedy sets by several powers, the best of them improved one after the other: where the first ends is not always the best end. */
async function bestOf(running: Running, view: SetView, options: Variant): Promise<Mask> {
  let best: Found = { set: 0n, value: await view.objective(0n) };
  const note = (found: Found) => {
    const isSmaller = found.value === best.value && view.bytes(found.set) < view.bytes(best.set);
    if (found.value > best.value || (found.value === best.value && !isSmaller)) return;
    best = found;
    if (options.isMain) running.problem.onBetter?.(found.value);
  };
  const starts = new Map<Mask, number>();
  for (const power of POWERS) {
    const set = await greedy(running, view, { ...options, start: 0n, power });
    starts.set(set, await view.objective(set));
    note({ set, value: starts.get(set) ?? 0 });
  }
  const ranked = [...starts].toSorted(([, a], [, b]) => a - b).slice(0, IMPROVED);
  for (const [start] of ranked) {
    if (running.isOver()) break;
    await improve(running, view, { ...options, start, onBetter: note });
  }
  return best.set;
}

interface Found {
  readonly set: Mask;
  readonly value: number;
}

/** Costs with every index of the set, also those a statement was never seen to use. */
async function foundSet({ problem, base, costs }: Running, view: SetView, set: Mask): Promise<FoundSet> {
  const members = view.members(set);
  let before = 0;
  let after = 0;
  for (const [statement, { weight, reads }] of problem.statements.entries()) {
    const near = members.filter(({ table }) => reads.has(table)).reduce((mask, { id }) => mask | bit(id), 0n);
    before += weight * (base[statement] ?? 0);
    after += weight * (await costs.of(statement, near));
  }
  return { indexes: members.map(({ index }) => index), estimatedRatio: before === 0 ? 1 : after / before, estimatedBytes: view.bytes(set) };
}

const indexesOf = (items: readonly Item[], set: Mask): IndexDefinition[] => items.filter(({ id }) => (set & bit(id)) !== 0n).map(({ index }) => index);

/**
 * The search for a set of indexes: design/optimizer.md, section 5. Pure over an oracle that plans (HypoPG on the lab, or a table of numbers in a
 * test). Candidates are tried on their statements, merged; every answer is a plan with what it needs and costs. Among all plans seen the best set is
 * found without asking; then it is asked about, and what lies around it, until that shows nothing better. The best set so far is there at any
 * time; more time never makes it worse.
 */
import type { IndexDefinition } from './model.ts';
import { bookOf, maskOf, placesOf } from './search-book.ts';
import { bit, knownCosts, type Mask } from './search-costs.ts';
import { coverFinder } from './search-cover.ts';
import { explore } from './search-explore.ts';
import { findItems } from './search-items.ts';
import type { FoundSet, Item, Running, SearchProblem } from './search-model.ts';
import { type SetView, setView } from './search-sets.ts';
import { solve } from './search-solve.ts';
import { standIns } from './search-stand-ins.ts';

export interface SearchResult {
  /** Best estimate first; the empty set is not among them. */
  readonly sets: readonly FoundSet[];
  /** For the larger budget; empty where none was asked for. */
  readonly wide: readonly FoundSet[];
  /** What would take the place of large members of the best set; empty where no larger budget was asked for. */
  readonly standIns: readonly IndexDefinition[];
  readonly plans: number;
  /** Everything was looked at: neither deadline nor number of plans cut it short. */
  readonly isComplete: boolean;
}

/** Gain by bytes, and gain by less than bytes: which is better depends on how much of the budget one index takes. */
const POWERS = [1, 0.8, 0.6, 0.4, 0.2];
const LATER_POWERS = [1, 0.4];
/** Sets of one round that are asked about, and all that lies around them. */
const EXPLORED = 2;
/** Rounds without anything better, then it is enough. */
const STALE = 3;
const KICKS = 1;
/** Of time and questions, for the sets within the budget, where a larger one is looked at too. */
const MAIN_SHARE = 0.7;

/** Of those, at most, for finding out which candidates are useful at all. */
const FINDING_SHARE = 0.6;

/** Up to four sets: the whole budget, the same without INCLUDE, a half and an eighth of it. Throws what the oracle throws. */
export async function search(problem: SearchProblem): Promise<SearchResult> {
  const { running, plans } = await begin(problem);
  const { limits } = problem;
  const main = limits.wide === undefined ? running : running.within(MAIN_SHARE);
  await findItems(main.within(FINDING_SHARE));
  const view = setView(running);
  const found = await setsFor(main, view, variantsOf(limits.budgetBytes, limits.sets, true));
  const [best] = found;
  const close = limits.wide === undefined || best === undefined ? [] : standIns(running, best, limits.budgetBytes);
  const wide =
    limits.wide === undefined || found.length === 0 ? [] : await setsFor(running, view, variantsOf(limits.wide.budgetBytes, limits.wide.sets, false));
  return { sets: found, wide, standIns: close, plans: plans(), isComplete: !running.isOver() };
}

interface Variant {
  readonly isPlain: boolean;
  readonly budgetBytes: number;
  /** The one for the whole budget. */
  readonly isMain: boolean;
  /** Of what is then left of time and questions; most of it for the first, whose answers the others find again. */
  readonly share: number;
}

function variantsOf(budgetBytes: number, sets: number, isOwn: boolean): Variant[] {
  const variants = [
    { isPlain: false, budgetBytes, isMain: isOwn, share: sets === 1 ? 1 : 0.6 },
    { isPlain: true, budgetBytes, isMain: false, share: sets === 2 ? 1 : 0.4 },
    { isPlain: false, budgetBytes: budgetBytes / 2, isMain: false, share: 0.5 },
    { isPlain: false, budgetBytes: budgetBytes / 8, isMain: false, share: 0.9 },
  ];
  return variants.slice(0, sets);
}

async function setsFor(running: Running, view: SetView, variants: readonly Variant[]): Promise<FoundSet[]> {
  const found: Mask[] = [];
  for (const variant of variants) found.push(await bestOf(running.within(variant.share), view, variant));
  const sets = await Promise.all([...new Set(found)].filter((set) => set !== 0n).map((set) => foundSet(running, view, set)));
  return sets.toSorted((a, b) => a.estimatedRatio - b.estimatedRatio);
}

async function begin(problem: SearchProblem): Promise<{ readonly running: Running; readonly plans: () => number }> {
  const items: Item[] = [];
  let plans = 0;
  const costs = knownCosts(async (statement, set) => {
    plans += 1;
    const planned = await problem.oracle.plan(statement, indexesOf(items, set));
    const ids = new Map(placesOf(set).map((place) => [items[place]?.text, place]));
    const used = planned.used.reduce((mask, text) => mask | bit(ids.get(text) ?? 0), 0n);
    return { cost: planned.cost, used };
  });
  const base = await Promise.all(problem.statements.map((_, statement) => costs.of(statement, 0n)));
  const covering = coverFinder(items);
  const runningUntil = (deadline: number, maxPlans: number): Running => {
    const isOver = () => problem.now() >= deadline || plans >= maxPlans;
    const within = (share: number) => {
      const now = problem.now();
      return runningUntil(now + share * Math.max(0, deadline - now), plans + share * Math.max(0, maxPlans - plans));
    };
    return { problem, items, costs, base, covering, isOver, within };
  };
  return { running: runningUntil(problem.limits.deadline, problem.limits.maxPlans), plans: () => plans };
}

/** In rounds: the best sets of the book, what the planner says of them, what lies around them; until the book knows nothing better that was not asked about. */
async function bestOf(running: Running, view: SetView, { isPlain, isMain, budgetBytes }: Variant): Promise<Mask> {
  const isAllowed = ({ bytes, index }: Item) => bytes <= budgetBytes && (!isPlain || index.include.length === 0);
  let best: Found = { set: 0n, value: await view.objective(0n) };
  const note = (found: Found): boolean => {
    const isSmaller = found.value === best.value && view.bytes(found.set) < view.bytes(best.set);
    if (found.value > best.value || (found.value === best.value && !isSmaller)) return false;
    best = found;
    if (isMain) running.problem.onBetter?.(found.value);
    return true;
  };
  const explored = new Set<Mask>();
  const around = { isAllowed, budgetBytes };
  for (let stale = 0, thorough = 0n; !running.isOver(); stale++) {
    const book = bookOf(running);
    const isFirst = explored.size === 0;
    const solved = solve(book, {
      isAllowed: (item) => isAllowed(running.items[item] as Item),
      budgetBytes,
      starts: best.set === 0n ? [] : [placesOf(best.set)],
      kicks: isFirst ? 0 : KICKS,
      powers: isFirst ? POWERS : LATER_POWERS,
      isOver: running.isOver,
    });
    const fresh = stale < STALE ? solved.map(({ set }) => maskOf(set)).filter((set) => set !== 0n && !explored.has(set)) : [];
    for (const set of fresh.slice(0, isFirst ? POWERS.length : EXPLORED)) {
      explored.add(set);
      if (note({ set, value: await view.objective(set) })) stale = -1;
      if (running.isOver()) return best.set;
      await explore(running, view, { ...around, set, book });
    }
    if (fresh.length > 0) continue;
    if (thorough === best.set) break;
    thorough = best.set;
    stale = -1;
    await explore(running, view, { ...around, set: best.set, book, isThorough: true });
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

const indexesOf = (items: readonly Item[], set: Mask): IndexDefinition[] => placesOf(set).map((place) => (items[place] as Item).index);

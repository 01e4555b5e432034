/** A set made better in small moves: out with what no longer earns its place, in with what earns more, holes refilled. Never worse than before. */
import { keyText } from './index-sql.ts';
import { bit, type Mask } from './search-costs.ts';
import { greedy } from './search-greedy.ts';
import type { Item, Running } from './search-model.ts';
import type { SetView } from './search-sets.ts';

export interface ImproveOptions {
  readonly start: Mask;
  readonly allowed: Mask;
  readonly budgetBytes: number;
  readonly onBetter: (found: { readonly set: Mask; readonly value: number }) => void;
}

/** A move counts from this share of the objective on. */
const WORTHWHILE = 2e-4;

interface Moving extends ImproveOptions {
  readonly running: Running;
  readonly view: SetView;
  /** Accepts a set that is better; true where it was. */
  readonly take: (set: Mask | null, share?: number) => Promise<boolean>;
  readonly now: () => Mask;
}

/** Moves until none helps, or the time is over. */
export async function improve(running: Running, view: SetView, options: ImproveOptions): Promise<void> {
  let set = options.start;
  let value = await view.objective(set);
  const take = async (next: Mask | null, share = WORTHWHILE): Promise<boolean> => {
    if (next === null || next === set) return false;
    const reached = await view.objective(next);
    if (reached >= value * (1 - share)) return false;
    set = next;
    value = reached;
    options.onBetter({ set, value });
    return true;
  };
  const moving: Moving = { ...options, running, view, take, now: () => set };
  for (let isMoving = true; isMoving && !running.isOver(); ) {
    await prune(moving);
    isMoving = await swapIn(moving);
    isMoving = (await refill(moving)) || isMoving;
  }
  await prune(moving);
}

/** Without those whose absence costs nothing. */
async function prune({ view, running, take, now }: Moving): Promise<void> {
  for (const { item } of await byLoss(view, now(), running)) {
    if (running.isOver()) return;
    const without = now() & ~bit(item.id);
    if ((await view.gain(without, now())) <= 0) await take(without, -1e-12);
  }
}

/** Each item that is not in the set, and each bundle: in, and the least valuable out until it fits. */
async function swapIn(moving: Moving): Promise<boolean> {
  const { running, view, allowed, budgetBytes, take, now } = moving;
  const singles = view.items.filter(({ id, serves }) => serves.size > 0 && (allowed & bit(id)) !== 0n).map(({ id }) => bit(id));
  const moves = [...singles, ...[...running.bundles.keys()].filter((mask) => (mask & ~allowed) === 0n)];
  let isBetter = false;
  let losses = await byLoss(view, now(), running);
  for (const move of moves) {
    if (running.isOver()) return isBetter;
    if ((move & ~now()) === 0n) continue;
    const widened = view.added(now(), move, Number.POSITIVE_INFINITY);
    if (widened === null) continue;
    const most = await view.mostGain(now(), view.served(move));
    const { next, lost } = fitted({ view, widened, keep: move, losses, budgetBytes });
    // only what could pay for its victims is asked; then what the new one makes dispensable is looked at
    const isTaken = (next !== null && most > lost && (await take(next))) || (most > 0 && (await replaceAlike({ moving, move, widened, losses })));
    if (!isTaken) continue;
    isBetter = true;
    losses = await byLoss(view, now(), running);
  }
  return isBetter;
}

/** The new one in the place of those that begin with the same column: what each of them is still worth beside it decides which of them go. */
async function replaceAlike(parts: {
  readonly moving: Moving;
  readonly move: Mask;
  readonly widened: Mask;
  readonly losses: readonly Loss[];
}): Promise<boolean> {
  const { moving, move, widened, losses } = parts;
  const { view, budgetBytes, take } = moving;
  const firsts = new Set(view.members(move).map(firstKey));
  const alike = view.members(widened & ~move).filter((item) => firsts.has(firstKey(item)));
  if (alike.length === 0) return false;
  const fresh = await Promise.all(alike.map(async (item) => ({ item, loss: await view.gain(widened & ~bit(item.id), widened) })));
  const rest = losses.filter(({ item }) => !alike.includes(item));
  const ordered = [...fresh, ...rest].toSorted(byWorth);
  return take(fitted({ view, widened, keep: move, losses: ordered, budgetBytes }).next);
}

const firstKey = ({ table, index }: Item): string => `${table} ${index.keys[0] === undefined ? '' : keyText(index.keys[0])}`;

/** One out, and greedily filled up again without it. */
async function refill({ running, view, allowed, budgetBytes, take, now }: Moving): Promise<boolean> {
  let isBetter = await take(await greedy(running, view, { start: now(), allowed, budgetBytes, power: 1 }));
  for (const { item } of await byLoss(view, now(), running)) {
    if (running.isOver()) return isBetter;
    if ((now() & bit(item.id)) === 0n) continue;
    const options = { start: now() & ~bit(item.id), allowed: allowed & ~bit(item.id), budgetBytes };
    for (const power of [1, 0.5]) isBetter = (await take(await greedy(running, view, { ...options, power }))) || isBetter;
  }
  return isBetter;
}

interface Loss {
  readonly item: Item;
  readonly loss: number;
}

/** Members by what their absence would cost per byte, least first. */
async function byLoss(view: SetView, set: Mask, running: Running): Promise<Loss[]> {
  if (running.isOver()) return [];
  const losses = await Promise.all(view.members(set).map(async (item) => ({ item, loss: await view.gain(set & ~bit(item.id), set) })));
  return losses.toSorted(byWorth);
}

const byWorth = (a: Loss, b: Loss): number => a.loss / a.item.bytes - b.loss / b.item.bytes;

/** Members go, least valuable first, until the rest fits; then those come back for which there is room after all. */
function fitted(parts: {
  readonly view: SetView;
  readonly widened: Mask;
  readonly keep: Mask;
  readonly losses: readonly Loss[];
  readonly budgetBytes: number;
}) {
  const { view, widened, keep, losses, budgetBytes } = parts;
  let set = widened;
  const gone: Loss[] = [];
  for (const entry of losses) {
    if (view.added(set, 0n, budgetBytes) !== null) break;
    if ((set & ~keep & bit(entry.item.id)) === 0n) continue;
    set &= ~bit(entry.item.id);
    gone.push(entry);
  }
  if (view.added(set, 0n, budgetBytes) === null) return { next: null, lost: 0 };
  let lost = 0;
  for (const entry of gone.toReversed()) {
    const back = set | bit(entry.item.id);
    if (view.added(back, 0n, budgetBytes) === null) lost += entry.loss;
    else set = back;
  }
  return { next: set, lost };
}

/** A set step by step: always what saves most per byte, asked again only where the answer may have changed. */
import { bit, type Mask } from './search-costs.ts';
import type { Running } from './search-model.ts';
import type { SetView } from './search-sets.ts';

export interface GreedyOptions {
  readonly start: Mask;
  /** Items that may be used. */
  readonly allowed: Mask;
  readonly budgetBytes: number;
  /** Gain counts by bytes to this power: 1 favours small indexes, less favours great gains. */
  readonly power: number;
}

interface Element {
  readonly mask: Mask;
  /** Gain per byte when last asked; infinite where that says nothing any more. */
  bound: number;
}

/** Lazy greedy over single items and bundles; stops where nothing fits or saves, or the time is over. */
export async function greedy(running: Running, view: SetView, options: GreedyOptions): Promise<Mask> {
  const { allowed, budgetBytes } = options;
  let set = options.start;
  let elements: Element[] = elementsOf(running, view, allowed);
  while (elements.length > 0 && !running.isOver()) {
    const element = elements.reduce((best, other) => (other.bound > best.bound ? other : best));
    if (element.bound <= 0) break;
    const next = view.added(set, element.mask, budgetBytes);
    if (next === null || next === set) {
      // bytes only grow but where a wider index replaces a narrower one: what does not fit now is not looked at again
      elements = elements.filter((other) => other !== element);
      continue;
    }
    element.bound = await score({ view, set, next, power: options.power });
    if (element.bound <= 0 || elements.some((other) => other !== element && other.bound > element.bound)) continue;
    wake(elements, running, next & ~set);
    set = next;
    elements = elements.filter((other) => other !== element);
  }
  return set;
}

async function score({ view, set, next, power }: { readonly view: SetView; readonly set: Mask; readonly next: Mask; readonly power: number }): Promise<number> {
  const gain = await view.gain(set, next);
  const bytes = view.bytes(next) - view.bytes(set);
  return gain <= 0 ? 0 : bytes <= 0 ? Number.MAX_VALUE : gain / bytes ** power;
}

function elementsOf(running: Running, view: SetView, allowed: Mask): Element[] {
  const singles = view.items.filter(({ id, serves }) => serves.size > 0 && (allowed & bit(id)) !== 0n).map(({ id }) => bit(id));
  const bundles = [...running.bundles.keys()].filter((mask) => (mask & ~allowed) === 0n);
  return [...singles, ...bundles].map((mask) => ({ mask, bound: Number.POSITIVE_INFINITY }));
}

/** What belongs together with the new ones may be worth more now. */
function wake(elements: readonly Element[], running: Running, fresh: Mask): void {
  const partners = [...running.bundles.keys()].filter((bundle) => (bundle & fresh) !== 0n).reduce((all, bundle) => all | bundle, 0n);
  for (const element of elements) if ((element.mask & partners) !== 0n) element.bound = Number.POSITIVE_INFINITY;
}

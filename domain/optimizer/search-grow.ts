/** Filling a set by what saves most for its bytes, and making one fit by what is least worth its bytes. On a book: nothing is asked. */
import type { Book } from './search-book.ts';
import { promiseQueue } from './search-queue.ts';
import type { Trial } from './search-trial.ts';

export interface Fitting {
  readonly trial: Trial;
  readonly book: Book;
  readonly budgetBytes: number;
  readonly bundles: Bundles;
  /** By item, 1: may not come in now. */
  readonly barred: Uint8Array;
}

/** Items that plans need together. */
export interface Bundle {
  readonly items: readonly number[];
  /** Places in the book. */
  readonly plans: readonly number[];
}

export interface Bundles {
  readonly all: readonly Bundle[];
  /** By item: places of the bundles that hold it. */
  readonly holding: readonly (readonly number[])[];
}

/** What each plan needs, once. */
export function bundlesOf({ plans, items: known }: Book, isAllowed: (item: number) => boolean): Bundles {
  const bundles = new Map<string, { readonly items: readonly number[]; readonly plans: number[] }>();
  for (const [place, { needs }] of plans.entries()) {
    if (needs.length === 0 || !needs.every(isAllowed)) continue;
    const bundle = bundles.get(needs.join()) ?? { items: needs, plans: [] };
    bundle.plans.push(place);
    bundles.set(needs.join(), bundle);
  }
  const all = [...bundles.values()];
  const holding: number[][] = known.map(() => []);
  for (const [place, { items }] of all.entries()) for (const item of items) holding[item]?.push(place);
  return { all, holding };
}

/** Lazy greedy: the most promising bundle is tried, and taken where it still is. `power`: 1 favours small indexes, less favours great gains. */
export function grow(fitting: Fitting, power: number): void {
  const { all, holding } = fitting.bundles;
  // by gain per byte when last looked at
  const promising = promiseQueue(all.length);
  const look = (place: number) => promising.put(place, gainOf(fitting, all[place] as Bundle, power));
  for (const place of all.keys()) look(place);
  for (;;) {
    const first = promising.first();
    if (first < 0) return;
    look(first);
    if (promising.first() !== first) continue;
    const { items } = all[first] as Bundle;
    fitting.trial.add(items);
    promising.put(first, 0);
    // what shares an item with the new ones costs less room now
    for (const place of new Set(items.flatMap((item) => holding[item] ?? []))) if (place !== first) look(place);
  }
}

/** Its gain per byte; 0 where it does not fit or saves nothing. The set stays as it is. */
function gainOf({ trial, budgetBytes, barred }: Fitting, { items, plans }: Bundle, power: number): number {
  if (!plans.some(trial.isBetter)) return 0;
  // a wider one may still take the place of what it covers, but that is a move, not growth
  if (trial.bytes() + trial.bytesMore(items) > budgetBytes || items.some((item) => barred[item] === 1)) return 0;
  const [before, value, bytes] = [trial.now(), trial.value(), trial.bytes()];
  const isAdded = trial.add(items);
  const gain = isAdded ? value - trial.value() : 0;
  const more = trial.bytes() - bytes;
  trial.back(before);
  return gain <= 0 ? 0 : more <= 0 ? Number.MAX_VALUE : gain / more ** power;
}

/** Members go, least worth their bytes first, until the rest fits; then those come back for which there is room after all. False where it cannot end below `enough`. */
export function fits({ trial, book, budgetBytes }: Fitting, keep: readonly number[], enough: number): boolean {
  const gone: number[] = [];
  while (trial.bytes() > budgetBytes) {
    if (trial.value() >= enough) return false;
    const over = trial.bytes() - budgetBytes;
    const losses = trial.losses();
    let [least, worth] = [-1, Number.POSITIVE_INFINITY];
    for (const item of trial.members()) {
      const own = (losses[item] ?? 0) / Math.min(book.items[item]?.bytes ?? 1, over);
      if (own < worth && !keep.includes(item)) [least, worth] = [item, own];
    }
    if (least < 0) return false;
    trial.remove(least);
    gone.push(least);
  }
  for (const item of gone.toReversed()) {
    if (trial.bytes() + (book.items[item]?.bytes ?? 0) > budgetBytes) continue;
    const before = trial.now();
    if (!trial.add([item])) trial.back(before);
  }
  return true;
}

/** Filling a set by what saves most for its bytes, and making one fit by what is least worth its bytes. On a book: nothing is asked. */
import type { Book } from './search-book.ts';
import type { Trial } from './search-trial.ts';

export interface Fitting {
  readonly trial: Trial;
  readonly book: Book;
  readonly budgetBytes: number;
}

/** Items that plans need together. */
export interface Bundle {
  readonly items: readonly number[];
  /** Places in the book. */
  readonly plans: readonly number[];
}

interface Element {
  readonly bundle: Bundle;
  /** Gain per byte when last tried; infinite where that says nothing any more. */
  bound: number;
}

/** Lazy greedy: the most promising bundle is tried, and taken where it still is. `power`: 1 favours small indexes, less favours great gains. */
export function grow(fitting: Fitting, bundles: readonly Bundle[], power: number): void {
  const elements = bundles.map((bundle): Element => ({ bundle, bound: boundOf(fitting, bundle, power) }));
  for (;;) {
    const element = elements.reduce<Element | null>((best, other) => (other.bound > (best?.bound ?? 0) ? other : best), null);
    if (element === null) return;
    const before = fitting.trial.now();
    element.bound = tried(fitting, element.bundle, power);
    if (element.bound <= 0 || elements.some((other) => other !== element && other.bound > element.bound)) {
      fitting.trial.back(before);
      continue;
    }
    element.bound = 0;
    // what shares an item with the new ones costs less room now
    for (const other of elements) {
      if (other !== element && other.bundle.items.some((item) => element.bundle.items.includes(item))) other.bound = Number.POSITIVE_INFINITY;
    }
  }
}

function boundOf(fitting: Fitting, bundle: Bundle, power: number): number {
  const before = fitting.trial.now();
  const bound = tried(fitting, bundle, power);
  if (bound > 0) fitting.trial.back(before);
  return bound;
}

/** Adds the bundle; its gain per byte. 0 where it does not fit or saves nothing: then all is as before. */
function tried({ trial, book, budgetBytes }: Fitting, { items, plans }: Bundle, power: number): number {
  if (!plans.some(trial.isBetter)) return 0;
  const [value, bytes] = [trial.value(), trial.bytes()];
  const wanted = items.reduce((sum, item) => sum + (trial.has(item) ? 0 : (book.items[item]?.bytes ?? 0)), bytes);
  // a wider one may still take the place of what it covers, but that is a move, not growth
  if (wanted > budgetBytes) return 0;
  const before = trial.now();
  const isAdded = trial.add(items);
  const gain = isAdded ? value - trial.value() : 0;
  const more = trial.bytes() - bytes;
  if (gain > 0) return more <= 0 ? Number.MAX_VALUE : gain / more ** power;
  trial.back(before);
  return 0;
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

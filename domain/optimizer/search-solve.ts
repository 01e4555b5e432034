/** The best set that a book knows of: greedy starts by several powers, each moved until nothing helps, the best shaken and moved again. Asks nothing. */
import type { Book } from './search-book.ts';
import { type Bundle, bundlesOf, type Fitting, fits, grow } from './search-grow.ts';
import { openTrial, type Trial } from './search-trial.ts';

export interface SolveOptions {
  /** By item. */
  readonly isAllowed: (item: number) => boolean;
  readonly budgetBytes: number;
  /** Sets to begin with besides the greedy ones. */
  readonly starts: readonly (readonly number[])[];
  /** Times that the best is shaken. */
  readonly kicks: number;
  /** Gain counts by bytes to these powers in the greedy starts. */
  readonly powers: readonly number[];
  readonly isOver: () => boolean;
}

export interface Solved {
  readonly set: readonly number[];
  readonly value: number;
}

/** A move counts from this share of the objective on. */
const WORTHWHILE = 1e-5;
const MOST_PASSES = 6;
/** Members that a kick takes out. */
const KICKED = 4;

/** Best first, each set once. The same book and options give the same sets. */
export function solve(book: Book, options: SolveOptions): Solved[] {
  const trial = openTrial(book);
  const empty = trial.now();
  const bundles = bundlesOf(book, options.isAllowed);
  const fitting: Fitting = { trial, book, budgetBytes: options.budgetBytes, bundles, barred: new Uint8Array(book.items.length) };
  const found = new Map<string, Solved>();
  const note = () => {
    const set = trial.members();
    found.set(set.join(), { set, value: trial.value() });
  };
  for (const start of options.starts) {
    trial.back(empty);
    if (!trial.add(start) || trial.bytes() > options.budgetBytes) continue;
    settle(fitting, options);
    note();
  }
  for (const power of options.powers) {
    if (options.isOver()) break;
    trial.back(empty);
    grow(fitting, power);
    settle(fitting, options);
    note();
  }
  shake({ fitting, options, found, note });
  return [...found.values()].toSorted((a, b) => a.value - b.value);
}

interface Shaking {
  readonly fitting: Fitting;
  readonly options: SolveOptions;
  readonly found: ReadonlyMap<string, Solved>;
  readonly note: () => void;
}

/** From the best: some members out that may not come back at once, filled up, moved until nothing helps. */
function shake({ fitting, options, found, note }: Shaking): void {
  const { trial } = fitting;
  const random = numbersFrom(found.size + fitting.bundles.all.length);
  for (let kick = 0; kick < options.kicks && !options.isOver(); kick++) {
    const best = [...found.values()].toSorted((a, b) => a.value - b.value)[0];
    if (best === undefined || best.set.length < 2) return;
    for (const member of trial.members()) trial.remove(member);
    trial.add(best.set);
    const out = Array.from({ length: Math.min(KICKED, best.set.length - 1) }, () => best.set[random(best.set.length)] ?? 0);
    for (const item of out) trial.remove(item);
    growWithout(fitting, out, random(2) === 0 ? 1 : 0.5);
    settle(fitting, options);
    note();
  }
}

/** Passes over all bundles until none helps. */
function settle(fitting: Fitting, { isOver }: SolveOptions): void {
  const { trial } = fitting;
  for (let pass = 0, isMoving = true; isMoving && pass < MOST_PASSES; pass++) {
    dropIdle(trial);
    isMoving = false;
    for (const bundle of fitting.bundles.all) {
      if (isOver()) return;
      if (moveIn(fitting, bundle)) isMoving = true;
    }
    isMoving = refill(fitting, isOver) || isMoving;
  }
  dropIdle(trial);
}

function dropIdle(trial: Trial): void {
  for (;;) {
    const losses = trial.losses();
    const idle = trial.members().find((item) => (losses[item] ?? 0) <= 0);
    if (idle === undefined) return;
    trial.remove(idle);
  }
}

/** In with the bundle, out with the least valuable until it fits. Back where that is not better. */
function moveIn(fitting: Fitting, { items, plans }: Bundle): boolean {
  const { trial } = fitting;
  if (!plans.some(trial.isBetter)) return false;
  const before = trial.now();
  const value = trial.value();
  const enough = value * (1 - WORTHWHILE);
  if (trial.add(items) && trial.value() < enough && fits(fitting, items, enough) && trial.value() < enough) return true;
  trial.back(before);
  return false;
}

/** One out, and the room filled anew without it: one for several. */
function refill(fitting: Fitting, isOver: () => boolean): boolean {
  const { trial } = fitting;
  let isBetter = false;
  for (const item of trial.members()) {
    if (isOver()) return isBetter;
    if (!trial.has(item)) continue;
    const before = trial.now();
    const enough = trial.value() * (1 - WORTHWHILE);
    trial.remove(item);
    growWithout(fitting, [item], 1);
    if (trial.value() < enough) isBetter = true;
    else trial.back(before);
  }
  return isBetter;
}

function growWithout(fitting: Fitting, out: readonly number[], power: number): void {
  for (const item of out) fitting.barred[item] = 1;
  grow(fitting, power);
  for (const item of out) fitting.barred[item] = 0;
}

/** Whole numbers below a bound, the same ones for the same seed (xorshift32). */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

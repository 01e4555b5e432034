/**
 * A set chosen by executed times: indexes that are really there are taken away and put back by what that does to the statements when they run.
 * What-if planning proposes, this decides: the planner's estimates rank sets of one size badly. Pure over an oracle that executes.
 *
 *   execute the search's best set → look for a better one by what is known, hoping for plans that were never executed ─▶ execute those of its plans
 *     ▲                                                                                                                 │ none was unknown
 *     └──────────────────────────── it was worse than hoped, or slower when looked at again ◀── look again at what one execution says too little of
 */
import { type ExecutedTimes, executedTimes, type TimesOracle } from './executed-times.ts';
import { bit, type Mask } from './search-costs.ts';

export interface ExecutedChoice extends TimesOracle {
  readonly budgetBytes: number;
  /** Those of the set that cover one another. */
  readonly redundant: (set: Mask) => Mask;
  /** No table has more indexes than it may. */
  readonly isRoomy: (set: Mask) => boolean;
  /** Sets to begin with besides all items together, the most promising first. */
  readonly starts: readonly Mask[];
  /** Nothing further is looked for. */
  readonly isOver: () => boolean;
  /** Nor is the best looked at again; later than `isOver`. */
  readonly isLate: () => boolean;
  /** A set that is better than those before, all of its plans executed. */
  readonly onBetter?: (chosen: Chosen) => void;
}

export interface Chosen {
  readonly set: Mask;
  /** Weighted, harm counted. */
  readonly ms: number;
  readonly baseMs: number;
}

/** A change must save this share of the total: less is noise. */
const WORTHWHILE = 0.003;
/** An index must save this share of the total while the others are there. */
const IDLE = 0.002;
/** A set that takes so much more than the best so far, as far as its plans were executed, is given up. */
const HOPELESS = 1.05;
const MOST_ROUNDS = 3;

/** The best within the budget that was found until the time was over; null where none was even looked at. */
export async function chooseByExecution(choice: ExecutedChoice): Promise<Chosen | null> {
  if (choice.isOver()) return null;
  const times = executedTimes(choice);
  const run = choosing(choice, times);
  const all = choice.bytes.reduce((mask, _, item) => mask | bit(item), 0n);
  const starts = [...new Set([...choice.starts, all])];
  // plans of the others are held against what these took: most of them need not be executed
  for (const start of new Set([0n, ...starts.slice(0, 1), all])) {
    if (choice.isOver()) break;
    await run.execute(start);
    await run.note(start);
  }
  let near: readonly Mask[] = starts;
  while (!choice.isOver()) {
    // what follows from few new times is found in one go over the indexes
    const set = await run.hopeful(near, near === starts ? MOST_ROUNDS : 1);
    if (set === null || choice.isOver()) break;
    const isNew = (await run.execute(set)) || (await run.confirm(set));
    await run.note(set);
    // what is the best by all that is known is looked for once more from everywhere
    if (!isNew && near === starts) break;
    near = isNew ? [await run.better(set)] : starts;
  }
  for (let best = run.best(); best !== null && (await run.confirm(best.set)); best = run.best()) await run.note(best.set);
  return run.best();
}

interface Loss {
  readonly item: number;
  readonly loss: number;
  readonly perByte: number;
}

function choosing(choice: ExecutedChoice, times: ExecutedTimes) {
  const { isOver } = choice;
  const places = Array.from({ length: choice.statements }, (_, statement) => statement);
  const members = (set: Mask) => choice.bytes.flatMap((_, item) => ((set & bit(item)) === 0n ? [] : [item]));
  const bytes = (set: Mask) => members(set).reduce((sum, item) => sum + (choice.bytes[item] ?? 0), 0);
  const fits = (set: Mask) => bytes(set) <= choice.budgetBytes && choice.isRoomy(set) && choice.redundant(set) === 0n;
  const total = async (set: Mask): Promise<number> => {
    let sum = 0;
    for (const statement of places) sum += (await times.of(statement, set)).ms;
    return sum;
  };
  const moves = movesOf({ ...choice, places, members, fits, total, times });
  const noted = new Set<Mask>();
  let best: Chosen | null = null;

  /** Harm may show later: what was the best then need not be now. */
  const rank = async () => {
    let first: Chosen | null = null;
    for (const set of noted) {
      const ms = await total(set);
      const isSmaller = first !== null && bytes(set) < bytes(first.set);
      if (first === null || ms < first.ms * (isSmaller ? 1 + IDLE : 1 - IDLE)) first = { set, ms, baseMs: await times.baseMs() };
    }
    if (first !== null && first.set !== best?.set) choice.onBetter?.(first);
    best = first;
  };

  return {
    best: () => best,
    /** By all that is known or hoped. */
    better: async (set: Mask) => (best === null || (await total(set)) < best.ms ? set : best.set),
    /** Plans under the set that were not executed, the longest first, until it is known to be no better than the best; false where there was none. */
    execute: async (set: Mask): Promise<boolean> => {
      for (let isNew = false; ; isNew = true) {
        if (isOver() || (isNew && best !== null && (await total(set)) > HOPELESS * best.ms)) return isNew;
        let next: { readonly statement: number; readonly ms: number } | null = null;
        for (const statement of places) {
          const { ms, isExecuted } = await times.of(statement, set);
          if (!isExecuted && (next === null || ms > next.ms)) next = { statement, ms };
        }
        if (next === null) return isNew;
        await times.executed(next.statement, set);
      }
    },
    /** What one execution says too little of, if the set may be the best. */
    confirm: async (set: Mask): Promise<boolean> => {
      let isNew = false;
      if (best !== null && (await total(set)) > best.ms) return false;
      for (const statement of places) if (!choice.isLate()) isNew = (await times.confirmed(statement, set)) || isNew;
      return isNew;
    },
    /** Counts from now on, if all of its plans were executed. */
    note: async (set: Mask): Promise<void> => {
      for (const statement of places) if (!(await times.of(statement, set)).isExecuted) return;
      if (fits(set)) noted.add(set);
      await rank();
    },
    /** The one for which most is to be hoped, from any of these in so many rounds; null where nothing fits. */
    hopeful: async (starts: readonly Mask[], rounds: number): Promise<Mask | null> => {
      let found: { readonly set: Mask; readonly ms: number } | null = null;
      for (const start of starts) {
        const set = await moves.improved(await moves.shrunk(start, 0n), rounds);
        if (!fits(set)) continue;
        const ms = await total(set);
        if (found === null || ms < found.ms) found = { set, ms };
        if (isOver()) break;
      }
      return found?.set ?? null;
    },
  };
}

interface Moving extends ExecutedChoice {
  readonly times: ExecutedTimes;
  readonly places: readonly number[];
  readonly members: (set: Mask) => readonly number[];
  readonly fits: (set: Mask) => boolean;
  readonly total: (set: Mask) => Promise<number>;
}

function movesOf(moving: Moving) {
  const { times, places, members, fits, total, isOver } = moving;
  /** What its absence costs; negative: things run faster without it. */
  const lossOf = async (set: Mask, item: number): Promise<Loss> => {
    let loss = 0;
    for (const statement of places) {
      const there = await times.of(statement, set);
      if ((there.used & bit(item)) !== 0n) loss += (await times.of(statement, set & ~bit(item))).ms - there.ms;
    }
    return { item, loss, perByte: loss / Math.max(1, moving.bytes[item] ?? 1) };
  };

  /** Without what is idle or does harm; where that is not enough, without what saves least per byte. `keep` stays. */
  const shrunk = async (start: Mask, keep: Mask): Promise<Mask> => {
    for (let set = start; ; ) {
      const losses: Loss[] = [];
      for (const item of members(set & ~keep)) {
        if (isOver()) return set;
        losses.push(await lossOf(set, item));
      }
      const ordered = losses.toSorted((a, b) => a.perByte - b.perByte);
      const idle = IDLE * (await total(set));
      const doubled = moving.redundant(set);
      const [double] = losses.filter(({ item }) => (doubled & bit(item)) !== 0n).toSorted((a, b) => a.loss - b.loss);
      const goes = ordered.find(({ loss }) => loss <= idle) ?? double ?? (fits(set) ? undefined : ordered[0]);
      if (goes === undefined) return set;
      set &= ~bit(goes.item);
    }
  };

  /** Each item that is not in the set: in, and the least valuable out until it fits; kept where that is faster. */
  const improved = async (start: Mask, rounds: number): Promise<Mask> => {
    let set = start;
    for (let round = 0; round < rounds; round += 1) {
      const before = set;
      for (const item of moving.bytes.keys()) {
        if (isOver()) return set;
        if ((set & bit(item)) !== 0n) continue;
        const enough = (await total(set)) * (1 - WORTHWHILE);
        const wide = set | bit(item);
        if ((await total(wide)) > enough) continue;
        const next = fits(wide) ? wide : await shrunk(wide, bit(item));
        if (fits(next) && (await total(next)) <= enough) set = next;
      }
      if (set === before) return set;
    }
    return set;
  };
  return { shrunk, improved };
}

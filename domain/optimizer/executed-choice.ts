/**
 * A set chosen by executed times: indexes that are really there are taken away and put back by what that does to the statements when they run.
 * What-if planning proposes, this decides: the planner's estimates rank sets of one size badly. Pure over an oracle that executes.
 */
import { bit, type Mask } from './search-costs.ts';
import { SLOWEST_RATIO } from './verdict.ts';

export interface Executed {
  /** Of the statement, weighted by its calls. */
  readonly ms: number;
  /** Those of the set that its plan used. */
  readonly used: Mask;
}

export interface ExecutedChoice {
  readonly statements: number;
  /** By place in a mask. */
  readonly bytes: readonly number[];
  /** Whether a statement reads the index's table at all. */
  readonly touches: (statement: number, item: number) => boolean;
  /** Executes a statement where exactly these are there. */
  readonly execute: (statement: number, set: Mask) => Promise<Executed>;
  readonly budgetBytes: number;
  /** Those of the set that cover one another. */
  readonly redundant: (set: Mask) => Mask;
  /** No table has more indexes than it may. */
  readonly isRoomy: (set: Mask) => boolean;
  /** Sets to begin with besides all items together. */
  readonly starts: readonly Mask[];
  readonly isOver: () => boolean;
}

export interface Chosen {
  readonly set: Mask;
  readonly ms: number;
}

/** A change must save this share of the total: less is noise. */
const WORTHWHILE = 0.003;
/** An index must save this share of the total while the others are there. */
const IDLE = 0.002;
/** A statement that gets slower than it may counts so many times: no gain elsewhere pays for it. */
const HARM = 20;
/** Noise of a time that was taken twice, so that nothing near the limit is chosen. */
const NEAR_LIMIT = SLOWEST_RATIO * 0.97;
const MOST_ROUNDS = 3;

/** The best within the budget that was found until the time was over; null where none was even looked at. */
export async function chooseByExecution(choice: ExecutedChoice): Promise<Chosen | null> {
  const run = choosing(choice);
  const all = choice.bytes.reduce((mask, _, item) => mask | bit(item), 0n);
  let best: Chosen | null = null;
  if (choice.isOver()) return best;
  // what is known of all together answers for every set that holds what its plans use
  await run.total(all);
  for (const start of new Set([...choice.starts, all])) {
    if (choice.isOver()) break;
    const set = await run.improved(await run.shrunk(start, 0n));
    if (!run.fits(set)) continue;
    const ms = await run.total(set);
    if (best === null || ms < best.ms) best = { set, ms };
  }
  return best;
}

interface Loss {
  readonly item: number;
  readonly loss: number;
  readonly perByte: number;
}

function choosing(choice: ExecutedChoice) {
  const { isOver } = choice;
  const places = Array.from({ length: choice.statements }, (_, statement) => statement);
  const members = (set: Mask) => choice.bytes.flatMap((_, item) => ((set & bit(item)) === 0n ? [] : [item]));
  const bytes = (set: Mask) => members(set).reduce((sum, item) => sum + (choice.bytes[item] ?? 0), 0);
  const fits = (set: Mask) => bytes(set) <= choice.budgetBytes && choice.isRoomy(set) && choice.redundant(set) === 0n;
  const timeOf = timesOf(choice);
  const total = async (set: Mask): Promise<number> => {
    let sum = 0;
    for (const statement of places) sum += (await timeOf(statement, set)).ms;
    return sum;
  };

  /** What its absence costs; negative: things run faster without it. */
  const lossOf = async (set: Mask, item: number): Promise<Loss> => {
    let loss = 0;
    for (const statement of places) {
      const there = await timeOf(statement, set);
      if ((there.used & bit(item)) !== 0n) loss += (await timeOf(statement, set & ~bit(item))).ms - there.ms;
    }
    return { item, loss, perByte: loss / Math.max(1, choice.bytes[item] ?? 1) };
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
      const doubled = choice.redundant(set);
      const [double] = losses.filter(({ item }) => (doubled & bit(item)) !== 0n).toSorted((a, b) => a.loss - b.loss);
      const goes = ordered.find(({ loss }) => loss <= idle) ?? double ?? (fits(set) ? undefined : ordered[0]);
      if (goes === undefined) return set;
      set &= ~bit(goes.item);
    }
  };

  /** Each item that is not in the set: in, and the least valuable out until it fits; kept where that is faster. */
  const improved = async (start: Mask): Promise<Mask> => {
    let set = start;
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const before = set;
      for (const item of choice.bytes.keys()) {
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
  return { fits, total, shrunk, improved };
}

/** A time holds for each set between what the plan used and what was there. Unlike a cost it may grow with more indexes: the planner errs. */
function timesOf({ statements, bytes, touches, execute }: ExecutedChoice) {
  const near = Array.from({ length: statements }, (_, statement) =>
    bytes.reduce((mask, _bytes, item) => (touches(statement, item) ? mask | bit(item) : mask), 0n),
  );
  const known = new Map<number, { readonly given: Mask; readonly answer: Executed }[]>();
  const find = async (statement: number, given: Mask): Promise<Executed> => {
    const answers = known.get(statement) ?? [];
    known.set(statement, answers);
    const found = answers.find((each) => (given & ~each.given) === 0n && (each.answer.used & ~given) === 0n);
    if (found !== undefined) return found.answer;
    const answer = await execute(statement, given);
    answers.push({ given, answer });
    return answer;
  };
  return async (statement: number, set: Mask): Promise<Executed> => {
    const { ms: base } = await find(statement, 0n);
    const { ms, used } = await find(statement, set & (near[statement] ?? 0n));
    return { ms: ms + HARM * Math.max(0, ms - NEAR_LIMIT * base), used };
  };
}

/**
 * A set chosen by executed times: indexes that are really there are taken away, one by one, by what their absence costs when the statements run.
 * What-if planning proposes, this decides. Pure over an oracle that executes.
 */
import { bit, type Mask } from './search-costs.ts';

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

/** The best within the budget that was found until the time was over; null where none was even looked at. */
export async function chooseByExecution(choice: ExecutedChoice): Promise<Chosen | null> {
  const run = choosing(choice);
  const all = choice.bytes.reduce((mask, _, item) => mask | bit(item), 0n);
  let best: Chosen | null = null;
  for (const start of new Set([...choice.starts, all])) {
    if (choice.isOver()) break;
    const set = await run.improved(await run.shrunk(start, 0n));
    if (run.bytes(set) > choice.budgetBytes) continue;
    const ms = await run.total(set);
    if (best === null || ms < best.ms) best = { set, ms };
  }
  return best;
}

function choosing(choice: ExecutedChoice) {
  const { statements, budgetBytes, isOver } = choice;
  const of = executedTimes(choice.execute);
  const places = Array.from({ length: statements }, (_, statement) => statement);
  const members = (set: Mask) => choice.bytes.flatMap((_, item) => ((set & bit(item)) === 0n ? [] : [item]));
  const bytes = (set: Mask) => members(set).reduce((sum, item) => sum + (choice.bytes[item] ?? 0), 0);
  const near = places.map((statement) => choice.bytes.reduce((mask, _, item) => (choice.touches(statement, item) ? mask | bit(item) : mask), 0n));
  const timeOf = (statement: number, set: Mask) => of(statement, set & (near[statement] ?? 0n));
  const total = async (set: Mask): Promise<number> => {
    let sum = 0;
    for (const statement of places) sum += (await timeOf(statement, set)).ms;
    return sum;
  };

  /** What its absence costs; negative: things run faster without it. */
  const loss = async (set: Mask, item: number): Promise<number> => {
    let sum = 0;
    for (const statement of places) {
      const there = await timeOf(statement, set);
      if ((there.used & bit(item)) !== 0n) sum += (await timeOf(statement, set & ~bit(item))).ms - there.ms;
    }
    return sum;
  };

  /** Without what is idle or does harm; where that is not enough, without what saves least per byte. `keep` stays. */
  const shrunk = async (start: Mask, keep: Mask): Promise<Mask> => {
    for (let set = start; ; ) {
      const losses: { readonly item: number; readonly loss: number }[] = [];
      for (const item of members(set & ~keep)) {
        if (isOver()) return set;
        losses.push({ item, loss: await loss(set, item) });
      }
      const idle = IDLE * (await total(set));
      const perByte = (entry: { readonly item: number; readonly loss: number }) => entry.loss / (choice.bytes[entry.item] ?? 1);
      const [least] = losses.toSorted((a, b) => perByte(a) - perByte(b));
      const [useless] = losses.filter((entry) => entry.loss <= idle).toSorted((a, b) => perByte(a) - perByte(b));
      const goes = useless ?? (bytes(set) > budgetBytes ? least : undefined);
      if (goes === undefined) return set;
      set &= ~bit(goes.item);
    }
  };

  /** Each item that is not in the set: in, and the least valuable out until it fits; kept where that is faster. */
  const improved = async (start: Mask): Promise<Mask> => {
    let set = start;
    for (const [item] of choice.bytes.entries()) {
      if (isOver()) return set;
      if ((set & bit(item)) !== 0n) continue;
      const ms = await total(set);
      const wide = set | bit(item);
      if ((await total(wide)) > ms * (1 - WORTHWHILE)) continue;
      const next = bytes(wide) <= budgetBytes ? wide : await shrunk(wide, bit(item));
      if (bytes(next) <= budgetBytes && (await total(next)) <= ms * (1 - WORTHWHILE)) set = next;
    }
    return set;
  };
  return { bytes, total, shrunk, improved };
}

/** A time holds for each set between what the plan used and what was there. Unlike a cost it may grow with more indexes: the planner errs. */
function executedTimes(execute: ExecutedChoice['execute']) {
  const known = new Map<number, { readonly given: Mask; readonly answer: Executed }[]>();
  return async (statement: number, set: Mask): Promise<Executed> => {
    const answers = known.get(statement) ?? [];
    known.set(statement, answers);
    const found = answers.find(({ given, answer }) => (set & ~given) === 0n && (answer.used & ~set) === 0n);
    if (found !== undefined) return found.answer;
    const answer = await execute(statement, set);
    answers.push({ given: set, answer });
    return answer;
  };
}

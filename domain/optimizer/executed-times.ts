/**
 * What statements take under sets of indexes that are really there: executed once for each plan, foreseen by the planner's cost until then. Pure over an
 * oracle that plans and executes.
 */
import { bit, type Mask } from './search-costs.ts';
import { SLOWEST_RATIO } from './verdict.ts';

/** Of one statement where exactly some indexes are there; nothing was executed for it. */
export interface Foreseen {
  /** Equal texts are equal plans. */
  readonly plan: string;
  /** Those of the set that it uses. */
  readonly used: Mask;
  /** The planner's, above 0. */
  readonly cost: number;
}

export interface TimesOracle {
  readonly statements: number;
  /** By place in a mask. */
  readonly bytes: readonly number[];
  /** Whether a statement reads the index's table at all. */
  readonly touches: (statement: number, item: number) => boolean;
  readonly plan: (statement: number, set: Mask) => Promise<Foreseen>;
  /** Milliseconds by executing once, weighted by its calls. */
  readonly execute: (statement: number, set: Mask) => Promise<number>;
  /** The same and without any index, in turn, several times. */
  readonly compare: (statement: number, set: Mask) => Promise<{ readonly ms: number; readonly baseMs: number }>;
}

export interface Time {
  readonly ms: number;
  readonly used: Mask;
  /** False: foreseen only. */
  readonly isExecuted: boolean;
}

export interface ExecutedTimes {
  /** Harm counted. Nothing is executed, but the statement without indexes once. */
  of(statement: number, set: Mask): Promise<Time>;
  /** Executes it, if its plan was not; harm counted. */
  executed(statement: number, set: Mask): Promise<Time>;
  /** Looks again at a plan that one execution says too little of; false: it was looked at, or need not be. */
  confirmed(statement: number, set: Mask): Promise<boolean>;
  /** Without any index, all statements. */
  baseMs(): Promise<number>;
}

/** A statement that gets slower than it may counts so many times: no gain elsewhere pays for it. */
const HARM = 20;
/** Noise of a time that was taken a few times, so that nothing near the limit is chosen. */
const NEAR_LIMIT = SLOWEST_RATIO * 0.97;
/** A plan that was not executed yet is taken for so much better than the planner's cost makes likely: what is never tried is never found. */
const HOPE = 0.7;
/** One execution says enough of a plan that leaves less than this of the time. */
const CLEAR = 0.75;

export function executedTimes(oracle: TimesOracle): ExecutedTimes {
  const plans = plansOf(oracle);
  const taken = new Map<string, Taken>();
  const keyOf = (statement: number, { plan }: Foreseen) => `${statement} ${plan}`;
  const scales = new Map<number, number[]>();
  const note = (statement: number, foreseen: Foreseen, { ms, isConfirmed }: Taken) => {
    const key = keyOf(statement, foreseen);
    if (!taken.has(key)) scales.set(statement, [...(scales.get(statement) ?? []), Math.log(Math.max(ms, 1e-6) / foreseen.cost)]);
    taken.set(key, { ms, isConfirmed });
  };
  const run = async (statement: number, set: Mask): Promise<{ readonly foreseen: Foreseen; readonly ms: number }> => {
    const foreseen = await plans.of(statement, set);
    const there = taken.get(keyOf(statement, foreseen));
    if (there !== undefined) return { foreseen, ms: there.ms };
    const ms = await oracle.execute(statement, set);
    note(statement, foreseen, { ms, isConfirmed: false });
    return { foreseen, ms };
  };
  const harmed = async (statement: number, ms: number) => ms + HARM * Math.max(0, ms - NEAR_LIMIT * (await run(statement, 0n)).ms);
  const guessed = (statement: number, { cost }: Foreseen): number => {
    const known = scales.get(statement) ?? [];
    return HOPE * cost * Math.exp(known.reduce((sum, scale) => sum + scale, 0) / Math.max(1, known.length));
  };
  return {
    async of(statement, set) {
      await run(statement, 0n);
      const foreseen = await plans.of(statement, set);
      const there = taken.get(keyOf(statement, foreseen));
      if (there === undefined) return { ms: guessed(statement, foreseen), used: foreseen.used, isExecuted: false };
      return { ms: await harmed(statement, there.ms), used: foreseen.used, isExecuted: true };
    },
    async executed(statement, set) {
      const { foreseen, ms } = await run(statement, set);
      return { ms: await harmed(statement, ms), used: foreseen.used, isExecuted: true };
    },
    async confirmed(statement, set) {
      const base = await plans.of(statement, 0n);
      const { foreseen, ms } = await run(statement, set);
      const isKnown = foreseen.plan === base.plan || taken.get(keyOf(statement, foreseen))?.isConfirmed === true;
      if (isKnown || ms < CLEAR * (await run(statement, 0n)).ms) return false;
      const again = await oracle.compare(statement, set);
      note(statement, foreseen, { ms: again.ms, isConfirmed: true });
      note(statement, base, { ms: again.baseMs, isConfirmed: true });
      return true;
    },
    async baseMs() {
      let sum = 0;
      for (let statement = 0; statement < oracle.statements; statement += 1) sum += (await run(statement, 0n)).ms;
      return sum;
    },
  };
}

interface Taken {
  readonly ms: number;
  readonly isConfirmed: boolean;
}

/** A plan holds for each set between what it uses and what was there. */
function plansOf({ statements, bytes, touches, plan }: TimesOracle) {
  const near = Array.from({ length: statements }, (_, statement) =>
    bytes.reduce((mask, _bytes, item) => (touches(statement, item) ? mask | bit(item) : mask), 0n),
  );
  const known = new Map<number, { readonly given: Mask; readonly answer: Foreseen }[]>();
  const exactly = new Map<Mask, Foreseen>();
  // plans are long, and compared ten thousands of times
  const names = new Map<string, string>();
  const named = (answer: Foreseen): Foreseen => {
    const name = names.get(answer.plan) ?? String(names.size);
    names.set(answer.plan, name);
    return { ...answer, plan: name };
  };
  const find = async (statement: number, given: Mask): Promise<Foreseen> => {
    const answers = known.get(statement) ?? [];
    known.set(statement, answers);
    const found = answers.find((each) => (given & ~each.given) === 0n && (each.answer.used & ~given) === 0n);
    if (found !== undefined) return found.answer;
    const answer = named(await plan(statement, given));
    answers.push({ given, answer });
    return answer;
  };
  return {
    of: async (statement: number, set: Mask): Promise<Foreseen> => {
      const given = set & (near[statement] ?? 0n);
      const asked = given * BigInt(statements) + BigInt(statement);
      const answer = exactly.get(asked) ?? (await find(statement, given));
      exactly.set(asked, answer);
      return answer;
    },
  };
}

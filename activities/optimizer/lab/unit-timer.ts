/** Times of statements under sets of indexes that are all really there: one execution for each plan, more where that is asked for. */
import { bit, type Mask } from '../../../domain/optimizer/search-costs.ts';
import { median } from '../../../domain/optimizer/statistics.ts';
import { type Execution, execute, foreseenPlan, type Unit, unitKey } from './execute.ts';
import type { LabSession } from './measure.ts';
import type { BuiltIndex } from './sets.ts';

/** By one plan of a statement, by each execution. */
export interface Taken {
  /** Without what others on the machine took. */
  readonly ms: readonly number[];
  /** Of the last. */
  readonly elapsedMs: number;
}

export interface UnitPlan {
  /** Equal ones take equal times. */
  readonly key: string;
  /** Those of the set that it uses. */
  readonly used: Mask;
  /** The planner's. */
  readonly cost: number;
}

export interface TimedIndexes {
  /** By place in a mask. */
  readonly built: readonly BuiltIndex[];
  /** There as well, but never looked at. */
  readonly aside?: readonly BuiltIndex[];
  /** Times by plan; who looks more than once on one lab gives the same again. */
  readonly known?: Map<string, Taken>;
}

export interface UnitTimer {
  executions(): number;
  plan(unit: Unit, set: Mask): Promise<UnitPlan>;
  /** With all of them, then without any: the other sets' patience. */
  first(unit: Unit, all: Mask): Promise<void>;
  /** The median of its plan's executions; executes it once where there are none. */
  time(unit: Unit, set: Mask): Promise<number>;
  /** One more execution under each. */
  again(unit: Unit, sets: readonly Mask[]): Promise<void>;
}

/** What is so much slower than without any index is not waited for: how much slower says nothing more. */
const SLOW = 1.5;
/** Without any index a statement is waited for so long, or so many times what it takes with all of them. */
const BASE_PATIENCE_MS = 10_000;
const BASE_PATIENCE = 20;
/** Where a busy machine makes it look slow it is given more. */
const PATIENCE = 4;
const PATIENCE_MS = 200;

/**
 * Equal plans are executed once for all sets, and again in turn with none where that one time does not settle it. What others on the machine took is
 * deducted; their share of the caches is not, and once alone it made Q9 of TPC-H look faster by a quarter where it was slower by a tenth.
 */
export function unitTimer({ client, io, statementTimeoutMs }: LabSession, { built, aside = [], known = new Map<string, Taken>() }: TimedIndexes): UnitTimer {
  const plans = new Map<string, UnitPlan>();
  const patience = new Map<Unit, { readonly ms: number; readonly elapsedMs: number }>();
  let executions = 0;
  const away = (set: Mask) => [...aside, ...built.filter((_, item) => (set & bit(item)) === 0n)];
  const plan = async (unit: Unit, set: Mask): Promise<UnitPlan> => {
    const asked = `${unitKey(unit)} ${set}`;
    const there = plans.get(asked);
    if (there !== undefined) return there;
    const { text, cost } = await foreseenPlan(client, unit, away(set));
    // a statement that writes pays for what its plan does not name
    const isWrite = text.includes('"Node Type":"ModifyTable"');
    const used = built.reduce((mask, { name }, item) => (isWrite || text.includes(`"Index Name":${JSON.stringify(name)}`) ? mask | bit(item) : mask), 0n);
    const found = { key: `${unitKey(unit)} ${isWrite ? set : ''} ${text}`, used: used & set, cost: Math.max(cost, 0.01) };
    plans.set(asked, found);
    return found;
  };
  const note = (key: string, { ms, elapsedMs }: { readonly ms: number; readonly elapsedMs: number }) =>
    known.set(key, { ms: [...(known.get(key)?.ms ?? []), ms], elapsedMs });
  /** No longer than `leastMs`, without what others took. */
  const once = async (unit: Unit, set: Mask, least: { readonly ms: number; readonly elapsedMs: number }) => {
    for (let patienceMs = least.elapsedMs; ; patienceMs *= PATIENCE) {
      const timeoutMs = Math.min(statementTimeoutMs, patienceMs);
      executions += 1;
      io.beat({ phase: 'choose', executions });
      const done: Execution = await execute(client, unit, { away: away(set), timeoutMs });
      if (done.kind === 'failed') return { ms: timeoutMs, elapsedMs: timeoutMs };
      const elapsedMs = done.kind === 'done' ? done.executionMs : timeoutMs;
      const ms = Math.max(0, elapsedMs - done.waitedMs);
      if (done.kind === 'done' || ms >= 0.9 * least.ms || timeoutMs === statementTimeoutMs) return { ms, elapsedMs };
    }
  };
  const patienceOf = (unit: Unit) => patience.get(unit) ?? { ms: statementTimeoutMs, elapsedMs: statementTimeoutMs };
  const run = async (unit: Unit, set: Mask) => note((await plan(unit, set)).key, await once(unit, set, patienceOf(unit)));
  const time = async (unit: Unit, set: Mask): Promise<number> => {
    const { key } = await plan(unit, set);
    if (!known.has(key)) await run(unit, set);
    return median(known.get(key)?.ms ?? []);
  };
  return {
    executions: () => executions,
    plan,
    time,
    async first(unit, all) {
      const wholeMs = await time(unit, all);
      const { key } = await plan(unit, 0n);
      const ms = Math.max(BASE_PATIENCE_MS, BASE_PATIENCE * wholeMs);
      if (!known.has(key)) note(key, await once(unit, 0n, { ms, elapsedMs: ms }));
      const baseMs = median(known.get(key)?.ms ?? []);
      patience.set(unit, { ms: SLOW * baseMs, elapsedMs: SLOW * Math.max(baseMs, known.get(key)?.elapsedMs ?? 0) + PATIENCE_MS });
    },
    async again(unit, sets) {
      const keys = new Set<string>();
      for (const set of sets) {
        const { key } = await plan(unit, set);
        if (!keys.has(key)) await run(unit, set);
        keys.add(key);
      }
    },
  };
}

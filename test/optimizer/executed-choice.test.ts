/** The choice by execution, over tables of numbers in place of a server. */
import { expect, test } from 'vitest';
import { chooseByExecution, type ExecutedChoice } from '../../domain/optimizer/executed-choice.ts';
import { bit, type Mask } from '../../domain/optimizer/search-costs.ts';

const A = bit(0);
const B = bit(1);
const C = bit(2);

interface Executed {
  readonly ms: number;
  readonly used: Mask;
  /** What the planner believes; left out: what is true. */
  readonly cost?: number;
  /** When it is looked at again; left out: the same. */
  readonly againMs?: number;
}

/** `time` says what a statement takes and which items its plan uses, among those that are there. */
function choice(time: (statement: number, set: Mask) => Executed, more: Partial<ExecutedChoice> = {}) {
  let executions = 0;
  const asked: ExecutedChoice = {
    statements: 2,
    bytes: [10, 10, 10],
    touches: () => true,
    plan: async (statement, set) => {
      const { ms, cost = ms, ...plan } = time(statement, set);
      return { plan: `${ms} ${plan.used}`, used: plan.used, cost };
    },
    execute: async (statement, set) => {
      executions += 1;
      return time(statement, set).ms;
    },
    compare: async (statement, set) => {
      const { ms, againMs = ms } = time(statement, set);
      return { ms: againMs, baseMs: time(statement, 0n).ms };
    },
    budgetBytes: 30,
    redundant: () => 0n,
    isRoomy: () => true,
    starts: [],
    isOver: () => false,
    isLate: () => false,
    ...more,
  };
  return chooseByExecution(asked).then((chosen) => ({ chosen, executions }));
}

const has = (set: Mask, item: Mask) => (set & item) !== 0n;
const used = (ms: number, items: Mask): Executed => ({ ms, used: items });
const none = (ms: number): Executed => used(ms, 0n);

test('keeps what makes things faster, and nothing that is idle', async () => {
  const { chosen } = await choice((statement, set) => (statement === 0 && has(set, A) ? used(10, A) : none(100)));
  expect(chosen).toEqual({ set: A, ms: 110, baseMs: 200 });
});

test('the planner picks the worse of two indexes: that one goes, the other stays', async () => {
  const planner = (_: number, set: Mask) => (has(set, B) ? used(90, B) : has(set, A) ? used(20, A) : none(100));
  expect((await choice(planner)).chosen).toEqual({ set: A, ms: 40, baseMs: 200 });
});

test('a great gain elsewhere does not pay for a statement that gets slower than it may', async () => {
  const planner = (statement: number, set: Mask) => {
    if (statement === 0) return has(set, A) ? used(1, A) : none(1000);
    return has(set, A) ? used(115, A) : none(100);
  };
  // 115 of 100: 999 are saved, and 20 for each millisecond over the limit are paid
  expect((await choice(planner)).chosen?.set).toBe(A);
  const worse = (statement: number, set: Mask) => (statement === 1 && has(set, A) ? used(190, A) : planner(statement, set));
  expect((await choice(worse)).chosen?.set).toBe(0n);
});

test('under a budget that holds one, the one that saves most', async () => {
  const gains = [30, 60, 20];
  const planner = (statement: number, set: Mask) => {
    const item = [0, 1, 2].filter((each) => has(set, bit(each))).toSorted((a, b) => (gains[b] as number) - (gains[a] as number))[0];
    return statement === 1 || item === undefined ? none(100) : used(100 - (gains[item] as number), bit(item));
  };
  expect((await choice(planner, { budgetBytes: 10 })).chosen).toEqual({ set: B, ms: 140, baseMs: 200 });
});

test('a poor start is swapped for what is better', async () => {
  const planner = (statement: number, set: Mask) => {
    if (statement === 0) return has(set, C) ? used(5, C) : has(set, A) ? used(50, A) : none(100);
    return none(100);
  };
  expect((await choice(planner, { budgetBytes: 10, starts: [A] })).chosen).toEqual({ set: C, ms: 105, baseMs: 200 });
});

test('two that cover each other are never chosen together', async () => {
  const planner = (statement: number, set: Mask) => (has(set, bit(statement)) ? used(10, bit(statement)) : none(100));
  const both = A | B;
  expect((await choice(planner)).chosen?.set).toBe(both);
  const { chosen } = await choice(planner, { redundant: (set) => ((set & both) === both ? both : 0n) });
  expect([A, B]).toContain(chosen?.set);
});

test('nothing is executed twice for what its plan says already; without time there is no answer', async () => {
  const planner = (statement: number, set: Mask) => (statement === 0 && has(set, A) ? used(10, A) : none(100));
  const { executions } = await choice(planner, { starts: [A, A | B, A | C] });
  // of sixteen questions: most are answered by what the plans of all together use
  expect(executions).toBeLessThanOrEqual(7);
  expect((await choice(planner, { isOver: () => true })).chosen).toBeNull();
});

test('the planner is wrong about a plan that nobody has executed: it is tried, and counts by what it takes', async () => {
  const planner = (statement: number, set: Mask): Executed => {
    if (statement === 1) return none(100);
    if (has(set, A) && has(set, B)) return used(60, A | B);
    // believed to be the worst of all, and the best
    if (has(set, B)) return { ...used(10, B), cost: 30 };
    // believed to be the best of all
    return has(set, A) ? { ...used(95, A), cost: 5 } : none(100);
  };
  expect((await choice(planner, { bytes: [10, 10], budgetBytes: 10 })).chosen).toEqual({ set: B, ms: 110, baseMs: 200 });
});

test('what looked no slower once, and is when looked at again, is given up', async () => {
  const planner = (statement: number, set: Mask): Executed => {
    if (statement === 0) return has(set, A) ? used(10, A) : none(100);
    return has(set, A) ? { ...used(98, A), againMs: 140 } : none(100);
  };
  expect((await choice(planner)).chosen?.set).toBe(0n);
  // looked at once only, it stays
  const once = (statement: number, set: Mask): Executed => ({ ms: planner(statement, set).ms, used: planner(statement, set).used });
  expect((await choice(once)).chosen?.set).toBe(A);
});

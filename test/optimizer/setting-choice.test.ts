/** Which setting a plan asks for, how much of it, what that may take, and when it is recommended. */
import { describe, expect, test } from 'vitest';
import type { Explained } from '../../domain/optimizer/plan.ts';
import { parseExplain } from '../../domain/optimizer/plan-parse.ts';
import { forRole, type RoleTrade, recommendedSetting, type SettingAdvice, sayAdvice } from '../../domain/optimizer/setting.ts';
import { memoryNeeded, memoryUse, roundWorkMem, settingHints, staysInMemory, workMemText } from '../../domain/optimizer/setting-choice.ts';
import { type JudgedSettings, judgeKept, refusalOf } from '../../domain/optimizer/setting-verdict.ts';

type Raw = Record<string, unknown>;
const MB = 1024 ** 2;

const node = (type: string, fields: Raw = {}, ...Plans: Raw[]): Raw => ({
  ...{ 'Node Type': type, 'Startup Cost': 0, 'Total Cost': 100, 'Plan Rows': 10, 'Plan Width': 8 },
  ...{ 'Actual Startup Time': 1, 'Actual Total Time': 100, 'Actual Rows': 10, 'Actual Loops': 1, ...fields },
  ...(Plans.length === 0 ? {} : { Plans }),
});
const planOf = (Plan: Raw, fields: Raw = {}) => parseExplain([{ Plan, 'Execution Time': 100, 'Planning Time': 1, ...fields }])[0] as Explained;
const hintsOf = (...plan: Parameters<typeof planOf>) => settingHints(planOf(...plan)).map(({ name }) => name);
const scan = node('Seq Scan', { 'Actual Total Time': 20 });
const onDisk = node('Sort', { 'Sort Space Type': 'Disk', 'Sort Space Used': 30_000 }, scan);

describe('a plan asks for', () => {
  test('work_mem where much goes to disk, by how much', () => {
    expect(settingHints(planOf(onDisk))).toEqual([{ name: 'work_mem', because: '30.7 MB of rows went to disk', diskBytes: 30_720_000 }]);
    expect(hintsOf(node('Sort', { 'Sort Space Type': 'Disk', 'Sort Space Used': 900 }, scan))).toEqual([]);
    expect(hintsOf(node('Sort', { 'Sort Space Type': 'Memory', 'Sort Space Used': 30_000 }, scan))).toEqual([]);
  });
  test('jit = off where compiling takes a fifth', () => {
    expect(hintsOf(scan, { JIT: { Functions: 9, Timing: { Total: 40 } } })).toEqual(['jit']);
    expect(hintsOf(scan, { JIT: { Functions: 9, Timing: { Total: 19 } } })).toEqual([]);
  });
  test('no workers where a short statement waits for them', () => {
    const gathered = (startMs: number, workStartMs: number, launched = 2) =>
      node(
        'Gather',
        { 'Workers Launched': launched, 'Workers Planned': 2, 'Actual Startup Time': startMs },
        node('Seq Scan', { 'Actual Startup Time': workStartMs }),
      );
    expect(hintsOf(gathered(40, 1))).toEqual(['max_parallel_workers_per_gather']);
    expect(hintsOf(gathered(40, 35))).toEqual([]);
    expect(hintsOf(gathered(40, 1, 0))).toEqual([]);
    expect(hintsOf(gathered(400, 1), { 'Execution Time': 1_000 })).toEqual([]);
  });
});

describe('work_mem', () => {
  test('is what the greediest node used, and a quarter more; hashes have a multiple of it', () => {
    const inMemory = node('Sort', { 'Sort Space Type': 'Memory', 'Sort Space Used': 8 * 1024 }, node('Hash', { 'Peak Memory Usage': 12 * 1024 }, scan));
    expect(memoryNeeded(planOf(inMemory), 2)).toBe(8 * MB * 1.25);
    expect(memoryNeeded(planOf(inMemory), 1)).toBe(12 * MB * 1.25);
    const worker = { 'Worker Number': 0, 'Sort Space Type': 'Memory', 'Sort Space Used': 16 * 1024 };
    expect(memoryNeeded(planOf(node('Sort', { Workers: [worker] }, scan)), 2)).toBe(16 * MB * 1.25);
    expect(memoryNeeded(planOf(onDisk), 2)).toBe(0);
  });
  test('is rounded up to what people write', () => {
    expect([1, MB, MB + 1, 2 * MB + 1, 3 * MB + 1, 5 * MB, 9 * MB, 100 * MB].map((bytes) => workMemText(roundWorkMem(bytes)))).toEqual(
      ['1MB', '1MB', '2MB', '3MB', '4MB', '6MB', '12MB', '128MB'], // 1 and 2 have nothing between them
    );
    expect(workMemText(64 * 1024)).toBe('64kB');
  });
  test('is enough where next to nothing is written to disk', () => {
    const used = (written: number, read: number) =>
      staysInMemory(planOf(node('Sort', { 'Temp Written Blocks': written, 'Temp Read Blocks': read, 'Shared Hit Blocks': 0 }, scan)));
    expect([used(122, 122), used(123, 123), used(40, 40_000)]).toEqual([true, false, false]);
  });
  test('may be taken by each node that keeps rows, in each process that runs it', () => {
    const plan = planOf(node('Sort', {}, node('Gather', { 'Workers Planned': 2 }, node('Hash Join', {}, scan, node('Hash', {}, scan)))));
    expect(memoryUse(plan, { workMemBytes: 64 * MB, hashMultiplier: 2 })).toEqual({
      ...{ nodes: 2, hashMultiplier: 2, processes: 3, executionBytes: 64 * MB + 3 * 2 * 64 * MB },
    });
    const hashed = planOf(node('Seq Scan', { Filter: '(NOT (hashed SubPlan 1))' }, node('Seq Scan', { 'Subplan Name': 'SubPlan 1' })));
    expect(memoryUse(hashed, { workMemBytes: MB, hashMultiplier: 2 })).toEqual({ nodes: 1, hashMultiplier: 2, processes: 1, executionBytes: 2 * MB });
    expect(memoryUse(planOf(scan), { workMemBytes: 64 * MB, hashMultiplier: 2 })).toBeNull();
  });
});

const left = (ratio: number, spread = 0.02) => ({ ratio, low: ratio - spread, high: ratio + spread });
const judged = (ratio: number, some: Partial<JudgedSettings> = {}): JudgedSettings => ({
  ...{ statement: { id: 'q' }, settings: [], because: [], alone: null, places: [] },
  verdict: { statement: 'q', ...left(ratio), judged: ratio < 0.98 ? 'faster' : ratio > 1.02 ? 'slower' : 'same', bindingSource: 'captured' },
  ...some,
});

describe('settings are recommended', () => {
  test('where the statement is faster by a twentieth beyond noise, beside all else', () => {
    expect(refusalOf(judged(0.5))).toBeNull();
    expect(refusalOf(judged(0.95))).toBeNull();
    expect(refusalOf(judged(0.96))).toContain('it is not faster beyond noise by a twentieth');
    expect(refusalOf(judged(1))).toContain('1.000 [0.980, 1.020]');
  });
  test('not where one of its values is slower than allowed, however fast the others are', () => {
    const { verdict } = judged(0.5);
    expect(refusalOf(judged(0.5, { verdict: { ...verdict, judged: 'slower', worst: 1.3, worstLow: 1.11 } }))).toContain(
      // its own figures, not the interval of all values
      'slower than 1.1× with it: 1.300, beyond noise at least 1.110 of its time',
    );
    expect(refusalOf(judged(0.5, { verdict: { ...verdict, judged: 'slower', worst: 1.3, worstLow: 1.09 } }))).toContain('not faster');
  });
  test('not where what is recommended beside does it already, and that is the reason', () => {
    expect(refusalOf(judged(1, { alone: left(0.4) }))).toContain('it adds nothing to what is recommended beside it');
    expect(refusalOf(judged(1, { alone: left(0.99) }))).toContain('not faster');
    expect(refusalOf(judged(0.5, { alone: left(0.4) }))).toBeNull();
  });
  test('not where one of several brings nothing', () => {
    expect(refusalOf(judged(0.5, { places: [left(1.5), left(1)] }))).toBe('1 of its 2 settings earn nothing that the others do not');
    expect(refusalOf(judged(0.5, { places: [left(1.5), left(1.2)] }))).toBeNull();
  });
});

test('a plan for each value may cost its planning, and no more', () => {
  const binding = (beforeMs: number, afterMs: number) => ({ source: 'captured' as const, pairs: Array.from({ length: 5 }, () => ({ beforeMs, afterMs })) });
  const of = (...bindings: ReturnType<typeof binding>[]) => judgeKept({ statement: 'q', calls: 1, bindings });
  expect(of(binding(400, 200), binding(0.05, 0.5))).toMatchObject({ judged: 'faster' });
  expect(of(binding(400, 200), binding(0.05, 0.65))).toMatchObject({ judged: 'slower' });
  expect(of(binding(0.05, 0.5))).toMatchObject({ judged: 'same' });
  expect(of(binding(400, 200))).toMatchObject({ judged: 'faster' });
  // a busy machine adds to short calls, most of them; one lucky execution excuses no long one
  const uneven = (beforeMs: number, ...afters: readonly number[]) => ({ source: 'captured' as const, pairs: afters.map((afterMs) => ({ beforeMs, afterMs })) });
  expect(of(binding(400, 200), uneven(0.1, 0.8, 0.4, 0.9, 1.1, 0.8))).toMatchObject({ judged: 'faster' });
  expect(of(binding(4000, 2000), uneven(1, 1.3, 30, 31, 32, 29))).toMatchObject({ judged: 'slower' });
  expect(of(binding(4000, 2000), uneven(300, 300.3, 390, 395, 400, 385))).toMatchObject({ judged: 'slower' });
});

test('what to write says where, how much memory, and who else gets it', () => {
  const advice: SettingAdvice = {
    ...{ name: 'work_mem', value: '64MB', was: '4MB', statement: '42', connections: 100 },
    ...{
      memory: { nodes: 3, hashMultiplier: 2, processes: 3, executionBytes: 100e6 },
      roles: [{ role: 'a"b', others: 7, share: 0.4, trade: { looked: 5, faster: 2, slower: 0 } }],
    },
  };
  const change = recommendedSetting(advice, { table: { schema: 'public', relation: 't' }, because: 'x' });
  expect([change.sql, change.undo, change.kind]).toEqual([`SET LOCAL work_mem = '64MB';`, '', 'setting']);
  const [where, memory, role] = sayAdvice(advice, 'shop');
  expect(where).toContain('in the transaction of statement 42, before it (it was 4MB)');
  expect(memory).toContain('at most 100.0 MB an execution (3 sort(s), hash(es) or kept rows of 64MB × hash_mem_multiplier 2');
  expect(memory).toContain('× 3 processes (parallel workers)); were all 100 sessions to send it at once, 10.0 GB');
  expect(role).toContain(`ALTER ROLE "a""b" IN DATABASE "shop" SET work_mem = '64MB'; This one takes 40 % of its time, 7 other statement(s) of it get it too`);
  expect(role).toContain('5 of them looked at on the copy, 2 faster, none slower. Undo: ALTER ROLE');
  const roleLine = (trade?: RoleTrade) =>
    sayAdvice({ ...advice, memory: null, roles: [{ role: 'app', others: 7, share: 0.4, ...(trade === undefined ? {} : { trade }) }] }, 'shop')[1];
  // the role is offered only where nothing else of it is known to lose
  expect(roleLine({ looked: 5, faster: 2, slower: 1 })).toBe(
    'not for the whole role app: 1 of its other statements slower with it. This one takes 40 % of its time',
  );
  for (const unknown of [undefined, { looked: 0, faster: 0, slower: 0 }])
    expect(roleLine(unknown)).toContain('not for the whole role app, whose 7 other statement(s) were not looked at');
  expect(forRole(advice, { role: 'app', database: 'shop' }).undo).toBe('ALTER ROLE "app" IN DATABASE "shop" RESET work_mem;');
  expect(sayAdvice({ ...advice, memory: null, roles: [] }, 'shop')).toHaveLength(1);
});

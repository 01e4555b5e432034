import fc from 'fast-check';
import { expect, test } from 'vitest';
import { btree, indexText, quoteRelation } from '../../domain/optimizer/index-sql.ts';
import { type Book, bookOf, maskOf, placesOf } from '../../domain/optimizer/search-book.ts';
import { bit, knownCosts, type Mask } from '../../domain/optimizer/search-costs.ts';
import { coverFinder } from '../../domain/optimizer/search-cover.ts';
import { merges, trimmed } from '../../domain/optimizer/search-merges.ts';
import type { Item, Running } from '../../domain/optimizer/search-model.ts';
import { probe } from '../../domain/optimizer/search-probe.ts';
import { promiseQueue } from '../../domain/optimizer/search-queue.ts';
import { solve } from '../../domain/optimizer/search-solve.ts';
import { standIns } from '../../domain/optimizer/search-stand-ins.ts';
import { openTrial } from '../../domain/optimizer/search-trial.ts';

const ITEMS = 7;
const columns = [['a'], ['a', 'b'], ['b'], ['b', 'c'], ['c'], ['c', 'a'], ['a', 'b', 'c']];
const table = { schema: 'public', relation: 't' };
const anyWay = fc.record({ needs: fc.uniqueArray(fc.nat(ITEMS - 1), { minLength: 1, maxLength: 3 }), cost: fc.integer({ min: 1, max: 99 }) });
const anyStatement = fc.record({ weight: fc.constantFrom(1, 5), ways: fc.array(anyWay, { maxLength: 6 }) });

interface World {
  readonly statements: readonly { readonly weight: number; readonly ways: readonly { readonly needs: readonly number[]; readonly cost: number }[] }[];
  readonly bytes: readonly number[];
  readonly budget: number;
  readonly perTable: number;
}

const anyWorld: fc.Arbitrary<World> = fc.record({
  statements: fc.array(anyStatement, { minLength: 1, maxLength: 4 }),
  bytes: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: ITEMS, maxLength: ITEMS }),
  budget: fc.integer({ min: 0, max: 60 }),
  perTable: fc.integer({ min: 1, max: 4 }),
});

/** A running search whose planner takes the cheapest way that is open; `asked` counts. */
async function runningOf({ statements, bytes, budget, perTable }: World): Promise<{ readonly running: Running; readonly asked: { plans: number } }> {
  const asked = { plans: 0 };
  const items = columns.map((keys, id): Item => {
    const index = btree(table, keys);
    return { id, index, text: indexText(index), table: quoteRelation(table), bytes: bytes[id] ?? 1, upkeep: 0.01 * id, serves: new Set() };
  });
  const costs = knownCosts(async (statement, set) => {
    asked.plans += 1;
    const open = (statements[statement]?.ways ?? []).filter(({ needs }) => (maskOf(needs) & ~set) === 0n).toSorted((a, b) => a.cost - b.cost);
    return open[0] === undefined || open[0].cost >= 100 ? { cost: 100, used: 0n } : { cost: open[0].cost, used: maskOf(open[0].needs) };
  });
  const base = await Promise.all(statements.map((_, statement) => costs.of(statement, 0n)));
  const running: Running = {
    problem: {
      statements: statements.map(({ weight }) => ({ weight, reads: new Map(), candidates: [] })),
      existing: [],
      oracle: { plan: () => Promise.reject(new Error('not asked')), size: () => Promise.resolve(null) },
      limits: { budgetBytes: budget, maxIndexesPerTable: perTable, deadline: 1, maxPlans: 1, sets: 1 },
      upkeep: () => 0,
      now: () => 0,
    },
    items,
    costs,
    base,
    covering: coverFinder(items),
    isOver: () => false,
    within: () => running,
  };
  return { running, asked };
}

/** With everything asked that can be asked. */
async function bookFor(world: World): Promise<{ readonly book: Book; readonly worthOf: (set: Mask) => Promise<number> }> {
  const { running } = await runningOf(world);
  const { costs, items } = running;
  for (const statement of world.statements.keys()) for (let set = 0n; set < bit(ITEMS); set++) await costs.of(statement, set);
  const worthOf = async (set: Mask) => {
    let value = placesOf(set).reduce((sum, place) => sum + (items[place]?.upkeep ?? 0), 0);
    for (const [statement, { weight }] of world.statements.entries()) value += weight * (await costs.of(statement, set));
    return value;
  };
  return { book: bookOf(running), worthOf };
}

const bytesOf = ({ bytes }: World, set: Mask): number => placesOf(set).reduce((sum, place) => sum + (bytes[place] ?? 0), 0);
const isAllowed = (world: World, book: Book, set: Mask): boolean =>
  bytesOf(world, set) <= world.budget &&
  placesOf(set).length <= world.perTable &&
  placesOf(set).every((item) => !book.covering[item]?.some((other) => (set & bit(other)) !== 0n));

test('a set that changes item by item costs what the planner says, and so does the absence of each member', async () => {
  const steps = fc.array(fc.record({ item: fc.nat(ITEMS - 1), isIn: fc.boolean() }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(anyWorld, steps, async (world, moves) => {
      const { book, worthOf } = await bookFor(world);
      const trial = openTrial(book);
      for (const { item, isIn } of moves) {
        const before = trial.now();
        if (!isIn) trial.remove(item);
        else if (!trial.add([item])) trial.back(before);
        const set = maskOf(trial.members());
        expect(trial.value()).toBeCloseTo(await worthOf(set), 6);
        expect(trial.bytes()).toBe(bytesOf(world, set));
        const losses = trial.losses();
        for (const member of trial.members()) expect(losses[member]).toBeCloseTo((await worthOf(set & ~bit(member))) - (await worthOf(set)), 6);
        for (const member of trial.members()) expect(book.covering[member]?.some((other) => trial.has(other))).toBe(false);
      }
    }),
    { numRuns: 60 },
  );
});

test('what a book knows is solved within budget and limits, without anything redundant, nearly always to the best there is', async () => {
  let worse = 0;
  const worlds = fc.sample(anyWorld, { numRuns: 120, seed: 5 });
  for (const world of worlds) {
    const { book, worthOf } = await bookFor(world);
    const [best, ...others] = solve(book, { isAllowed: () => true, budgetBytes: world.budget, starts: [], kicks: 4, powers: [1, 0.5], isOver: () => false });
    for (const { set } of best === undefined ? [] : [best, ...others]) expect(isAllowed(world, book, maskOf(set))).toBe(true);
    let least = Number.POSITIVE_INFINITY;
    for (let set = 0n; set < bit(ITEMS); set++) if (isAllowed(world, book, set)) least = Math.min(least, await worthOf(set));
    expect(best?.value).toBeGreaterThanOrEqual(least - 1e-9);
    if ((best?.value ?? 0) > 1.02 * least) worse += 1;
  }
  expect(worse).toBeLessThanOrEqual(worlds.length / 20);
});

test('asked in groups, the same items are found useful as one by one, and no more is asked where few are', async () => {
  const notable = (cost: number) => 100 - cost >= 0.5;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ needs: fc.nat(ITEMS - 1).map((item) => [item]), cost: fc.integer({ min: 1, max: 120 }) }), { maxLength: 4 }),
      async (ways) => {
        const world: World = { statements: [{ weight: 1, ways }], bytes: [1, 1, 1, 1, 1, 1, 1], budget: 99, perTable: 9 };
        const { running, asked } = await runningOf(world);
        await probe(running, { statement: 0, set: 0n, items: running.items, least: () => 0.5 });
        const useful = running.items.filter(({ id }) => ways.some(({ needs, cost }) => needs[0] === id && notable(cost)));
        const found = running.items.filter(({ serves }) => serves.has(0));
        expect(found.map(({ id }) => id)).toEqual(useful.map(({ id }) => id));
        expect(asked.plans).toBeLessThanOrEqual(2 + ways.length);
      },
    ),
  );
});

test('a plan is kept only where none is as cheap with no more', async () => {
  const costs = knownCosts(async (_, set) => (set === 7n ? { cost: 5, used: 5n } : set === 1n ? { cost: 9, used: 1n } : { cost: 10, used: 0n }));
  for (const set of [0n, 7n, 1n]) await costs.of(0, set);
  expect(costs.plans(0)).toEqual([
    { used: 0n, cost: 10 },
    { used: 5n, cost: 5 },
    { used: 1n, cost: 9 },
  ]);
  expect(await costs.of(0, 5n)).toBe(5);
});

test('places of a set and back', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(700)), (places) => {
      expect(placesOf(maskOf(places))).toEqual(places.toSorted((a, b) => a - b));
    }),
  );
});

test('a merge holds both; a trim leaves out what nobody reads, at the end of the keys and among the included', () => {
  const long = btree(table, ['a', 'b'], ['c']);
  expect(merges(long, btree(table, ['a'], ['d']))).toEqual([btree(table, ['a', 'b'], ['c', 'd'])]);
  expect(merges(long, btree(table, ['a', 'd']))).toEqual([btree(table, ['a', 'b'], ['d', 'c']), btree(table, ['a'], ['b', 'd', 'c'])]);
  expect(merges(long, btree(table, ['a']))).toEqual([]);
  expect(merges(long, btree(table, ['b']))).toEqual([]);
  expect(trimmed(long, (column) => column === 'a')).toEqual(btree(table, ['a']));
  expect(trimmed(long, (column) => column !== 'a')).toBeNull();
  expect(trimmed({ ...long, predicate: 'x' }, () => false)).toBeNull();
});

test('of all places the one that promises most now comes first', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(9), fc.integer({ min: -2, max: 9 }))), (promises) => {
      const queue = promiseQueue(10);
      const now = new Map<number, number>();
      for (const [place, promise] of promises) {
        queue.put(place, promise);
        now.set(place, promise);
        const [first] = [...now].filter(([, each]) => each > 0).toSorted(([a, x], [b, y]) => y - x || a - b);
        expect(queue.first()).toBe(first?.[0] ?? -1);
      }
    }),
  );
});

test('what would take the place of a large member is found, of a small one not', async () => {
  const ways = [
    { needs: [0], cost: 10 },
    { needs: [3], cost: 12 },
    { needs: [4], cost: 95 },
  ];
  const { running } = await runningOf({ statements: [{ weight: 1, ways }], bytes: [9, 9, 9, 9, 9, 9, 9], budget: 10, perTable: 9 });
  for (const { id } of running.items) await running.costs.of(0, bit(id));
  const [first, , , third] = running.items.map(({ index }) => index);
  const best = { indexes: first === undefined ? [] : [first], estimatedRatio: 0.1, estimatedBytes: 9 };
  expect(standIns(running, best, 10)).toEqual([third]);
  expect(standIns(running, best, 1000)).toEqual([]);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { missingDescentCost } from '../../domain/optimizer/descent-cost.ts';
import { missingLoopCost, pagesFetched } from '../../domain/optimizer/loop-cost.ts';
import type { PlanNode } from '../../domain/optimizer/plan-runs.ts';

const costs = { seqPage: 1, randomPage: 4, cpuTuple: 0.01, cpuIndexTuple: 0.005, effectiveCachePages: 524_288 };
const scattered = { tablePages: 10_000, tableRows: 1_000_000, indexPages: 2_500, rows: 100, correlation: 0, keys: 1 };

const node = (type: string, cost: readonly [number, number], rows: number, more: Partial<PlanNode> = {}): PlanNode => ({
  'Node Type': type,
  'Startup Cost': cost[0],
  'Total Cost': cost[1],
  'Plan Rows': rows,
  ...more,
});
const outer = { 'Parent Relationship': 'Outer' } as const;
const inner = { 'Parent Relationship': 'Inner' } as const;
const scan = (cost: number, more: Partial<PlanNode> = {}) => node('Index Scan', [0.4, cost], 100, { 'Index Name': 'i', ...inner, ...more });
const loop = (runs: number, probe: PlanNode, more: Partial<PlanNode> = {}): PlanNode =>
  node('Nested Loop', [0.4, 10 + runs * probe['Total Cost']], runs * 100, { Plans: [node('Seq Scan', [0, 10], runs, outer), probe], ...more });
const missing = (plan: PlanNode, probe = scattered, given = costs) =>
  missingLoopCost(plan, given, { probeOf: () => probe, pagesOf: ({ 'Relation Name': name }) => (name === undefined ? 0 : probe.tablePages) });

describe('a loop over an index', () => {
  test('whose runs are priced far below what they read costs what they read', () => {
    // 500 runs of 100 rows each: most pages of the table, once
    const heap = pagesFetched(50_000, 10_000, 524_288);
    expect(heap).toBeGreaterThan(7_000);
    const pages = heap + pagesFetched(500, 2_500, 524_288);
    // most of the table's pages come again, and are looked for again
    expect(missing(loop(500, scan(2)))).toBeCloseTo(pages * 4 + 50_000 * 0.015 + (50_000 - heap) * 0.05 - 500 * 2, 6);
  });

  test('that is priced as what it reads, or above, is left alone, and so is what runs once', () => {
    expect(missing(loop(500, scan(400)))).toBe(0);
    expect(missing(scan(2))).toBe(0);
  });

  test('in the order of the table reads few pages; one that finds all in its index none of the table', () => {
    const [none, whole] = [missing(loop(500, scan(2))), missing(loop(500, scan(2)), { ...scattered, correlation: 1 })];
    expect(whole).toBeLessThan(none / 5);
    expect(missing(loop(500, scan(2, { 'Node Type': 'Index Only Scan' })))).toBeLessThan(whole);
  });

  test('of which the first match is enough reads no further', () => {
    const whole = missing(loop(500, scan(2)));
    for (const type of ['Semi', 'Anti']) expect(missing(loop(500, scan(2), { 'Join Type': type }))).toBeLessThan(whole / 4);
    expect(missing(loop(500, scan(2), { 'Join Type': 'Inner' }))).toBe(whole);
    const newest = node('Limit', [0.4, 0.42], 1, { Plans: [scan(2, outer)], ...inner });
    expect(missing(loop(500, newest))).toBeLessThan(whole / 4);
  });

  test('over a bitmap is priced alike, its pages the cheaper the more of them a run reads', () => {
    const found = node('Bitmap Index Scan', [0, 1], 100, outer);
    const bitmap = scan(2, { 'Node Type': 'Bitmap Heap Scan', Plans: [found] });
    const [by, through] = [missing(loop(500, scan(2))), missing(loop(500, bitmap))];
    expect(through).toBeGreaterThan(by * 0.7);
    expect(through).toBeLessThan(by);
  });

  test('over a table that does not stay in memory reads its pages again; the cache is shared by all tables of the plan', () => {
    const reading = scan(2, { 'Relation Name': 't' });
    const [ample, tight] = [costs, { ...costs, effectiveCachePages: 6_000 }];
    expect(missing(loop(500, reading), scattered, tight)).toBeGreaterThan(2 * missing(loop(500, reading), scattered, ample));
    // one table of 10,000 pages, and its index of 2,500: 12,500 hold both
    expect(missing(loop(500, reading), scattered, { ...costs, effectiveCachePages: 12_500 })).toBeCloseTo(missing(loop(500, reading), scattered, ample), 6);
  });

  test('of nothing known costs nothing more', () => {
    expect(missing(loop(500, scan(2)), { ...scattered, rows: Number.NaN })).toBe(0);
    expect(missing(loop(500, scan(2)), { ...scattered, tablePages: 0, tableRows: 0, indexPages: 0, rows: 0 })).toBe(0);
  });

  test('below a LIMIT runs as often as rows are asked for, unless all must be there first', () => {
    const joined = loop(5_000, scan(2), outer);
    const limit = (below: PlanNode) => node('Limit', [0.4, 0.4 + below['Total Cost'] / 5_000], 100, { Plans: [below] });
    expect(missing(limit(joined))).toBeLessThan(missing(joined) / 50);
    const sorted = node('Sort', [joined['Total Cost'] + 1, joined['Total Cost'] + 2], 500_000, { Plans: [joined], ...outer });
    expect(missing(node('Limit', [joined['Total Cost'] + 1, joined['Total Cost'] + 1.5], 100, { Plans: [sorted] }))).toBeCloseTo(missing(joined), 6);
    // so do the descents that HypoPG leaves out
    expect(missingDescentCost(limit(joined), () => 2)).toBeCloseTo(0.375, 1);
    expect(missingDescentCost(joined, () => 2)).toBeCloseTo(5_000 * 0.375, 6);
  });
});

test('pages fetched: never more than asked for or than there are where all stay in memory, never fewer with more fetches', () => {
  const pages = fc.integer({ min: 1, max: 1e6 });
  const fetches = fc.double({ min: 0, max: 1e8, noNaN: true });
  fc.assert(
    fc.property(pages, fetches, fetches, fc.double({ min: 1, max: 1e6, noNaN: true }), (table, a, b, cached) => {
      const [few, many] = [Math.min(a, b), Math.max(a, b)];
      expect(pagesFetched(few, table, cached)).toBeLessThanOrEqual(pagesFetched(many, table, cached) + 1e-6);
      expect(pagesFetched(many, table, cached)).toBeLessThanOrEqual(many + 1e-6);
      expect(pagesFetched(many, table, table)).toBeLessThanOrEqual(table);
    }),
  );
});

/** What measuring taught about estimates: its shrinkage as properties, and the names of plan changes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accuracyByShape, discountBy, discounted, FLOOR, type GainSample, PRIOR, shrunk } from '../../domain/optimizer/accuracy.ts';
import { type ChangedPlan, shapeOfChange } from '../../domain/optimizer/plan-change.ts';

const sample = (statement: number, estimatedRatio: number, measuredRatio: number, shape = 'a → b'): GainSample => ({
  ...{ cluster: 'shop', database: 'app', statement: String(statement), shape, estimatedRatio, measuredRatio },
});
const ratio = fc.double({ min: 0, max: 100, noNaN: true });
const samples = fc
  .array(fc.tuple(ratio, ratio), { maxLength: 40 })
  .map((pairs) => pairs.map(([estimated, measured], place) => sample(place, estimated, measured)));
const discountOf = (all: readonly GainSample[]) => discountBy(accuracyByShape(all))('a → b', 'another');

describe('a discount', () => {
  test('is within its bounds, and as near to 1 as few samples demand', () => {
    fc.assert(
      fc.property(samples, (all) => {
        const discount = discountOf(all);
        expect(discount).toBeGreaterThanOrEqual(FLOOR);
        expect(discount).toBeLessThanOrEqual(1);
        // what one shape may be seen to realise is at least −1: each sample moves it by 2 at most, against PRIOR others
        expect(1 - discount).toBeLessThanOrEqual((2 * all.length) / (all.length + PRIOR) + 1e-9);
      }),
    );
  });

  test('goes further from 1 with more samples of the same, and nears what was realised', () => {
    fc.assert(
      fc.property(fc.double({ min: -1, max: 1, noNaN: true }), fc.nat(1_000), (realised, count) => {
        // but for the last bit
        expect(shrunk(realised, count + 1)).toBeLessThanOrEqual(shrunk(realised, count) + 1e-12);
        expect(shrunk(realised, 1e9)).toBeCloseTo(Math.max(FLOOR, realised), 5);
        expect(shrunk(realised, 0)).toBe(1);
      }),
    );
  });

  test('does not depend on the order of different statements, nor on how often one was measured', () => {
    fc.assert(
      fc.property(samples, (all) => {
        expect(discountOf(all.toReversed())).toBeCloseTo(discountOf(all), 9);
        expect(discountOf([...all, ...all.map((each) => ({ ...each, measuredRatio: 77 }))])).toBe(discountOf(all));
      }),
    );
  });

  test('takes nothing from estimates that came true, and half where half was there', () => {
    expect(discountOf([1, 2, 3, 4, 5].map((n) => sample(n, 0.1, 0.1)))).toBe(1);
    expect(discountOf([1, 2, 3, 4].map((n) => sample(n, 0.2, 0.6)))).toBeCloseTo((4 * 0.5 + PRIOR) / (4 + PRIOR));
    // one statement that went badly wrong is one statement
    expect(discountOf([sample(1, 0.1, 50)])).toBeGreaterThan(0.55);
    expect(discountBy([])('never seen', 's')).toBe(1);
  });

  test('of a statement is what its own plans of that shape gave, the more the more of them were measured', () => {
    const shape = [1, 2, 3, 4].map((n) => sample(n, 0.2, 0.6));
    const ofShape = discountOf(shape);
    const own = (...more: readonly GainSample[]) => discountBy(accuracyByShape(shape), more)('a → b', '9');
    expect(own()).toBe(ofShape);
    // other statements and shapes say nothing of it
    expect(own(sample(8, 0.1, 1), sample(9, 0.1, 1, 'other'))).toBe(ofShape);
    expect(own(sample(9, 0.1, 1))).toBeCloseTo((2 * ofShape) / 3);
    expect(own(sample(9, 0.1, 1), sample(9, 0.15, 1))).toBeCloseTo((2 * ofShape) / 4);
    // the same plan under two sets is one sample, the newest
    expect(own(sample(9, 0.1, 1), sample(9, 0.1, 0.1))).toBe(own(sample(9, 0.1, 1)));
    expect(own(sample(9, 0.5, 1.5), sample(9, 0.4, 1.6))).toBeLessThan(0);
    expect(own(...Array.from({ length: 9 }, (_, n) => sample(9, 0.3 + n / 100, 0)))).toBe(1);
  });

  test('is of gains only', () => {
    expect(discounted({ before: 100, after: 20 }, 0.5)).toBe(60);
    expect(discounted({ before: 100, after: 130 }, 0.5)).toBe(130);
  });
});

test('accuracy: statements, means, what was real with an interval from three on', () => {
  const [many, one] = accuracyByShape([sample(1, 0.2, 0.6), sample(2, 0.4, 0.7), sample(3, 0.2, 0.5), sample(4, 0.5, 0.5, 'other'), sample(5, 1, 1, 'none')]);
  expect(many).toMatchObject({ shape: 'a → b', count: 3 });
  expect(many?.estimated).toBeCloseTo(1 - 0.8 / 3);
  expect(many?.realised).toBeCloseTo(1.2 / 2.2);
  expect(many?.low).toBeLessThan(many?.realised as number);
  expect(many?.high).toBeGreaterThan(many?.realised as number);
  expect(one).toMatchObject({ shape: 'none', realised: null, low: null, discount: 1 });
});

describe('a plan change is named by the table whose reading cost most', () => {
  const node = (type: string, cost: number, more: Partial<ChangedPlan> = {}): ChangedPlan => ({ 'Node Type': type, 'Total Cost': cost, ...more });
  const scan = (type: string, alias: string, cost: number, more: Partial<ChangedPlan> = {}) =>
    node(type, cost, { 'Relation Name': alias, Alias: alias, ...more });
  const both = (type: string, outer: ChangedPlan, inner: ChangedPlan) =>
    node(type, 100, {
      Plans: [
        { ...outer, 'Parent Relationship': 'Outer' },
        { ...inner, 'Parent Relationship': 'Inner' },
      ],
    });
  const seq = scan('Seq Scan', 't', 90);
  const byIndex = scan('Index Scan', 't', 3, { 'Index Name': 'i' });

  test('another way to read, and the order that comes with it', () => {
    expect(shapeOfChange(seq, byIndex)).toBe('Seq Scan → Index Scan');
    expect(shapeOfChange(node('Sort', 99, { Plans: [seq] }), byIndex)).toBe('Seq Scan → Index Scan, Sort removed');
    expect(shapeOfChange(byIndex, scan('Index Scan', 't', 2, { 'Index Name': 'j' }))).toBe('Index Scan by another index');
    expect(shapeOfChange(seq, scan('Bitmap Heap Scan', 't', 3, { Plans: [node('Bitmap Index Scan', 1, { 'Index Name': 'i' })] }))).toBe(
      'Seq Scan → Bitmap Heap Scan',
    );
  });

  test('a loop over an index comes before everything else', () => {
    const hashed = both('Hash Join', scan('Seq Scan', 'o', 50), node('Hash', 91, { Plans: [seq] }));
    const looped = both('Nested Loop', scan('Index Scan', 'o', 9, { 'Index Name': 'k' }), byIndex);
    expect(shapeOfChange(hashed, looped)).toBe('Nested Loop over Index Scan');
    // rows that are kept are read once
    expect(shapeOfChange(hashed, both('Nested Loop', scan('Seq Scan', 'o', 50), node('Materialize', 4, { Plans: [seq] })))).toBe('other');
  });

  test('what stays has no name', () => {
    expect(shapeOfChange(seq, { ...seq, 'Total Cost': 5 })).toBeNull();
    expect(shapeOfChange(node('Sort', 9, { Plans: [seq] }), node('Sort', 9, { Plans: [seq] }))).toBeNull();
  });
});

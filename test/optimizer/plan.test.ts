import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AssayError } from '../../domain/errors.ts';
import { findingsOf } from '../../domain/optimizer/findings.ts';
import { nodesOf, workersOf } from '../../domain/optimizer/plan.ts';
import { maskConstants, withoutValues } from '../../domain/optimizer/plan-mask.ts';
import { parseExplain } from '../../domain/optimizer/plan-parse.ts';
import { sharesOf } from '../../domain/optimizer/plan-shares.ts';

type Raw = Record<string, unknown>;

/** A node with what every version gives. */
const node = (type: string, fields: Raw = {}, ...Plans: Raw[]): Raw => ({
  'Node Type': type,
  'Startup Cost': 0,
  'Total Cost': 100,
  'Plan Rows': 10,
  'Plan Width': 8,
  ...fields,
  ...(Plans.length === 0 ? {} : { Plans }),
});

const ran = (total: number, loops = 1, rows = 10): Raw => ({
  'Actual Startup Time': 0,
  'Actual Total Time': total,
  'Actual Rows': rows,
  'Actual Loops': loops,
});
const planOf = (root: Raw, fields: Raw = {}) => parseExplain([{ Plan: root, ...fields }])[0] as NonNullable<ReturnType<typeof parseExplain>[0]>;
const msOf = (root: Raw) => sharesOf(planOf(root).root).map(({ ms }) => Math.round((ms ?? 0) * 1_000) / 1_000);
const costsOf = (root: Raw) => sharesOf(planOf(root).root).map(({ cost }) => cost);

describe('what EXPLAIN gives', () => {
  test('of PostgreSQL 14 to 18 is read, fields that nobody knows are kept', () => {
    const root = node(
      'Aggregate',
      { Strategy: 'Hashed', 'Async Capable': false, Disabled: false, 'Tomorrow’s Field': { a: [1] }, 'Group Key': ['a', 'lower(b)'] },
      node('Index Scan', {
        'Parent Relationship': 'Outer',
        'Relation Name': 't',
        Schema: 's',
        Alias: 'x',
        'Index Name': 'i',
        'Index Cond': '(a = 1)',
        'Index Searches': 3,
        ...ran(1.5, 2, 0.5),
        'Shared Hit Blocks': 4,
        'WAL Bytes': 17,
        Workers: [{ 'Worker Number': 0, 'Actual Rows': 1 }],
      }),
    );
    const plan = planOf(root, {
      'Planning Time': 0.2,
      Settings: { work_mem: '1MB' },
      JIT: { Functions: 3, Timing: { Total: 12.5 } },
      Triggers: [{ 'Constraint Name': 'fk', Relation: 't', Time: 2, Calls: 7 }],
      'Query Identifier': -5,
      Serialization: { Time: 1 },
    });
    expect(plan).toMatchObject({
      planningMs: 0.2,
      executionMs: null,
      settings: { work_mem: '1MB' },
      jit: { functions: 3, totalMs: 12.5 },
      triggers: [{ name: 'fk', isConstraint: true, relation: 't', ms: 2, calls: 7 }],
    });
    expect(plan.fields).toMatchObject({ 'Query Identifier': -5, Serialization: { Time: 1 } });
    const [top, scan] = nodesOf(plan.root);
    expect(top).toMatchObject({ id: 0, strategy: 'Hashed', actual: null, blocks: null, fields: { Disabled: false, 'Tomorrow’s Field': { a: [1] } } });
    expect(top?.expressions).toEqual([{ name: 'Group Key', text: 'a, lower(b)' }]);
    expect(scan).toMatchObject({
      id: 1,
      relation: { schema: 's', relation: 't' },
      actual: { rows: 0.5, loops: 2 },
      blocks: { sharedHit: 4, sharedRead: 0 },
      walBytes: 17,
    });
    expect(scan === undefined ? [] : workersOf(scan)).toEqual([{ fields: { 'Worker Number': 0, 'Actual Rows': 1 } }]);
  });

  test('as text is read too, and one plan for each statement that a rule made', () => {
    expect(parseExplain(JSON.stringify([{ Plan: node('Result') }, { Plan: node('ModifyTable') }])).map(({ root }) => root.type)).toEqual([
      'Result',
      'ModifyTable',
    ]);
  });

  test.each([
    ['not JSON', 'Seq Scan on t (cost=0.00..'],
    ['nothing', '[]'],
    ['without costs', [{ Plan: { 'Node Type': 'Result' } }]],
    ['utility', ['Utility Statement']],
    ['a secret', [{ Plan: node('Result', { Filter: 7, Alias: { secret: 1 } }) }]],
  ])('%s is refused without being quoted', (_what, json) => {
    const read = () => parseExplain(json);
    expect(read).toThrow(AssayError);
    expect(read).not.toThrow(/secret|cost=/);
  });
});

test('a plan deeper than any of PostgreSQL is refused, one of two hundred levels is not', () => {
  const deep = (levels: number) =>
    Array.from({ length: levels }).reduce<Raw>((below) => node('Nested Loop', {}, { ...below, 'Parent Relationship': 'Outer' }), node('Seq Scan'));
  expect(nodesOf(planOf(deep(200)).root)).toHaveLength(201);
  expect(findingsOf(planOf(deep(200)))).toEqual([]);
  expect(() => planOf(deep(20_000))).toThrow(/nested too deeply/);
});

describe('time of a node alone', () => {
  test('below a Gather is what the wall clock saw, each process being a loop', () => {
    expect(msOf(node('Gather', ran(12), node('Seq Scan', { 'Parent Relationship': 'Outer', ...ran(10, 3) })))).toEqual([2, 10]);
  });

  test('of an inner side is its average times its loops', () => {
    expect(
      msOf(
        node(
          'Nested Loop',
          ran(60),
          node('Seq Scan', { 'Parent Relationship': 'Outer', ...ran(5) }),
          node('Index Scan', { 'Parent Relationship': 'Inner', ...ran(0.05, 1_000) }),
        ),
      ),
    ).toEqual([5, 5, 50]);
  });

  test('of what was never executed is nothing', () => {
    expect(
      msOf(
        node(
          'Nested Loop',
          ran(5),
          node('Seq Scan', { 'Parent Relationship': 'Outer', ...ran(4) }),
          node('Seq Scan', { 'Parent Relationship': 'Inner', ...ran(0, 0, 0) }),
        ),
      ),
    ).toEqual([1, 4, 0]);
  });

  test('of a CTE is taken from the scan that ran it, once, however many read it', () => {
    const cte = node('Seq Scan', { 'Parent Relationship': 'InitPlan', 'Subplan Name': 'CTE few', ...ran(70) });
    const scan = (relationship: string, ms: number) => node('CTE Scan', { 'Parent Relationship': relationship, 'CTE Name': 'few', ...ran(ms) });
    expect(msOf(node('Nested Loop', ran(100), cte, scan('Outer', 80), scan('Inner', 5)))).toEqual([15, 70, 10, 5]);
  });

  test('of a CTE that nobody ran to its end goes on where it was shut down', () => {
    // as TPC-H 15 ran with workers: the scan saw 317 ms of 344, the rest was spent by the top when it stopped the workers
    const cte = node('Aggregate', { 'Parent Relationship': 'InitPlan', 'Subplan Name': 'CTE revenue', ...ran(344) });
    const most = node(
      'Aggregate',
      { 'Parent Relationship': 'InitPlan', 'Subplan Name': 'InitPlan 2 (returns $2)', ...ran(20) },
      node('CTE Scan', { 'Parent Relationship': 'Outer', 'CTE Name': 'revenue', ...ran(19) }),
    );
    const scan = node('CTE Scan', { 'Parent Relationship': 'Outer', 'CTE Name': 'revenue', Filter: '(total = $2)', ...ran(317) });
    const root = node('Sort', ran(345), cte, most, scan);
    expect(msOf(root)).toEqual([0, 344, 1, 0, 0]);
    expect(sharesOf(planOf(root).root).map(({ excessMs }) => excessMs)).toEqual([0, 0, 0, 0, 0]);
  });

  test.each([
    ['InitPlan 1 (returns $0)', '(a > $0)'],
    ['InitPlan 1', '(a > (InitPlan 1).col1)'],
  ])('of %s is taken from the node that used it', (name, filter) => {
    const initPlan = node('Aggregate', { 'Parent Relationship': 'InitPlan', 'Subplan Name': name, ...ran(30) });
    expect(msOf(node('Sort', ran(50), initPlan, node('Seq Scan', { 'Parent Relationship': 'Outer', Filter: filter, ...ran(45) })))).toEqual([5, 30, 15]);
  });

  test('of an InitPlan that workers use is taken from their Gather', () => {
    const initPlan = node('Aggregate', { 'Parent Relationship': 'InitPlan', 'Subplan Name': 'InitPlan 1', ...ran(30) });
    const scan = node('Seq Scan', { 'Parent Relationship': 'Outer', Filter: '(a > (InitPlan 1).col1)', ...ran(40, 3) });
    expect(msOf(node('Gather', ran(75), initPlan, scan))).toEqual([5, 30, 40]);
  });

  test('of $1 is not mistaken for that of $10', () => {
    const initPlan = node('Aggregate', { 'Parent Relationship': 'InitPlan', 'Subplan Name': 'InitPlan 2 (returns $1)', ...ran(30) });
    expect(msOf(node('Result', ran(50), initPlan, node('Seq Scan', { 'Parent Relationship': 'Outer', Filter: '(a > $10)', ...ran(10) })))).toEqual([
      10, 30, 10,
    ]);
  });
});

describe('cost of a node alone', () => {
  test('of an inner side that is kept counts its rows, not its plan, again', () => {
    const outer = node('Seq Scan', { 'Parent Relationship': 'Outer', 'Total Cost': 10, 'Plan Rows': 101 });
    const kept = node(
      'Materialize',
      { 'Parent Relationship': 'Inner', 'Total Cost': 20, 'Plan Rows': 40 },
      node('Seq Scan', { 'Parent Relationship': 'Outer', 'Total Cost': 18 }),
    );
    // 20 once, then a hundred times 40 rows at a four hundredth each
    expect(costsOf(node('Nested Loop', { 'Total Cost': 45 }, outer, kept))).toEqual([5, 10, 12, 18]);
  });

  test('of a LIMIT is what it needs of its input, not all of it', () => {
    const [limit, scan] = costsOf(node('Limit', { 'Total Cost': 5 }, node('Seq Scan', { 'Parent Relationship': 'Outer', 'Total Cost': 1_000 })));
    expect([limit, scan]).toEqual([0, 5]);
  });

  test('of an inner side counts each outer row', () => {
    const outer = node('Seq Scan', { 'Parent Relationship': 'Outer', 'Total Cost': 10, 'Plan Rows': 50 });
    expect(costsOf(node('Nested Loop', { 'Total Cost': 115 }, outer, node('Index Scan', { 'Parent Relationship': 'Inner', 'Total Cost': 2 })))).toEqual([
      5, 10, 100,
    ]);
  });
});

test('selves of any tree add up to its whole, none is negative', () => {
  const { tree } = fc.letrec((tie) => ({
    leaf: fc.record({
      type: fc.constantFrom('Seq Scan', 'Index Scan', 'CTE Scan'),
      relationship: fc.constantFrom('Outer', 'Inner', 'InitPlan', 'SubPlan', 'Member'),
      cost: fc.nat(1_000),
      ms: fc.nat(100_000).map((thousandths) => thousandths / 1_000),
      rows: fc.nat(9_999),
      loops: fc.nat(20),
      plans: fc.constant([]),
    }),
    tree: fc.record({
      type: fc.constantFrom('Nested Loop', 'Limit', 'Gather', 'Materialize', 'Hash Join', 'Append'),
      relationship: fc.constantFrom('Outer', 'Inner', 'InitPlan', 'SubPlan'),
      cost: fc.nat(1_000),
      ms: fc.nat(100_000).map((thousandths) => thousandths / 1_000),
      rows: fc.nat(9_999),
      loops: fc.nat(20),
      plans: fc.array(fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('tree')), { minLength: 1, maxLength: 3 }),
    }),
  }));
  type Tree = { type: string; relationship: string; cost: number; ms: number; rows: number; loops: number; plans: Tree[] };
  const rawOf = ({ type, relationship, cost, ms, rows, loops, plans }: Tree): Raw =>
    node(
      type,
      {
        'Parent Relationship': relationship,
        'Subplan Name': `CTE ${rows % 3}`,
        'CTE Name': String(loops % 3),
        'Total Cost': cost,
        'Plan Rows': rows,
        'Shared Hit Blocks': rows,
        ...ran(ms, loops, rows),
      },
      ...plans.map(rawOf),
    );
  fc.assert(
    fc.property(tree, (each) => {
      const plan = planOf(rawOf(each as Tree));
      const shares = sharesOf(plan.root);
      const sum = (of: (share: (typeof shares)[number]) => number | null) => shares.reduce((total, share) => total + (of(share) ?? 0), 0);
      expect(sum(({ timeShare }) => timeShare)).toBeCloseTo(1, 6);
      expect(sum(({ costShare }) => costShare)).toBeCloseTo(1, 6);
      expect(sum(({ blocks }) => blocks)).toBeCloseTo((each as Tree).rows, 6);
      expect(shares.every(({ ms, cost, blocks }) => (ms ?? 0) >= 0 && cost >= 0 && (blocks ?? 0) >= 0)).toBe(true);
      expect(findingsOf(plan).every(({ share }) => share >= 0 && share <= 1)).toBe(true);
    }),
  );
});

describe('constants of an expression', () => {
  test.each([
    [`((email)::text = 'it''s me'::text)`, '((email)::text = ?::text)'],
    [`(a = E'back\\\\slash\\'quote' AND b = 'x')`, '(a = ? AND b = ?)'],
    [`("odd 'name' 7" > '-5'::integer)`, `("odd 'name' 7" > ?::integer)`],
    ['(t1.col2 = 42 AND price < 1.5e10 AND x > .5)', '(t1.col2 = ? AND price < ? AND x > ?)'],
    [`(id = ANY ('{770077,880088}'::integer[]))`, '(id = ANY (?::integer[]))'],
    ['((a > $0) AND (hashed SubPlan 1) AND (b = (InitPlan 2).col1))', '((a > $0) AND (hashed SubPlan 1) AND (b = (InitPlan 2).col1))'],
    [`(note ~~ '%cut off by the width of the scre`, '(note ~~ ?'],
    [`(größe_2 = U&'d\\0061t')`, '(größe_2 = ?)'],
  ])('%s', (text, masked) => {
    expect(maskConstants(text)).toBe(masked);
    expect(maskConstants(masked)).toBe(masked);
  });

  test('of any string PostgreSQL could quote nothing is left', () => {
    const secret = fc.string({ unit: 'grapheme', minLength: 1 }).map((text) => `§${text}§`);
    fc.assert(
      fc.property(secret, secret, (a, b) => {
        const quoted = (text: string) =>
          text.includes('\\') ? `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`;
        expect(maskConstants(`((x = ${quoted(a)}::text) OR (y = ${quoted(b)}::text))`)).toBe('((x = ?::text) OR (y = ?::text))');
      }),
    );
  });

  test('fields that nobody knows are masked, names and settings are not', () => {
    const plan = withoutValues(
      planOf(
        node('Foreign Scan', { 'Relation Name': 'orders2', 'Remote SQL': `SELECT a FROM t WHERE b = 'secret'`, New: [{ Deep: 'x = 17' }], Filter: '(a = 5)' }),
        { Settings: { work_mem: '64MB' } },
      ),
    );
    expect(JSON.stringify(plan)).not.toMatch(/secret|17/);
    expect(plan).toMatchObject({
      settings: { work_mem: '64MB' },
      fields: { Settings: { work_mem: '64MB' } },
      root: { relation: { relation: 'orders2' }, expressions: [{ text: '(a = ?)' }], fields: { Filter: '(a = ?)', New: [{ Deep: 'x = ?' }] } },
    });
  });
});

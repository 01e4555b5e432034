/** Which statements the lab's made-up values do not stand for. */
import { expect, test } from 'vitest';
import type { BindingSource, Statement } from '../../domain/optimizer/model.ts';
import { unlikeProduction } from '../../domain/optimizer/unlike-production.ts';

const counted = (id: string, meanMs: number): Statement => ({
  ...{ id, database: 'shop', text: 'select', kind: 'select', rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 },
  ...{ calls: 4, totalMs: 4 * meanMs },
});
const measured = (statement: string, beforeMs: number, source: BindingSource = 'synthetic') => ({
  ...{ statement, calls: 4 },
  bindings: [{ source, pairs: [{ beforeMs, afterMs: 0.1 }] }],
});

test('that take far longer there are named, the slowest first, with both times', () => {
  const statements = ['a', 'b', 'c', 'd'].map((id, place) => counted(id, 100 * (place + 1)));
  expect(
    unlikeProduction(
      statements,
      ['a', 'b', 'c', 'd'].map((id) => measured(id, 0.5)),
    ),
  ).toEqual([expect.stringMatching(/^4 statement\(s\) take far longer there .*: d \(400\.0 ms a call there, 0\.5 ms here\), c .*, b .* and 1 more\. /)]);
});

test.each([
  ['as long here as there', counted('a', 300), measured('a', 100)],
  ['short there', counted('a', 8), measured('a', 0.1)],
  ['with values that were really sent', counted('a', 300), measured('a', 0.5, 'captured')],
  ['never called', { ...counted('a', 0), calls: 0 }, measured('a', 0.5)],
])('%s: nothing is said', (_, one, times) => expect(unlikeProduction([one], [times])).toEqual([]));

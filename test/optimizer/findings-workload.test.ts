import { describe, expect, test } from 'vitest';
import { workloadSummary } from '../../domain/optimizer/experiment.ts';
import { addUpLocks, lockFindings, nPlusOneFindings } from '../../domain/optimizer/findings-workload.ts';
import type { Statement } from '../../domain/optimizer/model.ts';

const statement = (id: string, calls: number, rows: number, more: Partial<Statement> = {}): Statement => ({
  ...{ id, database: 'shop', text: id, kind: 'select', calls, rows, totalMs: calls * 0.05, blocks: 0, tempBlocks: 0, walBytes: 0 },
  ...more,
});
const page = statement('page', 100, 5_000);

describe('one call for each row of another statement', () => {
  test.each([
    ['a look-up by key', statement('one', 5_000, 5_000), ['one']],
    ['some rows were cached', statement('one', 4_100, 4_100), ['one']],
    ['a look-up that finds nothing', statement('one', 5_000, 0), ['one']],
    ['an insert for each row', statement('one', 5_000, 5_000, { kind: 'insert' }), ['one']],
    ['called far more often than there were rows', statement('one', 9_000, 9_000), []],
    ['called far less often', statement('one', 2_000, 2_000), []],
    ['gives many rows itself', statement('one', 5_000, 50_000), []],
    ['is slow by itself: its own plan matters', statement('one', 5_000, 5_000, { totalMs: 50_000 }), []],
    ['of another database', statement('one', 5_000, 5_000, { database: 'other' }), []],
  ])('%s', (_what, one, found) => {
    expect(nPlusOneFindings([page, one]).map((each) => each.statement)).toEqual(found);
  });

  test('a statement that gives one row for each call calls nobody', () => {
    expect(nPlusOneFindings([statement('a', 5_000, 5_000), statement('b', 5_000, 5_000)])).toEqual([]);
  });

  test('is said beside a run, by ids and counts only', () => {
    const { notices } = workloadSummary({ statements: [page, statement('one', 5_000, 5_000)], notJudged: [], notices: ['before'] });
    expect(notices).toEqual([
      'before',
      'statement one was called 5,000 times, about as often as statement page gave rows (5,000 in 100 calls); try one statement with a join, or with = ANY of all keys: the loop is the application’s, so nothing is proposed for it',
    ]);
  });
});

test('looks for locks add up by statement, those that saw nothing count too', () => {
  const look = (longestMs: number, ...blockers: string[]) => [{ statement: 's', samples: 1, waits: 1, longestMs, blockers }];
  const all = addUpLocks([look(5, 'a'), [], look(90, 'a', 'b'), []]);
  expect(all).toEqual([{ statement: 's', samples: 4, waits: 2, longestMs: 90, blockers: ['a', 'b'] }]);
  expect(lockFindings(all).map(({ finding }) => finding.share)).toEqual([0.5]);
  expect(addUpLocks([[], []])).toEqual([]);
});

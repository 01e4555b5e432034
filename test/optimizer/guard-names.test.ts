/** Which statements a change cannot touch: what each one names, and when that says nothing. */
import { beforeAll, expect, test } from 'vitest';
import { parserReady } from '../../activities/optimizer/bind/tree.ts';
import { judgeWindow } from '../../activities/optimizer/guard/judge.ts';
import { selectNames } from '../../activities/optimizer/guard/names.ts';
import type { GuardLook } from '../../domain/optimizer/guard-looks.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { recommendedIndex } from '../../domain/optimizer/recommendation.ts';
import { recommendation as made } from './plan-examples.ts';

beforeAll(parserReady);

test.each([
  ['select lower(name) from "Order" o join shop.item on true where exists (select from stock)', ['Order', 'item', 'stock'], ['lower']],
  ['with recent as (select * from visit) select shop.tax(1) from recent', ['visit', 'recent'], ['tax']],
])('%s', (text, relations, functions) => {
  const names = selectNames(text);
  expect([...(names?.relations ?? [])].toSorted()).toEqual(relations.toSorted());
  expect([...(names?.functions ?? [])]).toEqual(functions);
});

test.each(['update visit set who = $1', 'with gone as (delete from visit returning *) select * from gone', 'select (', ''])('%s says nothing', (text) => {
  expect(selectNames(text)).toBeNull();
});

/** Everything became twice as slow, and only `others` were the same on the lab. */
function verdictWith(others: readonly string[], opaque: readonly string[]) {
  const texts = Object.fromEntries(others.map((text, place) => [String(place + 1), text]));
  const statements = Object.keys(texts).map((statement) => ({ statement, ratio: 1, low: 1, high: 1, judged: 'same', bindingSource: 'captured' }) as const);
  const index = recommendedIndex(btree({ schema: 'public', relation: 'visit' }, ['who']), { sizeBytes: 1, buildMs: 1, leaveOneOut: null });
  const recommendation = { ...made, indexes: [index], texts, experiment: { ...made.experiment, statements } };
  const looks: GuardLook[] = [];
  for (const window of [0, 1]) {
    for (let look = 0; look <= 12; look += 1) {
      const rows = Object.keys(texts).map((statement, place) => {
        const calls = 10 * look;
        const wobble = ((look * 7 + place) % 3) / 100;
        const totalMs = calls * (5 + place + wobble) * (window === 0 ? 1 : 2);
        return { row: '10 true', statement, calls, totalMs, squares: calls * 0.01 };
      });
      looks.push({ window, look, takenAt: '', startedAt: 's', resetAt: 'r', rows, ...(window === 0 && look === 0 ? { opaque } : {}) });
    }
  }
  return judgeWindow({ recommendation, looks, window: 1, guard: { windowMs: 1, windows: 1, minCalls: 30 } }).verdict;
}

const untouched = ['select * from item', 'select count(*) from stock', 'select lower(name) from country'];

test('what slows down all that the change cannot touch is not the change', () => {
  expect(verdictWith(untouched, [])).toBe('keep');
});

test.each([
  ['the changed table', [...untouched.slice(1), 'select * from visit'], []],
  ['a view', untouched, ['item']],
  ['a function of the user’s own', untouched, ['lower']],
])('where one of them names %s, too few are left to say so', (_, others, opaque) => {
  expect(verdictWith(others, opaque)).toBe('roll-back');
});

/** What a text of the workload is, before anything of it is planned. */
import { beforeAll, expect, test } from 'vitest';
import { parserReady } from '../../activities/optimizer/bind/tree.ts';
import { classify } from '../../activities/optimizer/workload/classify.ts';

beforeAll(parserReady);

const known = { isCatalogue: () => false, temporary: new Set<string>() };
const listOf = (length: number) => `select count(*) from orders where id in (${Array.from({ length }, (_, at) => `$${at + 1}`).join(', ')})`;

test('a list of twenty thousand constants is left out and said to be, one of some thousand is looked at', () => {
  expect(classify(listOf(20_000), known).notJudged).toEqual({
    reason: 'budget',
    detail: expect.stringMatching(/^its text of 1\d{5} characters is longer than 50000$/),
  });
  expect(classify(listOf(4_000), known)).toMatchObject({ kind: 'select', notJudged: null });
});

/** What somebody refused comes back only where what speaks for it became something else. */
import { expect, test } from 'vitest';
import { evidenceChanged, similarIdea } from '../../domain/optimizer/idea.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import type { IndexDefinition, Judgement } from '../../domain/optimizer/model.ts';
import { recommendedIndex } from '../../domain/optimizer/recommendation.ts';

const evidence = ([low, ratio, high]: readonly [number, number, number], judged: Judgement = 'faster') => ({
  experiment: {
    id: 'e',
    proofId: 'p',
    changes: [],
    total: { low, ratio, high },
    statements: [{ statement: 'q1', ratio, low, high, judged, bindingSource: 'synthetic' as const }],
  },
});

test('a removal measured in two runs is the same evidence, though their narrow intervals miss each other', () => {
  const [before, now] = [evidence([0.999957, 0.999984, 0.999992], 'same'), evidence([0.999997, 0.999999, 1.000002], 'same')];
  expect(evidenceChanged(before, now)).toBe(false);
});

test('another gain beyond noise, or one for another statement, is new', () => {
  const before = evidence([0.28, 0.3, 0.32]);
  expect(evidenceChanged(before, evidence([0.08, 0.09, 0.1]))).toBe(true);
  expect(evidenceChanged(before, evidence([0.3, 0.36, 0.4]))).toBe(false);
  const other = (statement: string) => evidence([0.28, 0.3, 0.32]).experiment.statements.map((each) => ({ ...each, statement }));
  expect(evidenceChanged(before, { experiment: { ...before.experiment, statements: other('q2') } })).toBe(true);
});

test('a statement that is faster in one of two runs only, by the width of its interval, is no other evidence', () => {
  const total = { low: 0.998, ratio: 1, high: 1.003 };
  const of = (interval: readonly [number, number, number], judged: Judgement) => ({ experiment: { ...evidence(interval, judged).experiment, total } });
  const [refused, again] = [of([0.61, 0.74, 0.84], 'faster'), of([0.68, 0.87, 0.97], 'same')];
  expect(evidenceChanged(refused, again)).toBe(false);
  expect(evidenceChanged(again, refused)).toBe(false);
  expect(evidenceChanged(again, of([0.1, 0.12, 0.15], 'faster'))).toBe(true);
});

test('an idea is like another where each of its indexes begins like one of the other', () => {
  const table = { schema: 'public', relation: 'visit' };
  const idea = (...indexes: IndexDefinition[]) => ({ indexes: indexes.map((index) => recommendedIndex(index, { sizeBytes: 1, buildMs: 1, leaveOneOut: 2 })) });
  const before = idea(btree(table, ['who']), btree(table, ['page']));
  expect(similarIdea(before, idea(btree(table, ['who', 'page'])))).toBe(true);
  expect(similarIdea(before, idea({ ...btree(table, ['who']), include: ['note'] }))).toBe(true);
  expect(similarIdea(before, idea(btree(table, ['who', 'page']), btree(table, ['note'])))).toBe(false);
  expect(similarIdea(before, idea({ ...btree(table, ['who']), method: 'hash' }))).toBe(false);
  expect(similarIdea(before, idea(btree({ ...table, schema: 'other' }, ['who'])))).toBe(false);
  expect(similarIdea(before, idea())).toBe(false);
});

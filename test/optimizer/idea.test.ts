/** What somebody refused comes back only where what speaks for it became something else. */
import { expect, test } from 'vitest';
import { evidenceChanged } from '../../domain/optimizer/idea.ts';
import type { Judgement } from '../../domain/optimizer/model.ts';

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
  expect(evidenceChanged(before, evidence([0.28, 0.3, 0.32], 'same'))).toBe(true);
});

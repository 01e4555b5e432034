import { describe, expect, test } from 'vitest';
import type { StatementVerdict } from '../../domain/optimizer/model.ts';
import { planToKeep, worthAPlan } from '../../domain/optimizer/statement-plans.ts';
import type { StatementTimes } from '../../domain/optimizer/verdict.ts';
import { joinPlan } from './plan-examples.ts';

const verdict = (statement: string, judged: StatementVerdict['judged']): StatementVerdict => ({
  ...{ statement, ratio: 0.5, low: 0.4, high: 0.6, judged, bindingSource: 'synthetic' },
});
const times = (statement: string, calls: number, [beforeMs, afterMs]: readonly [number, number]): StatementTimes => ({
  statement,
  calls,
  bindings: [{ source: 'synthetic', pairs: [{ beforeMs, afterMs }] }],
});

describe('worth a look', () => {
  test('what became slower comes first, then what saves the most over all its calls; what stayed is left out', () => {
    const verdicts = [verdict('rare', 'faster'), verdict('same', 'same'), verdict('often', 'faster'), verdict('slow', 'slower')];
    const measured = [times('rare', 1, [900, 1]), times('same', 9_000, [5, 5]), times('often', 1_000, [3, 1]), times('slow', 1, [1, 2])];
    expect(worthAPlan(verdicts, measured)).toEqual(['slow', 'often', 'rare']);
  });
  test('of many the first few', () => {
    const many = (judged: 'faster' | 'slower') => Array.from({ length: 20 }, (_, at) => verdict(`${judged}-${at}`, judged));
    const kept = worthAPlan([...many('faster'), ...many('slower')], [times('faster-19', 1, [9, 1])]);
    expect(kept.map((each) => each.split('-')[0])).toEqual([...Array(4).fill('slower'), ...Array(8).fill('faster')]);
    expect(kept).toContain('faster-19');
  });
});

test('a plan is kept without values and without what nobody reads, its indexes under the names they will have', () => {
  const raw = joinPlan({ isMeasured: true, filter: `(o.email = 'ada@example.org'::text)` }) as [{ Plan: { Plans: Record<string, unknown>[] } }];
  const [scan] = raw[0].Plan.Plans;
  if (scan !== undefined) scan['A field of PostgreSQL 30'] = `'ada@example.org'`;
  const kept = planToKeep(raw, new Map([['customers_pkey', 'recommended_idx']]));
  const text = JSON.stringify(kept);
  expect(text).not.toContain('ada@');
  expect(text).not.toContain('PostgreSQL 30');
  expect(text).toContain('(o.email = ?::text)');
  expect(text).toContain('"index":"recommended_idx"');
  expect(text).not.toContain('customers_pkey');
  expect(kept.executionMs).toBe(102);
});

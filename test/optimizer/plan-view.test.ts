import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../domain/optimizer/findings.ts';
import type { Explained } from '../../domain/optimizer/plan.ts';
import { parseExplain } from '../../domain/optimizer/plan-parse.ts';
import { planText } from '../../ops/cli/optimizer-plan-view.ts';
import { paintFor } from '../../ops/cli/paint.ts';
import { planPage } from '../../ops/optimizer-report/plan-page.ts';
import { joinPlan } from './plan-examples.ts';

const paint = (columns: number, color = false) => paintFor({ color, columns, zone: 'UTC', now: () => new Date(0) });
const text = (plan: Explained, columns: number, color = false) => planText(plan, findingsOf(plan), paint(columns, color));
const measured = parseExplain(joinPlan({ isMeasured: true }))[0] as Explained;
const estimated = parseExplain(joinPlan({ isMeasured: false }))[0] as Explained;

describe('on a terminal', () => {
  test('the tree, its bars, conditions and findings in place', () => {
    expect(text(measured, 120)).toBe(`executed in 102 ms, planned in 0.300 ms · 4 nodes · 1 finding

Hash Left Join                                                       █·········   10 %    10.0 ms 500 rows
│ Hash Cond: (o.customer = c.id)
├─Seq Scan on orders o                                               ████████··   80 %    80.0 ms 500 rows
│   Filter: (o.state = ?)
│   ! whole table for few rows: reads all 100,000 rows to keep 500; try an index on the columns of the filter
└─Hash                                                               ··········    0 %   0.000 ms 4,000 rows
  └─Index Scan on customers c by customers_pkey                      █·········   10 %    10.0 ms 4,000 rows
`);
  });

  test('one of a kind is no plural', () => {
    const plan = { 'Node Type': 'Result', 'Startup Cost': 0, 'Total Cost': 1, 'Plan Rows': 1, 'Plan Width': 8 };
    expect(text(parseExplain([{ Plan: plan }])[0] as Explained, 120)).toContain(' · 1 node · nothing found');
  });

  test('costs where nothing was executed', () => {
    expect(text(estimated, 120)).toContain('cost 1020, not executed · 4 nodes');
    expect(text(estimated, 120)).toMatch(/Seq Scan on orders o .* 78 % +cost 800 ~ 500 rows/);
  });

  test('never wider than the terminal, colours or not', () => {
    for (const columns of [48, 60, 72, 95, 96, 120, 160, 300]) {
      for (const plan of [measured, estimated]) {
        const widest = Math.max(
          ...text(plan, columns)
            .split('\n')
            .map((line) => [...line].length),
        );
        expect(widest).toBeLessThanOrEqual(Math.min(columns, 160));
        // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is taken away
        expect(text(plan, columns, true).replace(/\u001b\[\d+m/g, '')).toBe(text(plan, columns));
      }
    }
  });

  test('names cannot steer the terminal', () => {
    const hostile = joinPlan({ isMeasured: true, relation: 'evil\u001b[2J\u0007', filter: `(a = '\u001b]0;x\u0007')` });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(text(parseExplain(hostile)[0] as Explained, 120)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f]/);
  });
});

describe('as a page', () => {
  const page = (plan: Explained) =>
    planPage({ title: 'Statement <7>', statement: 'select "a" < $1', plan, findings: findingsOf(plan), madeAt: '2026-11-21T10:00:00.000Z' });

  test('needs nothing from elsewhere, and runs nothing', () => {
    expect(page(measured)).not.toMatch(/<script|https?:|url\(|@import|<link|<img|\son\w+=/);
    expect(page(measured)).toContain('content="default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;"');
  });

  test('shows every node once in the picture and once in the tree, and the findings', () => {
    const found = page(measured);
    expect(found.match(/class="cell heat/g)).toHaveLength(4);
    expect(found.match(/<li id="node-/g)).toHaveLength(4);
    expect(found).toContain('whole table for few rows');
    expect(found).toContain('href="#node-1"');
    expect(page(estimated)).toContain('not executed');
  });

  test('names and texts are escaped', () => {
    const hostile = page(parseExplain(joinPlan({ isMeasured: true, relation: '<script>alert(1)</script>', filter: '"><b onclick=x>' }))[0] as Explained);
    expect(hostile).not.toMatch(/<script|<b onclick/);
    expect(hostile).toContain('Statement &lt;7&gt;');
    expect(hostile).toContain('&lt;script&gt;');
  });
});

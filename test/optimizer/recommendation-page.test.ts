import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { HistoryEntry, RecommendationRecord } from '../../domain/optimizer/decision.ts';
import type { StatementVerdict } from '../../domain/optimizer/model.ts';
import { type Recommendation, recommendationSql } from '../../domain/optimizer/recommendation.ts';
import { planToKeep, type StatementPlans } from '../../domain/optimizer/statement-plans.ts';
import type { TriedSet } from '../../domain/optimizer/tried-set.ts';
import { type RecommendationSheet, recommendationPage } from '../../ops/optimizer-report/recommendation-page.ts';
import { run } from '../cli/terminal.ts';
import { joinPlan, recommendation } from './plan-examples.ts';

const digest = 'ab'.repeat(32);
const event = (state: HistoryEntry['state'], at: string, by: string | null = null, because: readonly string[] = []): HistoryEntry => ({
  ...{ recommendation: 'rec-1', cluster: 'shop', database: 'shop', state, at, by, because },
});
const plansOf = (statement: string, filter = `(o.state = 'a secret'::text)`): StatementPlans => ({
  statement,
  before: planToKeep(joinPlan({ isMeasured: true, filter }), new Map()),
  after: planToKeep(joinPlan({ isMeasured: false, filter }), new Map([['customers_pkey', 'Order_customer_id_idx']])),
});
const sheet: RecommendationSheet = {
  recommendation,
  digest,
  history: [event('proposed', '2026-11-21T10:00:00.000Z', null, ['31.2 % left'])],
  plans: [plansOf('s1'), plansOf('s2')],
  tried: [],
};
const pageOf = (more: Partial<Recommendation>) => recommendationPage({ ...sheet, recommendation: { ...recommendation, ...more } });
const page = recommendationPage(sheet);

test('says the gain, the evidence, every statement and every index', () => {
  for (const said of ['31.2 %', '29.8 to 33.0 %', '3 indexes bring', 'exp-1', 'proof-1', '20261121-090000F', '1.90 ×']) expect(page).toContain(said);
  expect(page.match(/<li class="(faster|same|slower)">/g)).toHaveLength(4);
  expect(page.match(/<g class="mark">/g)).toHaveLength(2); // the third was not measured alone
  expect(page).toContain('<b class="bad">1 slower</b>');
});

test('says that values were made up, where they were', () => {
  const { experiment } = recommendation;
  const withValues = (bindingSource: StatementVerdict['bindingSource']) =>
    pageOf({ experiment: { ...experiment, statements: experiment.statements.map((each) => ({ ...each, bindingSource })) } });
  expect(withValues('synthetic')).toContain('all 3 statements that it moves ran with values made up from statistics');
  expect(pageOf({ ...recommendation, capturesValues: true })).not.toContain('capture: {');
  expect(withValues('captured')).not.toContain('made up from statistics');
});

test('holds the exact SQL', () => {
  const shown = /<h2>The change<\/h2><pre class="mono">([\s\S]*?)<\/pre>/.exec(page)?.[1] ?? '';
  const text = shown.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&gt;', '>').replaceAll('&lt;', '<').replaceAll('&amp;', '&');
  expect(text).toBe(recommendationSql(recommendation).trimEnd());
});

test('needs nothing from elsewhere, runs nothing, quotes nobody unescaped', () => {
  const hostile = pageOf({ database: '<script>', texts: { s1: '"><img src=x onerror=y>' } });
  for (const each of [page, hostile]) expect(each).not.toMatch(/<script|<img|https?:|url\(|@import|<link/);
});

test('plans of a statement stand one above the other, the first ones open, without a value, each id once', () => {
  expect(page.match(/<details class="pair faster"/g)).toHaveLength(2);
  expect(page.match(/<details class="pair faster" open>/g)).toHaveLength(1);
  expect(page.match(/<svg class="icicle"/g)).toHaveLength(4);
  expect(page).toContain('<h4>Before <small><b>102 ms</b>');
  expect(page).toContain('not executed: cost <b>1,020</b>'); // it did not end in time there
  expect(page).toContain('by Order_customer_id_idx');
  expect(page).toContain('(o.state = ?::text)');
  expect(page).not.toContain('a secret');
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  expect(ids).toHaveLength(16);
  expect(new Set(ids).size).toBe(16);
  expect(recommendationPage({ ...sheet, plans: [] })).not.toContain('Plans before and after');
});

test('sets that were measured are compared by size and time left, the recommended one marked; one alone is no comparison', () => {
  const set = (id: string, sizeBytes: number, ratio: number, because: readonly string[] = []): TriedSet => ({
    ...{ id, indexes: 2, sizeBytes, total: { ratio, low: ratio * 0.9, high: ratio * 1.1 } },
    decision: { verdict: because.length === 0 ? 'accepted' : 'rejected', because },
  });
  const mine = set('exp-1', 32_500_000, 0.312);
  const compared = recommendationPage({ ...sheet, tried: [set('exp-0', 40_000_000, 0.29, ['1 statement(s) become slower']), mine] });
  expect(compared.match(/<g class="mark chosen">/g)).toHaveLength(1);
  const rows = /<ol class="tried">(.*?)<\/ol>/s.exec(compared)?.[1];
  expect(rows).toBe(
    '<li class="chosen"><b>31.2 %</b> left, 2 indexes, 32.5 MB: recommended</li><li><b>29.0 %</b> left, 2 indexes, 40.0 MB: 1 statement(s) become slower</li>',
  );
  const vetoed = { ...set('exp-0', 40_000_000, 0.29, ['1 statement(s) become slower than 1.1×: -3109132986243560228']) };
  const texts = { '-3109132986243560228': 'insert into item\n values ($1)' };
  const named = recommendationPage({ ...sheet, recommendation: { ...recommendation, texts }, tried: [vetoed, mine] });
  expect(named).toContain('become slower than 1.1×: “insert into item values ($1)”');
  // one about statistics or indexes that are there is of the same run, and no set of it
  for (const tried of [[mine], [set('exp-0', 1, 0.5), set('exp-2', 2, 0.4)]])
    expect(recommendationPage({ ...sheet, tried })).not.toContain('Gain against size');
});

test('says how to decide while it is proposed, afterwards what became of it, by whom and why', () => {
  expect(page).toContain(`assay optimizer approve rec-1 --digest ${digest}`);
  const state = 'rolled-back';
  const history = [
    event(state, '2026-11-21T14:00:00.000Z', null, ['s2 takes 3.1 × as long']),
    event('approved', '2026-11-21T11:30:00.000Z', 'ada <dba>'),
    ...sheet.history,
  ];
  const over = recommendationPage({ ...sheet, recommendation: { ...recommendation, state }, history });
  expect(over).not.toContain('optimizer approve');
  expect(over).toContain('taken back');
  const told = [...over.matchAll(/<span class="when">([^<]*)<\/span><span class="chip [^"]*">([^<]*)<\/span><span>(.*?)<\/span><\/li>/g)].map(
    ([, ...each]) => each,
  );
  expect(told).toEqual([
    ['2026-11-21 10:00:00', 'proposed', ''],
    ['2026-11-21 11:30:00', 'approved', 'by <b>ada &lt;dba&gt;</b>'],
    ['2026-11-21 14:00:00', 'rolled-back', 's2 takes 3.1 × as long'],
  ]);
});

test('of hundreds of statements those that changed are drawn, the rest is counted', () => {
  const statements = Array.from(
    { length: 300 },
    (_, at): StatementVerdict => ({
      statement: `s${at}`,
      ratio: at < 5 ? 0.5 : 1,
      low: 0.4,
      high: 9,
      judged: at < 5 ? 'faster' : 'same',
      bindingSource: 'synthetic',
    }),
  );
  const many = pageOf({ experiment: { ...recommendation.experiment, statements } });
  expect(many.match(/<li class="faster">/g)).toHaveLength(5);
  expect(many).toContain('295 more are not drawn');
});

test('`assay optimizer show ID --html FILE` writes it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-page-'));
  const handlers = {
    recommendation: async () => ({ recommendation, digest, history: sheet.history }),
    recommendationPage: async (record: RecommendationRecord) => recommendationPage({ ...sheet, ...record }),
  };
  try {
    const { exit, out } = await run(['optimizer', 'show', 'rec-1', '--html', join(folder, 'r.html')], handlers);
    expect([exit, out]).toEqual([0, expect.stringContaining(`wrote ${join(folder, 'r.html')}`)]);
    expect(readFileSync(join(folder, 'r.html'), 'utf8')).toBe(page);
    const refused = await run(['optimizer', 'show', 'rec-1', '--html', join(folder, 'nowhere', 'r.html')], handlers);
    expect([refused.exit, refused.err]).toEqual([2, expect.stringContaining('cannot write')]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

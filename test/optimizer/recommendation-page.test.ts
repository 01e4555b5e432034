import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { StatementVerdict } from '../../domain/optimizer/model.ts';
import { recommendationSql } from '../../domain/optimizer/recommendation.ts';
import { recommendationPage } from '../../ops/optimizer-report/recommendation-page.ts';
import { run } from '../cli/terminal.ts';
import { recommendation } from './plan-examples.ts';

const page = recommendationPage(recommendation);

test('says the gain, the evidence, every statement and every index', () => {
  for (const said of ['31.2 %', '29.8 to 33.0 %', '3 indexes bring', 'exp-1', 'proof-1', '20261121-090000F', '1.90 ×']) expect(page).toContain(said);
  expect(page.match(/<li class="(faster|same|slower)">/g)).toHaveLength(4);
  expect(page.match(/<g class="mark">/g)).toHaveLength(2); // the third was not measured alone
  expect(page).toContain('<b class="bad">1 slower</b>');
});

test('holds the exact SQL', () => {
  const shown = /<h2>The change<\/h2><pre class="mono">([\s\S]*?)<\/pre>/.exec(page)?.[1] ?? '';
  const text = shown.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&gt;', '>').replaceAll('&lt;', '<').replaceAll('&amp;', '&');
  expect(text).toBe(recommendationSql(recommendation).trimEnd());
});

test('needs nothing from elsewhere, runs nothing, quotes nobody unescaped', () => {
  const hostile = recommendationPage({ ...recommendation, database: '<script>', texts: { s1: '"><img src=x onerror=y>' } });
  for (const each of [page, hostile]) expect(each).not.toMatch(/<script|<img|https?:|url\(|@import|<link/);
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
  const many = recommendationPage({ ...recommendation, experiment: { ...recommendation.experiment, statements } });
  expect(many.match(/<li class="faster">/g)).toHaveLength(5);
  expect(many).toContain('295 more are not drawn');
});

test('`assay optimizer show ID --html FILE` writes it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-page-'));
  const handlers = { recommendation: async () => ({ recommendation, digest: '0', history: [] }), recommendationPage: async (each: typeof recommendation) => recommendationPage(each) };
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

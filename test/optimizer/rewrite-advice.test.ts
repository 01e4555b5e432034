/** Another text of a statement, as people read it: in the file, on the page, on a terminal. None of it can be run by mistake, whatever the text holds. */
import { describe, expect, test } from 'vitest';
import { btree } from '../../domain/optimizer/index-sql.ts';
import {
  type IndexChange,
  isAdvised,
  kindOf,
  newBytes,
  type Recommendation,
  type RecommendedIndex,
  recommendationSql,
  tablesOfChange,
  undoSql,
} from '../../domain/optimizer/recommendation.ts';
import { type RewriteAdvice, recommendedRewrite, ruleWords, sayRewrite } from '../../domain/optimizer/rewrite.ts';
import { paintFor } from '../../ops/cli/paint.ts';
import { recommendationsText, recommendationText } from '../../ops/cli/show-optimizer.ts';
import { recommendationPage } from '../../ops/optimizer-report/recommendation-page.ts';
import { recommendation } from './plan-examples.ts';

const order = { schema: 'public', relation: 'Order' };
const advice: RewriteAdvice = {
  statement: '77',
  rules: ['not-in-to-not-exists'],
  before: 'select 1 -- x\n\r\ndrop table a;\u2028drop table b;\rdrop table c',
  after: "select '<script>alert(1)</script>', '\u001b[2J'\nfrom \"Order\"",
  grounds: [{ kind: 'not-null', table: order, column: 'id' }],
  fixed: [{ parameter: 1, value: 'day' }],
  proof: { bindings: 4, rows: 120, isOrdered: true, timeZones: ['Africa/Cairo'] },
  tables: [order, { schema: 'public', relation: 'item' }],
};

const made = (): Recommendation => {
  const change = recommendedRewrite(advice, 'NOT IN is a sub-plan');
  return { ...recommendation, indexes: change === null ? [] : [change] };
};
const paint = paintFor({ color: false, columns: 120, zone: 'UTC', now: () => new Date('2026-11-21') });

describe('a text with an index', () => {
  const index = btree(order, ['at']);
  const sql = 'CREATE INDEX CONCURRENTLY "x" ON public."Order" (at);';
  const whole: RewriteAdvice = {
    ...advice,
    proof: { ...advice.proof, mayTie: true },
    parameterTypes: ['text', 'date'],
    indexes: [{ index, name: 'x', sql, undo: 'DROP INDEX x;', sizeBytes: 2_000_000, buildMs: 5 }],
    measured: { both: { ratio: 0.1, low: 0.09, high: 0.11 }, indexesAlone: { ratio: 1, low: 0.9, high: 1.1 }, textAlone: null },
    beside: { ratio: 0.5, low: 0.4, high: 0.6 },
    useless: [{ name: 'Order_day', isOnly: true }],
  };
  test('says what to make first, what each leaves by itself, and what it makes useless', () => {
    expect(sayRewrite(whole)).toEqual(
      expect.arrayContaining([
        'equal on the copy: 4 set(s) of values, 120 row(s), in the same order on the copy: rows that ORDER BY leaves equal may come in another one; also in the time zones Africa/Cairo',
        'equal for parameters of the types that PostgreSQL takes them for: $1 text, $2 date',
        "it needs 1 index(es), 2.0 MB, which is not Assay's to make: make them first, then change the text",
        'time left of before: text and indexes together 10.0 % (9.0–11.0), indexes alone 100.0 % (90.0–110.0)',
        'where the indexes are there that the same run recommends, it takes 50.0 % (40.0–60.0) of the time',
        'with this text the statement does not use Order_day any more, which the same run recommends; no other statement that was looked at uses it: take one of both',
      ]),
    );
  });
  test('has it in the file as a comment, and on the page', () => {
    const change = recommendedRewrite(whole, 'a whole table is read');
    const document: Recommendation = { ...recommendation, indexes: change === null ? [] : [change] };
    expect(recommendationSql(document)).toContain(`--   ${sql}`);
    const page = recommendationPage({ recommendation: document, digest: 'd'.repeat(64), history: [], plans: [], tried: [] } as unknown as Parameters<
      typeof recommendationPage
    >[0]);
    expect(page).toContain('Another text of one statement, together with one new index, brings');
    expect(page).toContain('Indexes, to be made first');
    expect(page).toContain('<dt>Size</dt><dd>2.0 MB<small>really, of its own indexes');
    expect(recommendationText(document, paint)).toMatch(/size +2 MB really/);
  });
});

test('what builds nothing has no size: neither a text, nor a setting, nor statistics; a removal frees', () => {
  const sizeOf = (indexes: Recommendation['indexes']) => /^.*size +(.*)$/m.exec(recommendationText({ ...recommendation, indexes }, paint))?.[1];
  const statistics: RecommendedIndex = {
    ...{ kind: 'create-statistics', index: null, table: order, name: 's', sql: 'CREATE STATISTICS s;', undo: 'DROP STATISTICS s;' },
    ...{ sizeBytes: 0, buildMs: 1, leaveOneOut: null },
  };
  const removal: RecommendedIndex = { ...(recommendation.indexes[0] as IndexChange), kind: 'drop-index', sizeBytes: 3_000_000 };
  expect(sizeOf(made().indexes)).toBe('none on disk: nothing is built');
  expect(sizeOf([statistics])).toBe('none to speak of: statistics are a row of the catalogue');
  expect(sizeOf([removal])).toBe('3 MB freed');
  expect(sizeOf([removal, recommendation.indexes[1] as IndexChange])).toBe('22 MB really, 3 MB freed');
  const rows = recommendationsText([made(), { ...recommendation, indexes: [statistics] }, { ...recommendation, indexes: [removal] }], paint);
  expect(rows.split('\n').flatMap((line) => / proposed +1 +(.*?) {2}/.exec(line)?.[1] ?? [])).toEqual(['-', '-', 'frees 3 MB']);
  const page = (indexes: Recommendation['indexes']) =>
    recommendationPage({ recommendation: { ...recommendation, indexes }, digest: 'd'.repeat(64), history: [], plans: [], tried: [] });
  expect(page([statistics])).toContain('<dt>Size</dt><dd>none<small>statistics are a row of the catalogue');
  expect(page([removal])).toContain('<dt>Size</dt><dd>3.0 MB<small>freed');
});

describe('another text', () => {
  test('is nothing that can be run: every line of its files is a comment', () => {
    for (const file of [recommendationSql(made()), undoSql(made())]) {
      expect(file.split(/\r\n|[\n\r\u2028\u2029]/).filter((line) => line !== '' && !line.startsWith('--'))).toEqual([]);
    }
    expect(recommendationSql(made())).toContain('--   drop table a; drop table b;');
  });
  test('says what it does, how it was proven, and on what that rests', () => {
    expect(sayRewrite(advice)).toEqual([
      'statement 77: change it in the application; Assay never does',
      ruleWords['not-in-to-not-exists'],
      'equal on the copy: 4 set(s) of values, 120 row(s), in the same order; also in the time zones Africa/Cairo',
      'only where $1 is day, as in every call that was seen',
      'it stays equal only while public.Order.id is NOT NULL',
    ]);
  });
  test('moves no terminal and no page', () => {
    const text = recommendationText(made(), paint);
    expect(text).not.toContain('\u001b[2J');
    expect(text).toContain('drop table a');
    const record = { recommendation: made(), digest: 'd'.repeat(64), history: [], plans: [], tried: [] };
    const page = recommendationPage(record as unknown as Parameters<typeof recommendationPage>[0]);
    expect(page).not.toContain('<script>alert');
    expect(page).toContain('&lt;script&gt;alert(1)');
    expect(page).toContain('Another text of one statement brings its executed time to');
    expect(page).toContain('somebody has to change the application');
  });
  test('takes no room, rests on all its tables, and is for people only', () => {
    const [change] = made().indexes;
    if (change === undefined) throw new TypeError('there is one');
    expect([newBytes([change]), tablesOfChange(change), isAdvised(kindOf(change))]).toEqual([0, advice.tables, true]);
  });
  test('of a statement that reads no table is none', () => expect(recommendedRewrite({ ...advice, tables: [] }, '')).toBeNull());
});

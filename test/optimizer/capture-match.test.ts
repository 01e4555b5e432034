/** Statements as they were sent, told apart into statement and values. */
import { beforeAll, expect, test } from 'vitest';
import { parserReady } from '../../activities/optimizer/bind/tree.ts';
import { matchedValues } from '../../activities/optimizer/capture/match.ts';
import type { SentStatement } from '../../activities/optimizer/workload/sent.ts';
import type { Statement } from '../../domain/optimizer/model.ts';

beforeAll(parserReady);

const statement = (id: string, text: string, database = 'shop'): Statement => ({
  ...{ id, database, text, kind: 'select', calls: 1, totalMs: 1, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 },
});
const sent = (text: string, over: Partial<SentStatement> = {}): SentStatement => ({
  ...{ text, ms: 1, values: null, database: 'shop', queryId: null },
  ...over,
});
const values = async (...args: Parameters<typeof matchedValues>) => (await matchedValues(...args)).map((each) => [each.statement, each.values.values]);

const known = [statement('1', 'select a from t where b = $1 and c > $2'), statement('2', 'SELECT "A" FROM t LIMIT $1')];

test('constants and parameters, whatever the spaces, comments and cases around them', async () => {
  const texts = [
    sent(`select a from t where b = 'x' and c > 7`),
    sent(`SELECT a\n  FROM T -- a comment\n WHERE b=$1 AND c > 7;`, { values: ['y'] }),
    sent(`select "A" from t limit 3`),
    sent(`select a from t limit 3`),
  ];
  expect(await values(texts, known, 'shop')).toEqual([
    ['2', ['3']],
    ['1', ['y', '7']],
    ['1', ['x', '7']],
  ]);
});

test('the queryid comes first; one of another statement, or with other parameters, matches nothing', async () => {
  const text = `select a from t where b = 'x' and c > 7`;
  expect(await values([sent(text, { queryId: '1' })], known, 'shop')).toEqual([['1', ['x', '7']]]);
  expect(await values([sent(text, { queryId: '99' })], known, 'shop')).toEqual([]);
  expect(await values([sent(text, { queryId: '2' })], known, 'shop')).toEqual([]);
  // parameters that nobody tells
  expect(await values([sent('select a from t where b = $1 and c > 7')], known, 'shop')).toEqual([]);
});

test('another database’s are left out; where the database is unknown, those that it may be', async () => {
  const text = `select a from t where b = 'x' and c > 7`;
  const elsewhere = [...known, statement('1', known[0]?.text as string, 'other')];
  expect(await values([sent(text, { database: 'other' })], known, 'shop')).toEqual([]);
  expect(await values([sent(text, { database: null })], known, 'shop')).toEqual([['1', ['x', '7']]]);
  expect(await values([sent(text, { database: null })], elsewhere, 'shop')).toEqual([]);
});

test('texts that cannot be taken apart harm nobody, and many of one form do not crowd out the others', async () => {
  const hostile = ['', 'select', `select 'open`, 'select 1; select 2', '\0', '$$', 'drop table t', '/* assay */ select 1'].map((text) => sent(text));
  const many = Array.from({ length: 9_000 }, (_, n) => sent(`select a from t where b = 'v${n}' and c > ${n}`));
  const found = await values([sent('select "A" from t limit 3'), ...many, ...hostile], known, 'shop');
  expect(found).toContainEqual(['2', ['3']]);
  expect(found.filter(([id]) => id === '1')).toHaveLength(20);
  // the newest
  expect(found).toContainEqual(['1', ['v8999', '8999']]);
});

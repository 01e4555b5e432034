/** Changes that are no new index: what is proposed, what undoes it, and who reads them. */
import { describe, expect, test } from 'vitest';
import { recommendedStatistics, statisticsName } from '../../domain/optimizer/extended-statistics.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { freedBytes, kindOf, newBytes, type RecommendedIndex, recommendationSql, tableOfChange, undoSql } from '../../domain/optimizer/recommendation.ts';
import { type KeptIndex, rebuildOf, removalOf } from '../../domain/optimizer/removals.ts';
import { recommendationPage } from '../../ops/optimizer-report/recommendation-page.ts';
import { run } from '../cli/terminal.ts';
import { recommendation } from './plan-examples.ts';

const table = { schema: 'public', relation: 'Order' };
const kept: KeptIndex = {
  index: { ...btree(table, ['state']), predicate: "note = 'x WHERE y'::text" },
  name: 'by "state"',
  definition: `CREATE INDEX "by ""state""" ON public."Order" USING btree (state) WHERE (note = 'x WHERE y'::text)`,
  where: "(note = 'x WHERE y'::text)",
  tablespace: 'fast disk',
  comment: "it's\nold",
  sizeBytes: 4_000_000,
  isPartitioned: false,
};
const because = 'no statement used it in 40 days';

const changes = (): RecommendedIndex[] => [
  ...recommendation.indexes.slice(0, 1),
  removalOf(kept, { because }) as RecommendedIndex,
  rebuildOf({ ...kept, name: 'fat' }, { because: 'three times as large as when it was new', freesBytes: 9_000 }) as RecommendedIndex,
  recommendedStatistics({ table, columns: ['city', 'zip'] }, { buildMs: 3, because: 'city and zip go together' }) as RecommendedIndex,
];
const all = () => ({ ...recommendation, indexes: changes() });
const code = (file: string) => file.split('\n').filter((line) => line !== '' && !line.startsWith('--'));

describe('a removal', () => {
  test('keeps the definition whole: tablespace before WHERE, comment on one line', () => {
    const { sql, undo } = removalOf(kept, { because }) as RecommendedIndex;
    expect(sql).toBe(`DROP INDEX CONCURRENTLY IF EXISTS "public"."by ""state""";`);
    expect(undo.split('\n')).toEqual([
      `CREATE INDEX CONCURRENTLY "by ""state""" ON public."Order" USING btree (state) TABLESPACE "fast disk" WHERE (note = 'x WHERE y'::text);`,
      `COMMENT ON INDEX "public"."by ""state""" IS E'it''s\\nold';`,
    ]);
  });
  test('of a unique index makes a unique one again', () => {
    const unique = { ...kept, definition: 'CREATE UNIQUE INDEX u ON public."Order" USING btree (id)', where: null, tablespace: null, comment: null };
    expect(removalOf(unique, { because })?.undo).toBe('CREATE UNIQUE INDEX CONCURRENTLY u ON public."Order" USING btree (id);');
  });
  test('of a partitioned index is not concurrent: PostgreSQL cannot', () => {
    const { sql, undo } = removalOf({ ...kept, isPartitioned: true }, { because }) as RecommendedIndex;
    expect(`${sql}${undo}`).not.toContain('CONCURRENTLY');
    expect(rebuildOf({ ...kept, isPartitioned: true }, { because })).toBeNull();
  });
  test('is not made where a line would not be a statement', () => {
    expect(removalOf({ ...kept, name: 'a\nb' }, { because })).toBeNull();
    expect(removalOf({ ...kept, definition: kept.definition.replace('x WHERE', 'x\nWHERE') }, { because })).toBeNull();
    expect(removalOf({ ...kept, definition: `${kept.definition}\n` }, { because })).toBeNull();
    expect(removalOf({ ...kept, where: '(another)' }, { because })).toBeNull();
    expect(recommendedStatistics({ table, columns: ['a', 'b\n'] }, { buildMs: 0, because })).toBeNull();
  });
});

describe('whoever reads a recommendation', () => {
  test('knows kinds, tables and sizes; without a kind it is a new index', () => {
    expect(changes().map(kindOf)).toEqual(['create-index', 'drop-index', 'reindex', 'create-statistics']);
    expect(changes().map(tableOfChange)).toEqual([table, table, table, table]);
    expect([newBytes(changes()), freedBytes(changes())]).toEqual([9_000_000, 4_009_000]);
    expect(Buffer.byteLength(statisticsName({ table: { schema: 's', relation: 'Ä'.repeat(31) }, columns: ['ö', 'x'] }))).toBeLessThanOrEqual(63);
  });
  test('the files: only what is new gets a comment, nothing that cannot be undone is undone', () => {
    const file = recommendationSql(all());
    expect(code(file).filter((line) => line.startsWith('COMMENT'))).toHaveLength(2);
    for (const said of ['-- why: no statement used it', 'frees 4000000 bytes', 'frees about 9000 bytes']) expect(file).toContain(said);
    const undo = undoSql(all());
    expect(code(undo)).toHaveLength(4);
    expect(undo).toContain('makes again what was dropped');
    expect(undo).toContain('-- fat: nothing to undo');
  });
  test('the page: a picture of what is new, a list of all', () => {
    const pageOf = (indexes: readonly RecommendedIndex[]) =>
      recommendationPage({ recommendation: { ...all(), indexes }, digest: '0', history: [], plans: [], tried: [] });
    const page = pageOf(changes());
    expect(pageOf(changes().slice(1, 3))).toContain('2 changes free <strong>4.0 MB</strong>; the executed time');
    expect(pageOf(changes().slice(3))).toContain('One change brings the executed time');
    for (const said of ['4 changes bring', 'DROP INDEX CONCURRENTLY', because, 'CREATE STATISTICS', '1 built; 4.0 MB freed']) expect(page).toContain(said);
  });
  test('the terminal', async () => {
    const { exit, out } = await run(['optimizer', 'show', 'rec-1'], { recommendation: async () => ({ recommendation: all(), digest: '0', history: [] }) });
    expect(exit).toBe(0);
    for (const said of ['DROP INDEX CONCURRENTLY', because, 'CREATE STATISTICS', 'freed']) expect(out).toContain(said);
  });
});

import { describe, expect, test } from 'vitest';
import { provenForLab } from '../../domain/backup/lab.ts';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import { besideFastest, bestFirst, chosen, repairable, workloadSummary } from '../../domain/optimizer/experiment.ts';
import { btree, columnKey } from '../../domain/optimizer/index-sql.ts';
import { limitsOf, limitsUnder } from '../../domain/optimizer/limits.ts';
import type { IndexDefinition, Statement } from '../../domain/optimizer/model.ts';
import {
  type Partitions,
  type Recommendation,
  type RecommendedIndex,
  recommendationSql,
  recommendedIndex,
  undoSql,
} from '../../domain/optimizer/recommendation.ts';
import type { ExperimentSummary } from '../../domain/optimizer/requests.ts';

const hostile = { schema: 'a.b"c', relation: 'x\n; drop table users; --' };

function recommendation(index: IndexDefinition, partitions: Partitions = null): Recommendation {
  return {
    ...{ id: 'r-1', run: 'o-1', cluster: 'shop', database: 'my\ndrop database shop;', createdAt: '2026-11-21T10:00:00.000Z', state: 'proposed', backup: 'B1' },
    experiment: { id: 'e-1', proofId: 'p-1', changes: [], statements: [], total: { ratio: 0.5, low: 0.4, high: 0.6 } },
    indexes: [recommendedIndex(index, { sizeBytes: 8192, buildMs: 12, leaveOneOut: 1.9 }, partitions)],
    decision: { verdict: 'accepted', because: [] },
    texts: {},
  };
}

/** Lines that are not comments: what a server would get. */
const code = (file: string) => file.split('\n').filter((line) => line !== '' && !line.startsWith('--'));

describe('the SQL file', () => {
  test('makes the indexes concurrently, carries the evidence, and its undo takes exactly them away', () => {
    const made = recommendation(btree({ schema: 'public', relation: 'order' }, ['customer_id', 'placed_at']));
    const name = made.indexes[0]?.name ?? '';
    const file = recommendationSql(made);
    expect(code(file)).toEqual([
      `CREATE INDEX CONCURRENTLY "${name}" ON "public"."order" USING btree ("customer_id", "placed_at");`,
      `COMMENT ON INDEX "public"."${name}" IS 'assay r-1';`,
    ]);
    for (const word of ['experiment e-1', 'proof p-1', 'backup B1', '50.0 % of before', '8192 bytes', '1.90 times']) expect(file).toContain(word);
    expect(code(undoSql(made))).toEqual([`DROP INDEX CONCURRENTLY IF EXISTS "public"."${name}";`]);
  });

  test('what makes others wait on a partitioned table is said beside it, in the change and in its undo', () => {
    const made = recommendation(btree({ schema: 'public', relation: 'o' }, ['a']), { parts: [{ schema: 'public', relation: 'o_1' }] });
    expect(undoSql(made)).toMatch(/^-- partitioned: this shuts the table .*lock_timeout.*\nDROP INDEX IF EXISTS/m);
    expect(undoSql(recommendation(btree({ schema: 'public', relation: 'o' }, ['a'])))).not.toContain('partitioned');
    const [change] = made.indexes;
    const removal = { ...change, kind: 'drop-index', sql: change?.undo, undo: 'CREATE INDEX a_idx ON public.o USING btree (a);' } as RecommendedIndex;
    expect(recommendationSql({ ...made, indexes: [removal] })).toMatch(/^-- partitioned: this shuts .*\nDROP INDEX IF EXISTS/m);
    expect(undoSql({ ...made, indexes: [removal] })).toMatch(/^-- partitioned: this makes all who write .*\nCREATE INDEX a_idx/m);
  });

  test('a name with a line break never leaves its comment', () => {
    const file = recommendationSql(recommendation(btree(hostile, ['y\n; drop table users'])));
    const outside = file
      .replaceAll(/"(?:[^"]|"")*"/g, '""')
      .split('\n')
      .filter((line) => !line.startsWith('--'));
    expect(outside.join('\n')).not.toContain('drop');
  });

  test('names of 63 bytes at most, whatever the columns are called', () => {
    const [index] = recommendation(btree({ schema: 's', relation: 'Ä'.repeat(31) }, ['ö'.repeat(31), columnKey('x').column ?? ''])).indexes;
    expect(Buffer.byteLength(index?.name ?? '')).toBeLessThanOrEqual(63);
  });
});

describe('of measured sets', () => {
  const set = (ratio: number, sizeBytes: number, verdict: 'accepted' | 'rejected' = 'accepted'): ExperimentSummary => ({
    ...{ id: 'e', indexes: 1, sizeBytes, faster: 1, slower: 0 },
    total: { ratio, low: ratio - 0.02, high: ratio + 0.02 },
    decision: { verdict, because: [] },
  });

  test('the smaller comes first where both are as fast', () => expect(bestFirst([set(0.5, 1000), set(0.51, 100)])).toEqual([1, 0]));
  test.each([
    ['a slow statement that neither serves does not hide that one leaves another as slow as it was', 30, [1, 0]],
    ['one that is a hair behind and smaller is as good', 1.05, [0, 1]],
  ])('%s', (_, servedMs, order) => {
    const noisy = [100, 160, 80, 130, 90];
    const times = (statement: string, afterMs: readonly number[]) => ({
      ...{ statement, calls: 10 },
      bindings: [{ source: 'captured' as const, pairs: afterMs.map((ms) => ({ beforeMs: 300, afterMs: ms })) }],
    });
    const [small, large] = [servedMs, 1].map((ms) => [times('served by one', [ms, ms, ms, ms, ms]), times('by neither', noisy)]);
    const wide = (ratio: number, sizeBytes: number) => {
      const one = set(ratio, sizeBytes);
      return { ...one, total: { ...one.total, high: 1 } };
    };
    const sets = besideFastest([
      { summary: wide(0.4, 100), statements: small ?? [] },
      { summary: wide(0.3, 1000), statements: large ?? [] },
    ]);
    expect(bestFirst(sets)).toEqual(order);
  });
  test('one under which a statement ran into its limit is not called as fast for what is left', () => {
    const times = (statement: string) => ({ statement, calls: 1, bindings: [{ source: 'captured' as const, pairs: [{ beforeMs: 9, afterMs: 1 }] }] });
    const [fast, cut] = besideFastest([
      { summary: set(0.01, 1000), statements: [times('a'), times('b')] },
      { summary: set(0.5, 100), statements: [times('a')] },
    ]);
    expect(cut?.behindFastest).toBeUndefined();
    expect(bestFirst([fast, cut].flatMap((each) => each ?? []))).toEqual([0, 1]);
  });
  test('the faster comes first where it is beyond noise', () => expect(bestFirst([set(0.6, 100), set(0.5, 1000)])).toEqual([1, 0]));
  test('one that was rejected is none', () => expect(bestFirst([set(0.2, 1, 'rejected'), set(0.9, 1)])).toEqual([1]));
  test('one that only slows a statement may be repaired: at most two, best first, none without a gain or of one index', () => {
    const slowing = (ratio: number, more: object = {}) => ({ ...set(ratio, 1, 'rejected'), slower: 1, indexes: 3, ...more });
    expect(repairable([slowing(0.6), slowing(0.4), slowing(0.5), set(0.1, 1), slowing(0.2, { slower: 0 }), slowing(0.3, { indexes: 1 })])).toEqual([1, 2]);
    expect(repairable([slowing(0.99, { total: { ratio: 0.99, low: 0.9, high: 1.1 } })])).toEqual([]);
  });
});

test('a workload is cut by time and by database, and says what it left out', () => {
  const statement = (id: string, totalMs: number, database = 'shop'): Statement => ({
    ...{ id, database, totalMs, text: '', kind: 'select', calls: 2, rows: 0, blocks: 0, tempBlocks: 0, walBytes: 0 },
  });
  const workload = { statements: [statement('a', 1), statement('b', 9), statement('c', 5), statement('d', 99, 'other')], notJudged: [], notices: [] };
  const own = chosen(workload, { database: 'shop', maxStatements: 2 });
  expect(own.statements.map(({ id }) => id)).toEqual(['b', 'c']);
  expect(workloadSummary(own)).toEqual({ statements: 2, calls: 4, totalMs: 14, notJudged: { budget: 1, 'other-database': 1 }, notices: [] });
});

test('what takes most of the blocks, the temporary files or the WAL has a place beside what takes the time', () => {
  const statement = (id: string, totalMs: number, over: Partial<Statement> = {}): Statement => ({
    ...{ id, database: 'shop', totalMs, text: '', kind: 'select', calls: 2, rows: 0, blocks: 0, tempBlocks: 0, walBytes: 0 },
    ...over,
  });
  const slow = Array.from({ length: 8 }, (_, n) => statement(`slow-${n}`, 100 - n));
  const heavy = [statement('io', 1, { blocks: 9 }), statement('temp', 2, { tempBlocks: 9 }), statement('wal', 3, { walBytes: 9 }), statement('idle', 4)];
  const ids = (maxStatements: number) =>
    chosen({ statements: [...heavy, ...slow], notJudged: [], notices: [] }, { database: 'shop', maxStatements }).statements.map(({ id }) => id);
  expect(ids(6)).toEqual(['slow-0', 'slow-1', 'slow-2', 'wal', 'temp', 'io']);
  expect(ids(8)).toEqual(['slow-0', 'slow-1', 'slow-2', 'slow-3', 'slow-4', 'wal', 'temp', 'io']);
  expect(ids(1)).toEqual(['slow-0']);
  expect(ids(100)).toHaveLength(12);
});

describe('limits', () => {
  test('what is not given is the default', () => expect(limitsOf({ repeats: 7 })).toMatchObject({ repeats: 7, maxStatements: 100 }));
  test('a caller comes before the policy, but for the tables it protects', () => {
    const policy = limitsOf({ budgetBytes: 5, repeats: 9, protectedTables: ['public.ledger'] });
    expect(limitsUnder(policy, { repeats: 7, protectedTables: ['public.audit'] })).toEqual({
      ...policy,
      repeats: 7,
      protectedTables: ['public.ledger', 'public.audit'],
    });
    expect(limitsUnder(undefined, {})).toEqual(limitsOf());
  });
  test('what cannot be is refused by name', () => expect(() => limitsOf({ repeats: 1, budgetBytes: -1 })).toThrow(/budgetBytes.*repeats|repeats.*budgetBytes/));
});

describe('a lab is made', () => {
  const now = '2026-11-21T12:00:00.000Z';
  const proof = (backup: string, finishedAt: string, verdict: ProofSummary['verdict'] = 'proven') =>
    ({ id: `p-${backup}`, backup, finishedAt, verdict }) as ProofSummary;
  const choose = (proofs: readonly ProofSummary[], labels: readonly string[], maxProofAgeMs = 3_600_000) =>
    provenForLab({ cluster: 'shop', proofs, labels, maxProofAgeMs, now });

  test('of the newest proven backup, never of a newer one whose proof failed', () => {
    const proofs = [proof('A', '2026-11-21T11:10:00Z'), proof('B', '2026-11-21T11:20:00Z'), proof('C', '2026-11-21T11:30:00Z', 'inconclusive')];
    expect(choose(proofs, ['A', 'B', 'C']).backup).toBe('B');
  });
  test('of one that is still in the repository', () => {
    expect(choose([proof('A', '2026-11-21T11:10:00Z'), proof('B', '2026-11-21T11:20:00Z')], ['A']).backup).toBe('A');
    expect(() => choose([proof('B', '2026-11-21T11:20:00Z')], ['A'])).toThrow(/no longer in the repository/);
  });
  test('of none whose proof is too old', () => {
    expect(() => choose([proof('A', '2026-11-21T09:00:00Z')], ['A'])).toThrow(/3 h old, 1 h are allowed/);
  });
});

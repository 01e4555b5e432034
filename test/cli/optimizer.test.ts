/** Runs and recommendations of the optimizer as people read them, and what the command makes of its options. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { RecommendationRecord } from '../../domain/optimizer/decision.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import type { StatementVerdict } from '../../domain/optimizer/model.ts';
import { type Recommendation, type RecommendedIndex, recommendationSql, recommendedIndex } from '../../domain/optimizer/recommendation.ts';
import type { OptimizerRunResult } from '../../domain/optimizer/requests.ts';
import { withFiles } from '../../ops/cli/optimizer-commands.ts';
import { paintFor } from '../../ops/cli/paint.ts';
import type { Session } from '../../ops/cli/session.ts';
import { optimizerRunText } from '../../ops/cli/show-optimizer.ts';
import { run } from './terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'optimizer-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const total = { ratio: 0.312, low: 0.298, high: 0.33 };
const recommendation: Recommendation = {
  ...{ id: 'r-1', run: 'o-1', cluster: 'shop', database: 'app', createdAt: '2026-11-21T10:00:00.000Z', state: 'proposed', backup: 'B1' },
  experiment: {
    ...{ id: 'e-1', proofId: 'p-1', changes: [], total },
    statements: [{ statement: '77', ...total, judged: 'faster', bindingSource: 'synthetic' }],
  },
  indexes: [recommendedIndex(btree({ schema: 'public', relation: 'Order' }, ['customer_id']), { sizeBytes: 3_000_000, buildMs: 240, leaveOneOut: 3.2 })],
  decision: { verdict: 'accepted', because: ['executed total 0.312'] },
  texts: { '77': 'select *\nfrom "Order" where customer_id = $1 \u001b[31m' },
};

const record: RecommendationRecord = { recommendation, digest: 'd'.repeat(64), history: [] };

test('a recommendation says what, why, and which statements; nothing in a text steers the terminal', async () => {
  const { out, exit } = await run('optimizer show r-1', { recommendation: async () => record });
  expect(exit).toBe(0);
  for (const part of [
    'shop/app',
    '31.2 % (29.8–33.0)',
    'CREATE INDEX CONCURRENTLY',
    '3 MB',
    'built in 240 ms',
    'without it 3.20 × the time',
    'faster',
    'synthetic',
  ])
    expect(out).toContain(part);
  expect(out).toContain('select * from "Order" where customer_id');
  expect(out).not.toContain('\u001b');
});

test('what rests on values that nobody sent says so, with the way out; what was really sent, or moves nothing, does not', async () => {
  const advice = 'capture: { values: true }';
  const measuredWith = (...sources: readonly StatementVerdict['bindingSource'][]) => ({
    ...recommendation,
    experiment: {
      ...recommendation.experiment,
      statements: [
        ...sources.map((bindingSource, at): StatementVerdict => ({ statement: String(at), ...total, judged: 'faster', bindingSource })),
        { statement: 'untouched', ratio: 1, low: 1, high: 1, judged: 'same', bindingSource: 'synthetic' } as const,
      ],
    },
  });
  const shown = async (made: Recommendation) => (await run('optimizer show r-1', { recommendation: async () => ({ ...record, recommendation: made }) })).out;
  expect(await shown(measuredWith('synthetic'))).toContain('the statement that it moves ran with values made up from statistics');
  expect(await shown(measuredWith('synthetic', 'generic'))).toContain('all 2 statements that it moves ran with values made up');
  expect(await shown(measuredWith('synthetic', 'captured'))).toContain('1 of 2 statements that it moves ran with values made up');
  expect(await shown(measuredWith('captured'))).not.toContain(advice);
  const listed = await run('optimizer recommendations', { recommendations: async () => [measuredWith('synthetic'), measuredWith('captured')] });
  expect(listed.out.match(/33\.0\)( ~)?/g)).toEqual(['33.0) ~', '33.0)']);
  expect(listed.out).toContain(advice);
  const sent = await run('optimizer recommendations', { recommendations: async () => [measuredWith('captured', 'synthetic')] });
  expect(sent.out).not.toContain('~');
  expect(recommendationSql(measuredWith('synthetic'))).toContain(`-- the statement that it moves ran with values made up`);
});

test('where values that were really sent were looked for, nobody is told to have them looked for', async () => {
  const capturing = { ...recommendation, capturesValues: true };
  const texts = [
    (await run('optimizer show r-1', { recommendation: async () => ({ ...record, recommendation: capturing }) })).out,
    (await run('optimizer recommendations', { recommendations: async () => [capturing] })).out,
    recommendationSql(capturing),
  ];
  for (const text of texts) {
    expect(text).toContain('met none of theirs in log and sessions');
    expect(text).not.toContain('capture: {');
  }
  const both = (await run('optimizer recommendations', { recommendations: async () => [capturing, recommendation] })).out;
  for (const said of ['met none of theirs', 'capture: {']) expect(both).toContain(said);
});

test('--out writes the change and its undo', async () => {
  const done = await run(['optimizer', 'show', 'r-1', '--out', join(folder, 'a', 'b'), '--json'], { recommendation: async () => record });
  const { files, sql, undo } = done.json() as { files: string[]; sql: string; undo: string };
  expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual([sql, undo]);
});

test('--out of a run writes all kinds that it recommends, each with its undo; of one that nobody waited for nothing', async () => {
  const [out, asked] = [join(folder, 'kinds'), [] as string[]];
  const handlers = {
    recommendation: async ({ id }: { id: string }) => {
      asked.push(id);
      return { ...record, recommendation: { ...recommendation, id } };
    },
  } as unknown as Session['handlers']; // what is used of it
  const session = { handlers, options: {} as Session['options'] };
  const own = (id: string | null) => ({ recommendation: id, because: [] });
  const data = {
    workload: {},
    ...own(null),
    hygiene: own('h'),
    statistics: own(null),
    settings: own('s'),
    rewrites: { tried: 2, recommendations: ['w1', 'w2'], because: [] },
  };
  const done = await withFiles(session, { exit: 0, data, text: () => '' }, out);
  expect(asked).toEqual(['h', 's', 'w1', 'w2']);
  expect(readdirSync(out).toSorted()).toEqual(asked.flatMap((id) => [`assay-${id}.sql`, `assay-${id}.undo.sql`]).toSorted());
  expect(done.data).toMatchObject({ files: asked.flatMap((id) => [join(out, `assay-${id}.sql`), join(out, `assay-${id}.undo.sql`)]) });
  const detached = { exit: 0, data: { workflowId: 'optimizer/shop/run/1' }, text: () => '' } as const;
  expect(await withFiles(session, detached, out)).toBe(detached);
});

test('a folder that cannot be written is said', async () => {
  writeFileSync(join(folder, 'file'), '');
  const done = await run(['optimizer', 'show', 'r-1', '--out', join(folder, 'file', 'x')], { recommendation: async () => record });
  expect(done).toMatchObject({ exit: 2, err: expect.stringContaining('cannot write to') });
});

test('the list asks for one cluster, or for all', async () => {
  const asked: (string | undefined)[] = [];
  const recommendations = async ({ cluster }: { cluster?: string }) => {
    asked.push(cluster);
    return cluster === undefined ? [recommendation] : [];
  };
  expect((await run('optimizer recommendations', { recommendations })).out).toMatch(/r-1 +shop\/app +proposed +1 +3 MB/);
  expect((await run('optimizer recommendations billing', { recommendations })).out).toContain('no recommendation was made yet');
  expect(asked).toEqual([undefined, 'billing']);
});

test('what a removal frees is no size of zero, and what is a thousand times as fast takes some time', async () => {
  const [index] = recommendation.indexes as [RecommendedIndex];
  const removal: Recommendation = { ...recommendation, indexes: [{ ...index, kind: 'drop-index' } as RecommendedIndex] };
  const fast: Recommendation = { ...recommendation, experiment: { ...recommendation.experiment, total: { ratio: 0.0003, low: 0.0002, high: 0.02 } } };
  const { out } = await run('optimizer recommendations', { recommendations: async () => [removal, fast] });
  expect(out).toContain('frees 3 MB');
  expect(out).toContain('<0.1 % (<0.1–2.0)');
});

test('sizes and times that are none are refused before anything is asked', async () => {
  for (const option of ['--budget lots', '--budget 5', '--window soon', '--window 10m --workload x.sql']) {
    expect(await run(`optimizer run shop ${option}`), option).toMatchObject({ exit: 2 });
  }
  expect(existsSync(join(folder, 'x'))).toBe(false);
});

test('a run that found nothing says why, and what got no verdict', () => {
  const result: OptimizerRunResult = {
    ...{ run: 'o-1', cluster: 'shop', database: 'app', proof: 'p-1', backup: 'B1', recommendation: null },
    workload: { statements: 12, calls: 480, totalMs: 65_000, notJudged: { utility: 3, 'other-database': 9 }, notices: ['counters were reset'] },
    search: { bound: 11, notBound: 1, sets: 1, explains: 900 },
    experiments: [
      {
        id: 'e-1',
        indexes: 2,
        sizeBytes: 9_000_000,
        total,
        faster: 1,
        slower: 1,
        decision: { verdict: 'rejected', because: ['1 statement(s) become slower than 1.1×: -3109132986243560228'] },
      },
    ],
    because: ['1 statement(s) become slower'],
  };
  const vetoed = {
    ...result.experiments[0],
    decision: { verdict: 'rejected', because: ['slower with made-up values'] },
  } as (typeof result.experiments)[number];
  const textWith = (capturesValues: boolean) =>
    optimizerRunText(
      { ...result, workload: { ...result.workload, capturesValues }, experiments: [vetoed] },
      paintFor({ color: false, columns: 100, zone: 'UTC', now: () => new Date() }),
    );
  expect([textWith(false).includes('capture: {'), textWith(true).includes('capture: {')]).toEqual([true, false]);
  const text = optimizerRunText(result, paintFor({ color: false, columns: 100, zone: 'UTC', now: () => new Date() }));
  for (const part of [
    '3 utility, 9 other-database, 1 without a plan',
    'counters were reset',
    'rejected',
    'Nothing to recommend',
    '1 statement(s) become slower',
    '1 min 5 s',
    'e-1: 1 statement(s) become slower than 1.1×: -3109132986243560228',
    'assay optimizer queries shop --statement -3109132986243560228',
  ])
    expect(text).toContain(part);
});

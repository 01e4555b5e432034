/** What the counters of an index tell from look to look, what is decided on them, and how it reads. */
import { describe, expect, test } from 'vitest';
import { type HygieneContext, type HygieneFinding, type HygieneIndex, hygieneOf, indexKey } from '../../domain/optimizer/hygiene.ts';
import { withRefusals } from '../../domain/optimizer/hygiene-refused.ts';
import { collector, type HygieneReport, summaryOfHygiene } from '../../domain/optimizer/hygiene-report.ts';
import { decideHygiene } from '../../domain/optimizer/hygiene-verdict.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { unusedSince, useNow, WATCH_MS } from '../../domain/optimizer/index-use.ts';
import type { StatementVerdict } from '../../domain/optimizer/model.ts';
import { removalOf } from '../../domain/optimizer/removals.ts';
import { run } from '../cli/terminal.ts';

const day = (number: number) => new Date(Date.UTC(2026, 0, number)).toISOString();
const look = (scans: number, more: object = {}) => ({ digest: 'd', scans, lastScanAt: null, ...more });

describe('an index from look to look', () => {
  const first = useNow(null, look(0), day(1));
  test('never read: unused since it was first seen', () => expect(unusedSince(useNow(first, look(0), day(9)), null)).toBe(day(1)));
  test('read before it was seen: unused since then at the earliest', () => expect(unusedSince(useNow(null, look(7), day(3)), null)).toBe(day(3)));
  test('read in between: unused since that look', () => {
    const read = useNow(first, look(1), day(5));
    expect(unusedSince(useNow(read, look(1), day(8)), null)).toBe(day(5));
  });
  test('fewer reads than before: the counters began anew', () =>
    expect(unusedSince(useNow(useNow(null, look(9), day(1)), look(0), day(6)), null)).toBe(day(6)));
  test('a reset hides what was before it', () => expect(unusedSince(first, day(4))).toBe(day(4)));
  test('another definition is another index', () => expect(useNow(first, look(0, { digest: 'e' }), day(7)).firstSeenAt).toBe(day(7)));
  test('PostgreSQL 16 tells the moment', () => expect(unusedSince(useNow(first, look(3, { lastScanAt: day(2) }), day(9)), null)).toBe(day(2)));
});

const table = { schema: 'public', relation: 't' };
const index = (name: string, columns: readonly string[], more: Partial<HygieneIndex> = {}): HygieneIndex => ({
  ...{ index: btree(table, columns), name, definition: `CREATE INDEX ${name} ON public.t USING btree (${columns.join(', ')})`, where: null },
  ...{ tablespace: null, comment: null, sizeBytes: 100_000_000, isPartitioned: false, isValid: true, isBuilding: false, isPart: false, isImmediate: true },
  ...{ nullsNotDistinct: false, holds: [], isExclusion: false, foreignKeys: [], scans: 5, lastScanAt: null, expectedBytes: null, ...more },
});
const context = (more: Partial<HygieneContext> = {}): HygieneContext => ({
  ...{ now: day(40), windowMs: WATCH_MS, countersSince: null, uses: new Map(), standbys: 0, protectedTables: [], ...more },
});
describe('a removal that was refused', () => {
  const [wide, narrow] = [index('wide', ['a', 'b']), index('narrow', ['a'])];
  const [finding] = hygieneOf([wide, narrow], context());
  if (finding === undefined) throw new TypeError('one begins as the other');
  const change = removalOf(finding.index, { because: finding.because, ...(finding.rests === undefined ? {} : { rests: finding.rests }) });
  const event = { state: 'refused', at: day(39), by: 'ann', because: ['not before the sale'] } as const;
  const ended = [{ recommendation: { id: 'r-1', indexes: change === null ? [] : [change] }, event }];
  const report = (found: HygieneFinding): HygieneReport => ({
    ...{ at: day(40), tables: 1, indexes: 2, indexBytes: 1, found: {}, notices: [] },
    findings: [found],
  });
  const standing = (found: HygieneFinding) => withRefusals(report(found), ended).findings[0];
  test('says by whom, when and why, and is not proposed', () => {
    expect(standing(finding)).toMatchObject({ change: null, refused: true });
    expect(standing(finding)?.kept).toBe(
      'refused by ann on 2026-02-08: not before the sale (recommendation r-1); it comes back when what speaks for it changes',
    );
    expect(summaryOfHygiene(withRefusals(report(finding), ended))).toMatchObject({
      proposed: 0,
      because: [expect.stringMatching(/^1 that should go .* were refused/)],
    });
    expect(standing(standing(finding) as HygieneFinding)).toEqual(standing(finding));
  });
  test('comes back where it is another index by that name, serves by another one, or has grown by half', () => {
    const grown = { ...finding, freesBytes: 160_000_000 };
    const another = { ...finding, index: { ...finding.index, definition: `${finding.index.definition} WHERE a > 1`, where: 'a > 1' } };
    const byAnother = { ...finding, rests: { on: 'other', scans: 0 } };
    for (const found of [grown, another, byAnother]) expect(standing(found)).toEqual(found);
    expect(standing({ ...finding, freesBytes: 140_000_000 })?.refused).toBe(true);
  });
  test('by the guard says so', () => {
    const back = [{ ...ended[0], event: { ...event, state: 'rolled-back', by: null, because: ['s-1 became slower'] } as const }] as Parameters<
      typeof withRefusals
    >[1];
    expect(withRefusals(report(finding), back).findings[0]?.kept).toMatch(/^taken back by the guard on 2026-02-08: s-1 became slower/);
  });
  test('is listed as refused', async () => {
    const stored = { cluster: 'main', database: 'shop', run: 'o-1', report: withRefusals(report(finding), ended) };
    const { out } = await run('optimizer hygiene main', { hygiene: async () => stored });
    expect(out).toMatch(/refused +public\.t +narrow .*refused by ann on 2026-02-08/);
    expect(out).not.toMatch(/\bdrop\b/);
  });
});

const kinds = (indexes: readonly HygieneIndex[], more: Partial<HygieneContext> = {}) =>
  hygieneOf(indexes, context(more)).map(({ index: { name }, kind, change, kept }) => [name, kind, change, kept]);

describe('of a table', () => {
  test('the busier of two equal ones stays, whatever their order', () => {
    expect(kinds([index('busy', ['a'], { scans: 9 }), index('idle', ['a'])])).toEqual([['idle', 'duplicate', 'drop-index', null]]);
    expect(kinds([index('idle', ['a']), index('busy', ['a'], { scans: 9 })])).toEqual([['idle', 'duplicate', 'drop-index', null]]);
  });
  test('what a constraint stands on stays, however idle', () =>
    expect(kinds([index('key', ['a'], { scans: 0, holds: ['constraint key'] }), index('busy', ['a'])])).toEqual([['busy', 'duplicate', 'drop-index', null]]));
  test('of a chain of prefixes the longest stays', () =>
    expect(kinds([index('a', ['a']), index('ab', ['a', 'b']), index('abc', ['a', 'b', 'c'])]).map(([name]) => name)).toEqual(['a', 'ab']));
  test('what an index without use begins with is no reason to go, once that one goes', () => {
    const uses = new Map([[indexKey('public', 'ab'), { digest: '', firstSeenAt: day(1), usedAt: null, scans: 0 }]]);
    expect(kinds([index('a', ['a']), index('ab', ['a', 'b'], { scans: 0 })], { uses })).toEqual([['ab', 'unused', 'drop-index', null]]);
  });
  test('an invalid one is no twin; one that is being built is left alone', () => {
    expect(kinds([index('a', ['a']), index('broken', ['a'], { isValid: false })])).toEqual([['broken', 'invalid', 'drop-index', null]]);
    expect(kinds([index('b', ['b'], { isValid: false, isBuilding: true })])).toEqual([['b', 'invalid', null, 'it is being built at this moment']]);
    expect(kinds([index('b', ['b'], { isValid: false, holds: ['constraint b'] })])).toEqual([['b', 'invalid', 'reindex', null]]);
  });
  test('bloat is told from twice its size on, and never of what PostgreSQL cannot build anew beside it', () => {
    const fat = { sizeBytes: 100_000_000, expectedBytes: 40_000_000 };
    expect(kinds([index('fat', ['a'], fat)])).toEqual([['fat', 'bloated', 'reindex', null]]);
    expect(kinds([index('full', ['a'], { ...fat, expectedBytes: 60_000_000 })])).toEqual([]);
    expect(kinds([index('small', ['a'], { sizeBytes: 9_000_000, expectedBytes: 2_000_000 })])).toEqual([]);
    expect(kinds([index('x', ['a'], { ...fat, isExclusion: true, holds: ['constraint x'] })])).toEqual([['x', 'bloated', null, expect.any(String)]]);
  });
});

test('a partitioned index is made again with its parts', () => {
  const kept = { ...index('p', ['a']), definition: 'CREATE INDEX p ON ONLY public.t USING btree (a)', isPartitioned: true };
  expect(removalOf(kept, { because: '' })?.undo).toBe('CREATE INDEX p ON public.t USING btree (a);');
});

describe('a decision', () => {
  const same: StatementVerdict = { statement: 's', ratio: 1, low: 0.9, high: 1.1, judged: 'same', bindingSource: 'synthetic' };
  const measured = { dropped: 1, rebuilt: 0, freesBytes: 5, statements: [same], total: { ratio: 1, low: 0.9, high: 1.1 }, executed: 4 };
  test('for what slows nothing', () => expect(decideHygiene(measured).verdict).toBe('accepted'));
  test('against what slows a statement, or all of them together, or what is nothing', () => {
    expect(decideHygiene({ ...measured, statements: [{ ...same, judged: 'slower' }] }).verdict).toBe('rejected');
    expect(decideHygiene({ ...measured, total: { ratio: 1.2, low: 1.1, high: 1.3 } }).verdict).toBe('rejected');
    expect(decideHygiene({ ...measured, dropped: 0 }).verdict).toBe('rejected');
  });
});

test('thousands of findings: the heaviest are listed, all are counted', () => {
  const all = collector();
  for (let n = 0; n < 3_000; n += 1)
    all.add({ indexes: 2, bytes: 2 }, hygieneOf([index('a', ['a'], { sizeBytes: n }), index(`b${n}`, ['a'], { sizeBytes: n, scans: 1 })], context()));
  const report = all.report(day(1), []);
  expect([report.findings.length, report.found, report.indexes, report.tables]).toEqual([500, { duplicate: 3_000 }, 6_000, 3_000]);
  expect(Math.min(...report.findings.map(({ freesBytes }) => freesBytes))).toBe(2_500);
});

test('the terminal shows what goes, what stays, and why', async () => {
  const all = collector();
  all.add({ indexes: 2, bytes: 1 }, hygieneOf([index('a', ['a']), index('b\u001b[2J', ['a'], { scans: 1 })], context({ protectedTables: [] })));
  all.add({ indexes: 1, bytes: 1 }, hygieneOf([index('c', ['a']), index('d', ['a'], { scans: 1 })], context({ protectedTables: ['public.t'] })));
  const report = all.report(day(1), ['a standby reads too']);
  const { exit, out } = await run(['optimizer', 'hygiene', 'shop'], { hygiene: async () => ({ cluster: 'shop', database: 'shop', run: 'r', report }) });
  expect(exit).toBe(0);
  for (const said of ['drop', 'keep', 'is the same', 'the policy protects its table', 'a standby reads too', '2 duplicate']) expect(out).toContain(said);
  expect(out).not.toContain('\u001b[2J');
  expect(summaryOfHygiene(report)).toMatchObject({ proposed: 1, recommendation: null });
});

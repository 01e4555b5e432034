/** Which of several ways to make one statement faster is preferred, and what is said of each. */
import { describe, expect, test } from 'vitest';
import { wayRows } from '../../domain/optimizer/alternative-words.ts';
import { alternativesOf, alternativesTo, compareWays, type RunFound, type Way } from '../../domain/optimizer/alternatives.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import type { StatementVerdict } from '../../domain/optimizer/model.ts';
import { type Recommendation, recommendedIndex } from '../../domain/optimizer/recommendation.ts';
import { recommendedSetting, type SettingAdvice, type TriedSettings } from '../../domain/optimizer/setting.ts';
import { recommendationPage } from '../../ops/optimizer-report/recommendation-page.ts';
import { run } from '../cli/terminal.ts';
import { recommendation } from './plan-examples.ts';

const MB = 1_000_000;
const left = (ratio: number) => ({ ratio, low: ratio * 0.95, high: ratio * 1.05 });
const index = (ratio: number, sizeBytes: number, slowest: number | null = null): Way => ({
  ...{ kind: 'indexes', recommendation: 'r-index', what: ['CREATE INDEX'], left: left(ratio), sizeBytes, memoryBytes: 0, writes: { statements: 2, slowest } },
});
const free = (ratio: number): Way => ({ ...index(ratio, 0), kind: 'rewrite', recommendation: 'r-text', writes: { statements: 0, slowest: null } });
const setting = (ratio: number, memoryBytes: number): Way => ({ ...free(ratio), kind: 'settings', recommendation: null, memoryBytes });
const preferredOf = (...ways: Way[]) => {
  const compared = compareWays('s', ways);
  return compared === null ? null : compared.ways[compared.preferred]?.kind;
};

describe('of several ways', () => {
  test('the one that leaves least is preferred', () => {
    expect(preferredOf(free(0.5), index(0.1, 50 * MB))).toBe('indexes');
    expect(preferredOf(index(0.5, 50 * MB), setting(0.3, 64 * MB))).toBe('settings');
  });
  test('but one that saves nine tenths of that for a tenth of the cost comes first', () => {
    // saves 0.9; nine tenths of that leave 0.19
    expect(preferredOf(index(0.1, 50 * MB), free(0.19))).toBe('rewrite');
    expect(preferredOf(index(0.1, 50 * MB), free(0.2))).toBe('indexes');
    expect(preferredOf(index(0.1, 50 * MB), { ...index(0.15, 5 * MB), kind: 'statistics' })).toBe('statistics');
    expect(preferredOf(index(0.1, 50 * MB), { ...index(0.15, 6 * MB), kind: 'statistics' })).toBe('indexes');
  });
  test('memory is ten times as dear as room, and what costs next to nothing needs no cheaper one', () => {
    expect(preferredOf(index(0.1, 1_000 * MB), setting(0.11, 10 * MB))).toBe('settings');
    expect(preferredOf(index(0.1, 1_000 * MB), setting(0.11, 11 * MB))).toBe('indexes');
    expect(preferredOf(index(0.1, MB - 1), free(0.11))).toBe('indexes');
    expect(preferredOf(index(0.1, MB), free(0.11))).toBe('rewrite');
  });
  test('of two cheap ones the cheapest; one that slows writes never takes the place of the fastest', () => {
    expect(preferredOf(index(0.1, 100 * MB), setting(0.11, MB), free(0.12))).toBe('rewrite');
    expect(preferredOf(index(0.1, 100 * MB), { ...index(0.12, MB, 1.3), kind: 'statistics' })).toBe('indexes');
  });
  test('one alone is no choice', () => expect(preferredOf(index(0.1, MB))).toBeNull());
});

const table = { schema: 'public', relation: 'visit' };
const verdict = (statement: string, ratio: number, judged: StatementVerdict['judged'] = 'faster'): StatementVerdict => ({
  ...{ statement, ...left(ratio), judged, bindingSource: 'captured' },
});
const advice: SettingAdvice = {
  ...{
    name: 'work_mem',
    value: '64MB',
    was: '4MB',
    statement: 'q1',
    roles: [{ role: 'app', others: 3, share: 0.5, trade: { looked: 3, faster: 1, slower: 0 } }],
    connections: 100,
  },
  memory: { nodes: 2, hashMultiplier: 2, processes: 3, executionBytes: 600 * MB },
};
const settingChange = recommendedSetting(advice, { table, because: '30.0 MB of rows went to disk' });
const tried = (some: Partial<TriedSettings>): TriedSettings => ({
  ...{ statement: 'q1', settings: [advice], because: [], alone: left(0.4), beside: left(0.99), refused: 'it adds nothing' },
  ...some,
});

function runFound(settings: readonly TriedSettings[] = [tried({})]): RunFound {
  const made = (id: string, part: Partial<Recommendation>): Recommendation => ({ ...recommendation, id, run: 'o', ...part });
  const experiment = { ...recommendation.experiment, statements: [verdict('q1', 0.2), verdict('q2', 0.5), verdict('w', 1.2, 'slower')] };
  const texts = { q1: 'select 1', q2: 'select 2', w: 'UPDATE visit set a = $1' };
  const of = (column: string, sizeBytes: number) => recommendedIndex(btree(table, [column]), { sizeBytes, buildMs: 1, leaveOneOut: 2 });
  return {
    recommendations: [
      made('r-index', { indexes: [of('who', 30 * MB), of('page', 10 * MB)], experiment, texts }),
      made('r-set', { indexes: [settingChange], experiment: { ...experiment, statements: [verdict('q1', 0.4)] }, texts }),
    ],
    plans: {},
    settings,
  };
}

describe('of a run', () => {
  test('a statement that two kinds help has alternatives, with room, memory, writes and what is recommended', () => {
    const [found, ...others] = alternativesOf(runFound());
    expect([found?.statement, found?.ways.map(({ kind }) => kind), others]).toEqual(['q1', ['indexes', 'settings'], []]);
    const [byIndex, bySetting] = found === undefined ? [] : wayRows(found);
    expect(byIndex).toMatchObject({ isPreferred: true, cost: '40.0 MB', writes: '1.20 × the time at most', standing: 'recommended: r-index' });
    expect(bySetting).toMatchObject({
      ...{ isPreferred: false, cost: 'up to 600.0 MB of memory an execution', writes: 'none', left: '40.0 % (38.0–42.0)' },
      ...{ standing: 'not recommended by itself: beside the others it adds nothing, 99.0 % left of the rest', what: ["SET LOCAL work_mem = '64MB';"] },
    });
  });
  test('a setting that adds to the rest is recommended and says so; what helps neither way is no alternative', () => {
    const [found] = alternativesOf(runFound([tried({ refused: null, beside: left(0.6) })]));
    expect(found === undefined ? [] : wayRows(found).map(({ standing }) => standing)).toEqual([
      'recommended: r-index',
      'recommended: r-set; beside the others too, 60.0 % left of the rest',
    ]);
    expect(alternativesOf(runFound([tried({ alone: left(0.99) })]))).toEqual([]);
    expect(alternativesOf(runFound([tried({ alone: null, beside: left(0.99) })]))).toEqual([]);
  });
  test('each recommendation shows those that it has a part in', () => {
    expect(alternativesTo('r-index', runFound())).toHaveLength(1);
    expect(alternativesTo('r-set', runFound())).toEqual([]);
    expect(alternativesTo('r-set', runFound([tried({ refused: null })]))).toHaveLength(1);
  });
  test('the page and the terminal show them side by side, and what to write', async () => {
    const found = runFound([tried({ refused: null, beside: left(0.6) })]);
    const [first, second] = found.recommendations;
    const record = { recommendation: first as Recommendation, digest: '0', history: [], alternatives: alternativesTo('r-index', found) };
    const page = recommendationPage({ ...record, plans: [], tried: [] });
    const { out } = await run(['optimizer', 'show', 'r-index'], { recommendation: async () => record });
    for (const said of ['40.0 MB', 'SET LOCAL work_mem', 'new indexes: it leaves least time']) for (const shown of [page, out]) expect(shown).toContain(said);
    const set = { ...record, recommendation: second as Recommendation };
    const of = await run(['optimizer', 'show', 'r-set'], { recommendation: async () => set });
    const settingPage = recommendationPage({ ...set, plans: [], tried: [] });
    const words = ['30.0 MB of rows went to disk', 'ALTER ROLE "app" IN DATABASE', '3 other statement(s) of it get it too', '600.0 MB an execution'];
    for (const said of words) expect(of.out).toContain(said);
    for (const said of ['memory: at most 600.0 MB', '60.0 GB', '3 processes']) expect(settingPage).toContain(said);
  });
});

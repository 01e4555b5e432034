/** The heaviest statements, with what is known of each. */
import { expect, test } from 'vitest';
import type { Experiment, NotJudged, Statement } from '../../domain/optimizer/model.ts';
import { queriesOf, tellingExperiment } from '../../domain/optimizer/queries.ts';
import { run } from '../cli/terminal.ts';

const statement = (id: string, over: Partial<Statement>): Statement => ({
  ...{ id, database: 'app', text: `select ${id} where a = $1`, kind: 'select', calls: 10, totalMs: 10, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 },
  ...over,
});
const experiment: Experiment = {
  ...{ id: 'e', proofId: 'p', changes: [], total: { ratio: 0.5, low: 0.4, high: 0.6 } },
  statements: [{ statement: 'slow', ratio: 0.1, low: 0.1, high: 0.1, judged: 'faster', bindingSource: 'captured' }],
  notJudged: [{ statement: 'wide', reason: 'too-slow-on-lab', detail: 'ran into the time limit with and without' }],
};
const vacuum: NotJudged = {
  ...{ statement: 'v', reason: 'utility', detail: 'vacuum' },
  counts: { calls: 1, totalMs: 50, rows: 0, blocks: 900, tempBlocks: 0, walBytes: 70 },
};
const workload = {
  statements: [
    statement('slow', { totalMs: 100, blocks: 50 }),
    statement('wide', { totalMs: 40, tempBlocks: 9 }),
    statement('quick', { calls: 99, totalMs: 10 }),
  ],
  notJudged: [vacuum],
  experiment,
};
const first = (by: Parameters<typeof queriesOf>[1]['by']) => queriesOf(workload, { by, limit: 10 }).lines[0];

test('each order has its own first; what got no verdict takes its part, too', () => {
  expect(first('time')).toMatchObject({ statement: 'slow', share: 0.5, meanMs: 10, verdict: { judged: 'faster' }, reason: null });
  expect(first('io')).toMatchObject({ statement: 'v', share: 900 / 950, text: null, reason: 'utility: vacuum' });
  expect(first('temp')).toMatchObject({ statement: 'wide', share: 1, verdict: null, reason: 'too-slow-on-lab: ran into the time limit with and without' });
  expect(first('wal')).toMatchObject({ statement: 'v' });
  expect(first('calls')).toMatchObject({ statement: 'quick', reason: 'it was not measured' });
});

test('shares are of all statements, shown or not; without a measured set each says so', () => {
  const cut = queriesOf({ ...workload, experiment: null }, { by: 'time', limit: 1 });
  expect(cut).toMatchObject({ statements: 4, total: 200, lines: [{ statement: 'slow', share: 0.5, reason: 'no set of indexes was measured' }] });
  expect(queriesOf({ statements: [], notJudged: [], experiment: null }, { by: 'wal', limit: 5 })).toMatchObject({ lines: [], total: 0 });
});

test('of a run’s experiments the recommended one says most, then an accepted one, then a faster one that was rejected', () => {
  const at = (id: string, ratio: number) => ({ ...experiment, id, total: { ratio, low: ratio, high: ratio } });
  const all = [
    { experiment: at('rejected', 0.2), isAccepted: false },
    { experiment: at('slower', 0.6), isAccepted: true },
    { experiment: at('best', 0.5), isAccepted: true },
    { experiment: { ...at('refused', 0.1), statements: [] }, isAccepted: true },
  ].map((each) => ({ ...each, isRecommended: false }));
  expect(tellingExperiment(all)?.id).toBe('best');
  expect(tellingExperiment([...all, { experiment: at('reduced', 0.55), isAccepted: true, isRecommended: true }])?.id).toBe('reduced');
  expect(tellingExperiment([])).toBeNull();
});

test('the command shows a line for each, and nothing in a text steers the terminal', async () => {
  const asked: unknown[] = [];
  const queries = async (request: { by: 'time'; limit: number }) => {
    asked.push(request);
    const hostile = { ...workload, statements: [statement('slow', { text: 'select "\u001b[31m"\n from t where a = $1', totalMs: 5_000 })] };
    const head = { cluster: 'shop', database: 'app', run: 'r', at: '2026-11-21T10:00:00.000Z', notices: ['statistics were reset'] };
    return { ...head, ...queriesOf(hostile, { by: request.by, limit: request.limit }) };
  };
  const { out, exit } = await run('optimizer queries shop/app --by time --limit 5', { queries } as never);
  expect(exit).toBe(0);
  expect(asked).toEqual([{ target: 'shop/app', by: 'time', limit: 5, live: false, sinceLastRun: false }]);
  expect(out).toMatch(/99\.0 % +10 +500 ms +0 B +0 B +0 B +faster: 10\.0 % \(captured\) +select "�\[31m" from t where a/);
  expect(out).toContain('statistics were reset');
  expect(out).not.toContain('\u001b');
  expect((await run('optimizer queries shop --since-last-run --json', { queries } as never)).json()).toMatchObject({ lines: [{ statement: 'slow' }, {}] });
  expect(asked[1]).toMatchObject({ live: true, sinceLastRun: true });
  const one = await run('optimizer queries shop --statement slow', { queries } as never);
  expect(one.out).toMatch(/from t where a = \$1\n$/);
  expect(one.out).not.toContain('vacuum');
  expect((await run('optimizer queries shop --statement nowhere', { queries } as never)).exit).toBe(2);
  expect((await run('optimizer queries shop --by nonsense', { queries } as never)).exit).toBe(2);
});

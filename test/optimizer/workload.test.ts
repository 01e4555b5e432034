import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type StatementCounters, type StatementsSnapshot, workloadBetween } from '../../domain/optimizer/workload.ts';

const row = (over: Partial<StatementCounters> = {}): StatementCounters => ({
  userId: '10',
  databaseId: '5',
  queryId: '-77',
  isTopLevel: true,
  database: 'shop',
  text: 'select $1',
  kind: 'select',
  notJudged: null,
  since: null,
  calls: 10,
  totalMs: 100,
  rows: 10,
  blocks: 50,
  tempBlocks: 0,
  walBytes: 0,
  ...over,
});

const look = (statements: StatementCounters[], over: Partial<StatementsSnapshot> = {}): StatementsSnapshot => ({
  takenAt: '2026-01-01T10:00:00Z',
  startedAt: '2026-01-01T00:00:00Z',
  resetAt: '2026-01-01T00:00:00Z',
  evictions: 0,
  maxStatements: 5000,
  statements,
  ...over,
});

const grown = (by: number, over: Partial<StatementCounters> = {}) => row({ calls: 10 + by, totalMs: 100 + by * 2, rows: 10 + by, blocks: 50 + by, ...over });

describe('what ran between two looks', () => {
  test('is the growth of each counter', () => {
    const { statements, notices } = workloadBetween(look([row()]), look([grown(5)]));
    expect(statements).toEqual([
      { id: '-77', database: 'shop', text: 'select $1', kind: 'select', calls: 5, totalMs: 10, rows: 5, blocks: 5, tempBlocks: 0, walBytes: 0 },
    ]);
    expect(notices).toEqual([]);
  });

  test('leaves out what did not run, and counts a new statement whole', () => {
    const { statements } = workloadBetween(look([row()]), look([row(), row({ queryId: '8' })]));
    expect(statements.map(({ id, calls }) => [id, calls])).toEqual([['8', 10]]);
  });

  test('adds up users and levels, keeps databases apart', () => {
    const rows = [grown(1), grown(2, { userId: '11' }), grown(4, { isTopLevel: false }), grown(8, { databaseId: '6', database: 'other' })];
    const before = [row(), row({ userId: '11' }), row({ isTopLevel: false }), row({ databaseId: '6', database: 'other' })];
    const { statements } = workloadBetween(look(before), look(rows));
    expect(statements.map(({ database, calls }) => [database, calls])).toEqual([
      ['other', 8],
      ['shop', 7],
    ]);
  });

  test('only what no client sent is nested', () => {
    const nested = (rows: StatementCounters[]) => workloadBetween(null, look(rows)).statements[0]?.isNested;
    const [inside, outside] = [row({ isTopLevel: false }), row()];
    expect([[inside], [inside, outside], [outside, inside], [outside]].map(nested)).toEqual([true, undefined, undefined, undefined]);
  });

  test('without an earlier look is everything', () => {
    expect(workloadBetween(null, look([row()])).statements[0]?.calls).toBe(10);
  });
});

describe('what PostgreSQL forgot is said', () => {
  const notices = (before: StatementsSnapshot, after: StatementsSnapshot) => workloadBetween(before, after).notices.join('\n');

  test('a reset of everything: the later counters count whole', () => {
    const after = look([grown(5)], { resetAt: '2026-01-01T09:59:00Z' });
    expect(workloadBetween(look([row()]), after).statements[0]?.calls).toBe(15);
    expect(notices(look([row()]), after)).toBe('statistics were reset at 2026-01-01T09:59:00Z: only what ran since then is counted');
  });

  test.each(['calls', 'totalMs', 'rows', 'blocks'] as const)('a statement whose %s fell began anew', (counter) => {
    const after = look([grown(5, { [counter]: 1 })]);
    expect(workloadBetween(look([row()]), after).statements[0]?.[counter]).toBe(1);
    expect(notices(look([row()]), after)).toContain('1 statement(s) were reset or evicted in between');
  });

  test('a statement that came back with higher counters is known by its own beginning', () => {
    const after = look([grown(5, { since: '2026-01-01T09:00:00Z' })]);
    const before = look([row({ since: '2026-01-01T01:00:00Z' })]);
    expect(workloadBetween(before, after).statements[0]?.calls).toBe(15);
    expect(notices(before, after)).toContain('1 statement(s)');
  });

  test('a restart, evictions, statements that are gone', () => {
    const after = look([], { startedAt: '2026-01-01T05:00:00Z', evictions: 3 });
    expect(notices(look([row()], { evictions: 1 }), after)).toMatch(
      /started anew at 2026-01-01T05.*\n.*threw statements away 2 time\(s\): pg_stat_statements.max \(5000\).*\n1 statement\(s\) of the earlier look/,
    );
  });
});

describe('what gets no verdict', () => {
  test('keeps its reason, once for a statement', () => {
    const refused = { notJudged: { reason: 'utility', detail: 'vacuum' } as const };
    expect(workloadBetween(null, look([row(refused), row({ ...refused, userId: '11' })])).notJudged).toEqual([
      { statement: '-77', reason: 'utility', detail: 'vacuum', counts: { calls: 20, totalMs: 200, rows: 20, blocks: 100, tempBlocks: 0, walBytes: 0 } },
    ]);
  });

  test('a statement of a dropped database', () => {
    expect(workloadBetween(null, look([row({ database: null })])).notJudged).toMatchObject([
      { statement: '-77', reason: 'other-database', detail: 'its database is gone' },
    ]);
  });
});

/** A server that counts as PostgreSQL does; what really ran between the looks is known. */
type Event = { kind: 'run' | 'reset-one' | 'evict'; statement: number } | { kind: 'reset-all' | 'restart' | 'crash' };

const events = fc.array(
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({ kind: fc.constantFrom('run', 'run', 'run', 'run', 'reset-one', 'evict'), statement: fc.integer({ min: 0, max: 4 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('reset-all', 'restart', 'crash') }) },
  ) as fc.Arbitrary<Event>,
  { maxLength: 40 },
);

function serverAfter(happened: readonly Event[], hasSince: boolean) {
  const counters = new Map<number, { calls: number; since: number }>();
  let clock = 0;
  const server = { resetAt: 0, startedAt: 0, evictions: 0 };
  for (const event of happened) {
    clock++;
    if (event.kind === 'run') {
      const old = counters.get(event.statement) ?? { calls: 0, since: clock };
      counters.set(event.statement, { ...old, calls: old.calls + 1 });
    } else if (event.kind === 'reset-one') counters.delete(event.statement);
    else if (event.kind === 'evict') server.evictions += counters.delete(event.statement) ? 1 : 0;
    else {
      if (event.kind !== 'restart') counters.clear();
      if (event.kind !== 'restart') server.resetAt = clock;
      if (event.kind !== 'reset-all') server.startedAt = clock;
    }
  }
  const statements = [...counters].map(([statement, { calls, since }]) => {
    const counts = { calls, totalMs: calls * 3, rows: calls, blocks: 0 };
    return row({ queryId: String(statement), ...counts, since: hasSince ? String(since) : null });
  });
  return look(statements, { resetAt: String(server.resetAt), startedAt: String(server.startedAt), evictions: server.evictions });
}

const runs = (happened: readonly Event[], statement: number) => happened.filter((event) => event.kind === 'run' && event.statement === statement).length;
const forgets = (event: Event) => event.kind !== 'run' && event.kind !== 'restart';

describe('for any history of a server', () => {
  test('never more calls than there were, none below one, and all of them where nothing was forgotten', () => {
    fc.assert(
      fc.property(events, events, (first, second) => {
        const { statements, notices } = workloadBetween(serverAfter(first, true), serverAfter([...first, ...second], true));
        for (const { id, calls } of statements) {
          expect(calls).toBeGreaterThan(0);
          expect(calls).toBeLessThanOrEqual(runs(second, Number(id)));
        }
        if (second.some(forgets)) return;
        for (const id of [0, 1, 2, 3, 4]) expect(statements.find((one) => one.id === String(id))?.calls ?? 0).toBe(runs(second, id));
        expect(notices).toEqual(second.some(({ kind }) => kind === 'restart') ? [expect.stringContaining('started anew')] : []);
      }),
      { numRuns: 500 },
    );
  });

  test('without the beginnings of PostgreSQL 17 too, never more than there were', () => {
    fc.assert(
      fc.property(events, events, (first, second) => {
        for (const { id, calls } of workloadBetween(serverAfter(first, false), serverAfter([...first, ...second], false)).statements) {
          expect(calls).toBeGreaterThan(0);
          expect(calls).toBeLessThanOrEqual(runs(second, Number(id)));
        }
      }),
      { numRuns: 500 },
    );
  });
});

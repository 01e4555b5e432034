/**
 * What happened between two looks at pg_stat_statements. Counters only grow until they are reset, one by one or all, or until the statement is
 * evicted: each of these is noticed where PostgreSQL leaves a trace, and nothing is ever counted twice or below zero.
 * Source: PostgreSQL manual, F.32 "pg_stat_statements".
 */
import type { Instant, NotJudged, NotJudgedReason, Statement, StatementKind } from './model.ts';

/** One row of pg_stat_statements. Its identity is user, database, queryid and whether a client sent it or a function ran it. */
export interface StatementCounters {
  readonly userId: string;
  /** Its name; null: it is gone. Missing in looks of earlier versions. */
  readonly role?: string | null;
  readonly databaseId: string;
  readonly queryId: string;
  readonly isTopLevel: boolean;
  /** null: the database is gone. */
  readonly database: string | null;
  readonly text: string;
  readonly kind: StatementKind;
  /** Why it can get no verdict, as far as its text alone says. */
  readonly notJudged: { readonly reason: NotJudgedReason; readonly detail: string } | null;
  /** When PostgreSQL began to count it (PostgreSQL 17 and newer). */
  readonly since: Instant | null;
  readonly calls: number;
  readonly totalMs: number;
  readonly rows: number;
  readonly blocks: number;
  readonly tempBlocks: number;
  readonly walBytes: number;
}

/** One look at pg_stat_statements of a whole cluster. */
export interface StatementsSnapshot {
  readonly takenAt: Instant;
  /** Start of the server. */
  readonly startedAt: Instant;
  /** Last reset of all counters; null where the extension does not say (before 1.9). */
  readonly resetAt: Instant | null;
  /** How often room was made by throwing statements away; null where the extension does not say. */
  readonly evictions: number | null;
  /** pg_stat_statements.max. */
  readonly maxStatements: number;
  readonly statements: readonly StatementCounters[];
}

export interface Workload {
  /** By total time, longest first; one for each queryid of a database. */
  readonly statements: readonly Statement[];
  readonly notJudged: readonly NotJudged[];
  /** What makes the counts incomplete, for people. */
  readonly notices: readonly string[];
}

type Counts = Pick<StatementCounters, (typeof countNames)[number]>;

const countNames = ['calls', 'totalMs', 'rows', 'blocks', 'tempBlocks', 'walBytes'] as const;

/**
 * The statements that ran after `before` and up to `after`. `before` null: everything since the counters began.
 * Rows of several users, or sent by a client as well as run by a function, add up to one statement.
 */
export function workloadBetween(before: StatementsSnapshot | null, after: StatementsSnapshot): Workload {
  const isReset = before !== null && before.resetAt !== after.resetAt;
  const earlier = new Map(before === null || isReset ? [] : before.statements.map((row) => [identity(row), row]));
  const restarted: StatementCounters[] = [];
  const grown = after.statements.map((row) => {
    const first = earlier.get(identity(row));
    earlier.delete(identity(row));
    const isAnew = first !== undefined && beganAnew(first, row);
    if (isAnew) restarted.push(row);
    return { row, counts: first === undefined || isAnew ? row : difference(first, row) };
  });
  const ran = grown.filter(({ counts }) => counts.calls > 0);
  return {
    ...merged(ran),
    notices: notices({ before, after, isReset, vanished: earlier.size, restarted: restarted.length }),
  };
}

const identity = (row: StatementCounters) => `${row.userId} ${row.databaseId} ${row.queryId} ${row.isTopLevel}`;

/** Reset alone, or evicted and counted anew: where the counters have passed their old values already, only `since` tells. */
const beganAnew = (first: StatementCounters, row: StatementCounters) =>
  (first.since !== null && row.since !== null && first.since !== row.since) || countNames.some((name) => row[name] < first[name]);

const difference = (first: Counts, row: Counts): Counts => combine(row, first, (later, sooner) => later - sooner);

const combine = (one: Counts, other: Counts, by: (a: number, b: number) => number): Counts => ({
  calls: by(one.calls, other.calls),
  totalMs: by(one.totalMs, other.totalMs),
  rows: by(one.rows, other.rows),
  blocks: by(one.blocks, other.blocks),
  tempBlocks: by(one.tempBlocks, other.tempBlocks),
  walBytes: by(one.walBytes, other.walBytes),
});

function merged(ran: readonly { row: StatementCounters; counts: Counts }[]): Pick<Workload, 'statements' | 'notJudged'> {
  const statements = new Map<string, Statement>();
  const notJudged = new Map<string, NotJudged>();
  const msByRole = new Map<string, Map<string, number>>();
  for (const { row, counts } of ran) {
    const key = `${row.databaseId} ${row.queryId}`;
    const database = row.database;
    const refused = row.notJudged ?? (database === null ? { reason: 'other-database' as const, detail: 'its database is gone' } : null);
    if (refused !== null || database === null) {
      const sum = combine(counts, notJudged.get(key)?.counts ?? none, add);
      if (refused !== null) notJudged.set(key, { statement: row.queryId, ...refused, counts: sum });
    } else {
      const known = statements.get(key);
      const sum = combine(counts, known ?? none, add);
      const isNested = !row.isTopLevel && (known === undefined || known.isNested === true);
      statements.set(key, { id: row.queryId, database, text: row.text, kind: row.kind, ...sum, ...(isNested ? { isNested } : {}) });
      const roles = msByRole.get(key) ?? new Map<string, number>();
      msByRole.set(key, roles);
      if (row.role != null) roles.set(row.role, (roles.get(row.role) ?? 0) + counts.totalMs);
    }
  }
  // a text that one user's row shows and another's hides is known
  for (const key of statements.keys()) notJudged.delete(key);
  return {
    statements: [...statements]
      .map(([key, statement]) => ({ ...statement, ...rolesOf(msByRole.get(key)) }))
      .sort((a, b) => b.totalMs - a.totalMs || (a.id < b.id ? -1 : 1)),
    notJudged: [...notJudged.values()],
  };
}

/** A role that takes less of a statement's time does not say how it is judged. */
const LEAST_SHARE = 0.1;

/** The roles of a statement from the time that each took. */
export function rolesOf(msByRole: ReadonlyMap<string, number> = new Map()): Pick<Statement, 'roles'> {
  const byTime = [...msByRole].toSorted(([a, ms], [b, otherMs]) => otherMs - ms || (a < b ? -1 : 1));
  const totalMs = byTime.reduce((sum, [, ms]) => sum + ms, 0);
  const roles = byTime.filter(([, ms], place) => place === 0 || ms >= totalMs * LEAST_SHARE).map(([role]) => role);
  return roles.length === 0 ? {} : { roles };
}

const add = (a: number, b: number): number => a + b;

const none: Counts = { calls: 0, totalMs: 0, rows: 0, blocks: 0, tempBlocks: 0, walBytes: 0 };

function notices(look: {
  before: StatementsSnapshot | null;
  after: StatementsSnapshot;
  isReset: boolean;
  vanished: number;
  restarted: number;
}): readonly string[] {
  const { before, after, isReset, vanished, restarted } = look;
  const evicted = (after.evictions ?? 0) - (isReset ? 0 : (before?.evictions ?? 0));
  return [
    isReset && `statistics were reset at ${after.resetAt ?? 'an unknown time'}: only what ran since then is counted`,
    before !== null && before.startedAt !== after.startedAt && `the server was started anew at ${after.startedAt}`,
    evicted > 0 && `PostgreSQL threw statements away ${evicted} time(s): pg_stat_statements.max (${after.maxStatements}) is too small for this workload`,
    vanished > 0 && `${vanished} statement(s) of the earlier look are no longer counted: what they did since is missing`,
    restarted > 0 && `${restarted} statement(s) were reset or evicted in between: only what they did since is counted`,
  ].filter((line) => line !== false);
}

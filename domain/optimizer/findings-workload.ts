/** What only the workload shows, and no plan: a statement that runs once for each row of another one, statements that wait for locks. */
import type { Finding, LockWaits, WorkloadStatement } from './finding.ts';

/** A finding about a statement of the workload. */
export interface WorkloadFinding {
  readonly statement: string;
  readonly finding: Finding;
}

/** Fewer calls in an interval can be anything. */
const CALLS = 1_000;
/** One row, or none, for each call: it is fetched by a key. */
const ROWS_PER_CALL = 1.05;
/** So many rows for each call of the caller: a loop over a result, not a pair of statements. */
const FAN_OUT = 5;
/** Calls against rows of the caller: some rows are skipped or cached, hardly any asked twice. */
const LEAST_MATCH = 0.8;
const MOST_MATCH = 1.1;
/** A cheap statement is one whose cost is the round trip, not the work. */
const CHEAP_MS = 5;
/** Seen waiting in a twentieth of the samples, and more than once: not by chance. */
const WAITS_SHARE = 0.05;
const WAITS = 2;

/**
 * Statements of one interval that are called once for each row that another one returned. Counters cannot prove it: two statements may be called equally
 * often by chance, so both are named and their numbers given. `inserts … for each` are found likewise.
 */
export function nPlusOneFindings(statements: readonly WorkloadStatement[]): readonly WorkloadFinding[] {
  const wholeMs = statements.reduce((sum, { totalMs }) => sum + totalMs, 0);
  return statements.filter(isCheapSingleRow).flatMap((statement) => {
    const caller = callerOf(statement, statements);
    if (caller === null) return [];
    const meanMs = statement.totalMs / statement.calls;
    const evidence = { kind: 'n-plus-one', calls: statement.calls, rowsOfCaller: caller.rows, callsOfCaller: caller.calls, caller: caller.id, meanMs } as const;
    return [
      { statement: statement.id, finding: { evidence, nodeId: null, relation: null, share: wholeMs > 0 ? statement.totalMs / wholeMs : 0, isMeasured: true } },
    ];
  });
}

const isCheapSingleRow = ({ calls, rows, totalMs, kind }: WorkloadStatement) =>
  calls >= CALLS && kind !== 'utility' && rows <= calls * ROWS_PER_CALL && totalMs <= calls * CHEAP_MS;

/** Of several the one whose rows fit best. */
function callerOf({ id, database, calls }: WorkloadStatement, statements: readonly WorkloadStatement[]): WorkloadStatement | null {
  const [best] = statements
    .filter((each) => each.id !== id && each.database === database && each.kind === 'select' && each.rows >= each.calls * FAN_OUT)
    .filter(({ rows }) => calls >= rows * LEAST_MATCH && calls <= rows * MOST_MATCH)
    .toSorted((a, b) => Math.abs(a.rows - calls) - Math.abs(b.rows - calls));
  return best ?? null;
}

export function lockFindings(waits: readonly LockWaits[]): readonly WorkloadFinding[] {
  return waits
    .filter((each) => each.waits >= WAITS && each.waits >= each.samples * WAITS_SHARE)
    .map(({ statement, ...seen }) => ({
      statement,
      finding: { evidence: { kind: 'lock-wait', ...seen }, nodeId: null, relation: null, share: seen.waits / seen.samples, isMeasured: true },
    }));
}

/** Several looks as one: `looks` holds what each of them saw, empty ones too. */
export function addUpLocks(looks: readonly (readonly LockWaits[])[]): readonly LockWaits[] {
  const statements = [...new Set(looks.flatMap((look) => look.map(({ statement }) => statement)))];
  return statements.map((statement) => {
    const seen = looks.flatMap((look) => look.filter((each) => each.statement === statement));
    return {
      statement,
      samples: looks.length,
      waits: seen.length,
      longestMs: Math.max(...seen.map(({ longestMs }) => longestMs)),
      blockers: [...new Set(seen.flatMap(({ blockers }) => blockers))],
    };
  });
}

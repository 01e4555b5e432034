/** Measured sets against each other, and what of them is said. Pure. */

import { sayFinding } from './finding-words.ts';
import { nPlusOneFindings } from './findings-workload.ts';
import type { Decision, Experiment, NotJudged, Statement, StatementVerdict } from './model.ts';
import type { ExperimentSummary, WorkloadSummary } from './requests.ts';
import type { Interval } from './statistics.ts';
import { judgeTotal, type StatementTimes } from './verdict.ts';
import type { Workload } from './workload.ts';

export function summaryOf({ id, changes, statements, total }: Experiment, decision: Decision): ExperimentSummary {
  const count = (judged: StatementVerdict['judged']) => statements.filter((each) => each.judged === judged).length;
  const sizeBytes = changes.reduce((sum, change) => sum + change.sizeBytes, 0);
  return { id, indexes: changes.length, sizeBytes, total, faster: count('faster'), slower: count('slower'), decision };
}

/**
 * Executed total under one set against that under another. Both were measured in the same rounds, with the same executions where their plans are the
 * same: the noise of a statement that neither serves hides nothing. null: something was measured under the other only, as where this one leaves a
 * statement running into its limit.
 */
export function against(set: readonly StatementTimes[], other: readonly StatementTimes[]): Interval | null {
  const own = new Map(set.map((each) => [each.statement, each]));
  const pairs = other.map((each) => paired(own.get(each.statement), each));
  return pairs.length === 0 || pairs.includes(null) ? null : judgeTotal(pairs.filter((each) => each !== null));
}

/** null: they were not measured with the same values. */
function paired(each: StatementTimes | undefined, other: StatementTimes): StatementTimes | null {
  if (each?.bindings.length !== other.bindings.length) return null;
  const bindings = each.bindings.map(({ source, pairs }, place) => {
    const others = other.bindings[place]?.pairs ?? [];
    return { source, pairs: pairs.slice(0, others.length).map(({ afterMs }, round) => ({ beforeMs: others[round]?.afterMs ?? 0, afterMs })) };
  });
  return bindings.every(({ pairs }) => pairs.length > 0) ? { ...each, bindings } : null;
}

/** Summaries with what each takes of the fastest accepted one's time. */
export function besideFastest(
  sets: readonly { readonly summary: ExperimentSummary; readonly statements: readonly StatementTimes[] }[],
): readonly ExperimentSummary[] {
  const accepted = sets.filter(({ summary }) => summary.decision.verdict === 'accepted');
  const fastest = accepted.toSorted((a, b) => a.summary.total.ratio - b.summary.total.ratio)[0];
  return sets.map(({ summary, statements }) => {
    const behindFastest = fastest === undefined ? null : against(statements, fastest.statements);
    return behindFastest === null ? summary : { ...summary, behindFastest };
  });
}

/** Behind the fastest by less than this a smaller set is as good; behind by more than that it is not, however little is certain. */
const AS_FAST = 1.02;
const NOT_AS_FAST = 1.1;

/**
 * Places of the sets worth a closer look, best first: the fastest, unless a smaller one is as fast beyond what noise can tell.
 * A set that was not accepted is none.
 */
export function bestFirst(sets: readonly ExperimentSummary[]): readonly number[] {
  const accepted = sets.map((set, place) => ({ set, place })).filter(({ set }) => set.decision.verdict === 'accepted');
  const fastest = accepted.toSorted((a, b) => a.set.total.ratio - b.set.total.ratio)[0];
  if (fastest === undefined) return [];
  const isAsFast = ({ set: { behindFastest: behind, total } }: { set: ExperimentSummary }) =>
    behind === undefined ? total.ratio <= fastest.set.total.high : behind.ratio <= AS_FAST || (behind.low <= 1 && behind.ratio <= NOT_AS_FAST);
  const [as, behind] = [accepted.filter(isAsFast), accepted.filter((each) => !isAsFast(each))];
  return [...as.toSorted((a, b) => a.set.sizeBytes - b.set.sizeBytes), ...behind.toSorted((a, b) => a.set.total.ratio - b.set.total.ratio)].map(
    ({ place }) => place,
  );
}

/** More of them would take the time of the rest. */
const MOST_REPAIRS = 2;

/** Places of the sets that gain in total and only slow a statement, best first: settling them finds out whether they are as good without the index that does. */
export function repairable(sets: readonly ExperimentSummary[]): readonly number[] {
  const slowing = sets
    .map((set, place) => ({ set, place }))
    .filter(({ set: { decision, total, slower, indexes } }) => decision.verdict === 'rejected' && total.high < 1 && slower > 0 && indexes > 1);
  return slowing
    .toSorted((a, b) => a.set.total.ratio - b.set.total.ratio)
    .slice(0, MOST_REPAIRS)
    .map(({ place }) => place);
}

/**
 * The statements of one database that take most: half of the places by time, the others by the greatest share of all time, blocks, temporary blocks or
 * WAL that a statement takes. In order of time; what is left out is said.
 */
export function chosen(workload: Workload, { database, maxStatements }: { readonly database: string; readonly maxStatements: number }): Workload {
  const own = workload.statements.filter((statement) => statement.database === database).toSorted(byTime);
  const others = workload.statements.filter((statement) => statement.database !== database);
  const slow = own.slice(0, Math.ceil(maxStatements / 2));
  const taken = new Set([...slow, ...byShare(own.slice(slow.length), own).slice(0, maxStatements - slow.length)]);
  return {
    statements: own.filter((statement) => taken.has(statement)),
    notJudged: [
      ...workload.notJudged,
      ...own.filter((statement) => !taken.has(statement)).map(leftOut('budget', `beyond the ${maxStatements} that take most`)),
      ...others.map(leftOut('other-database', 'of another database')),
    ],
    notices: workload.notices,
  };
}

const leftOut =
  (reason: NotJudged['reason'], detail: string) =>
  ({ id: statement, calls, totalMs, rows, blocks, tempBlocks, walBytes }: Statement): NotJudged => ({
    statement,
    reason,
    detail,
    counts: { calls, totalMs, rows, blocks, tempBlocks, walBytes },
  });

const byTime = (a: Statement, b: Statement): number => b.totalMs - a.totalMs;

function byShare(some: readonly Statement[], all: readonly Statement[]): readonly Statement[] {
  const totals = kinds.map((kind) => ({ kind, total: all.reduce((sum, statement) => sum + statement[kind], 0) }));
  const shareOf = (statement: Statement) => Math.max(...totals.map(({ kind, total }) => (total === 0 ? 0 : statement[kind] / total)));
  const shares = new Map(some.map((statement) => [statement, shareOf(statement)]));
  return some.toSorted((a, b) => (shares.get(b) ?? 0) - (shares.get(a) ?? 0) || byTime(a, b));
}

const kinds = ['totalMs', 'blocks', 'tempBlocks', 'walBytes'] as const;

export function workloadSummary({ statements, notJudged, notices }: Workload): WorkloadSummary {
  const sum = (of: 'calls' | 'totalMs') => statements.reduce((total, statement) => total + statement[of], 0);
  return {
    statements: statements.length,
    calls: sum('calls'),
    totalMs: Math.round(sum('totalMs')),
    notJudged: reasonsOf(notJudged),
    notices: [...notices, ...repeatedNotices(statements)],
  };
}

/** How many of each reason. */
export function reasonsOf(notJudged: readonly NotJudged[]): Readonly<Partial<Record<NotJudged['reason'], number>>> {
  const reasons: Partial<Record<NotJudged['reason'], number>> = {};
  for (const { reason } of notJudged) reasons[reason] = (reasons[reason] ?? 0) + 1;
  return reasons;
}

/** More of them would hide the rest. */
const MOST_NOTICES = 5;

/** No index helps a statement that is called once for each row of another one: said beside the run. */
function repeatedNotices(statements: readonly Statement[]): readonly string[] {
  return nPlusOneFindings(statements)
    .slice(0, MOST_NOTICES)
    .map(({ statement, finding }) => {
      const { says, wayOut } = sayFinding(finding);
      return `statement ${statement} was ${says}; try ${wayOut}`;
    });
}

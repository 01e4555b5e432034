/** Measured sets against each other, and what of them is said. Pure. */

import { sayFinding } from './finding-words.ts';
import { nPlusOneFindings } from './findings-workload.ts';
import type { Decision, Experiment, NotJudged, Statement, StatementVerdict } from './model.ts';
import type { ExperimentSummary, WorkloadSummary } from './requests.ts';
import type { Workload } from './workload.ts';

export function summaryOf({ id, changes, statements, total }: Experiment, decision: Decision): ExperimentSummary {
  const count = (judged: StatementVerdict['judged']) => statements.filter((each) => each.judged === judged).length;
  const sizeBytes = changes.reduce((sum, change) => sum + change.sizeBytes, 0);
  return { id, indexes: changes.length, sizeBytes, total, faster: count('faster'), slower: count('slower'), decision };
}

/**
 * Places of the sets worth a closer look, best first: the fastest, unless a smaller one is as fast beyond what noise can tell.
 * A set that was not accepted is none.
 */
export function bestFirst(sets: readonly ExperimentSummary[]): readonly number[] {
  const accepted = sets.map((set, place) => ({ set, place })).filter(({ set }) => set.decision.verdict === 'accepted');
  const fastest = accepted.toSorted((a, b) => a.set.total.ratio - b.set.total.ratio)[0];
  if (fastest === undefined) return [];
  const isAsFast = ({ set }: { set: ExperimentSummary }) => set.total.ratio <= fastest.set.total.high;
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

/** The statements of one database that take the most time; what is left out is said. */
export function chosen(workload: Workload, { database, maxStatements }: { readonly database: string; readonly maxStatements: number }): Workload {
  const own = workload.statements.filter((statement) => statement.database === database).toSorted((a, b) => b.totalMs - a.totalMs);
  const others = workload.statements.filter((statement) => statement.database !== database);
  const left =
    (reason: NotJudged['reason'], detail: string) =>
    ({ id: statement, calls, totalMs, rows, blocks, tempBlocks, walBytes }: Statement): NotJudged => ({
      statement,
      reason,
      detail,
      counts: { calls, totalMs, rows, blocks, tempBlocks, walBytes },
    });
  return {
    statements: own.slice(0, maxStatements),
    notJudged: [
      ...workload.notJudged,
      ...own.slice(maxStatements).map(left('budget', `beyond the ${maxStatements} that take the most time`)),
      ...others.map(left('other-database', 'of another database')),
    ],
    notices: workload.notices,
  };
}

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

/** What was measured of removals and rebuilds, as words and a decision. Pure. */
import { size } from './finding-words.ts';
import type { Decision, StatementVerdict } from './model.ts';
import type { Interval } from './statistics.ts';
import { shown } from './verdict.ts';

export interface MeasuredHygiene {
  readonly dropped: number;
  readonly rebuilt: number;
  readonly freesBytes: number;
  /** Statements whose plan the removals can change. */
  readonly statements: readonly StatementVerdict[];
  readonly total: Interval;
  /** Statements of the workload that could be executed. */
  readonly executed: number;
}

/** Accepted where something remains that slows nothing beyond noise, and not all of it together either. */
export function decideHygiene({ dropped, rebuilt, freesBytes, statements, total, executed }: MeasuredHygiene): Decision {
  if (dropped + rebuilt === 0) return { verdict: 'rejected', because: ['the copy spoke against every one of them'] };
  const slower = statements.filter(({ judged }) => judged === 'slower');
  if (slower.length > 0)
    return { verdict: 'rejected', because: [`${slower.length} statement(s) become slower: ${slower.map(({ statement }) => statement).join(', ')}`] };
  if (total.low > 1 && dropped > 0) return { verdict: 'rejected', because: [`the executed total rises to ${shown(total)} of before`] };
  const changed =
    statements.length === 0
      ? `no plan of ${executed} statement(s) changes without them`
      : `executed total ${shown(total)} of before, no statement slower beyond noise`;
  return {
    verdict: 'accepted',
    because: [
      ...(dropped === 0 ? [] : [`${dropped} index(es) go: ${changed}`]),
      ...(rebuilt === 0 ? [] : [`${rebuilt} index(es) are built anew, as they were on the copy`]),
      `${size(freesBytes)} are given back`,
    ],
  };
}

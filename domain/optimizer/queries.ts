/** The statements of a workload with what they took and what is known of them, the heaviest first. Pure. */
import type { Experiment, NotJudged, Statement, StatementCounts, StatementKind, StatementVerdict } from './model.ts';

/** What they are ordered by: executed time, shared blocks read or found, temporary blocks, WAL bytes, calls. */
export const queryOrders = ['time', 'io', 'temp', 'wal', 'calls'] as const;
export type QueryOrder = (typeof queryOrders)[number];

export interface QueryLine extends StatementCounts {
  /** queryid; for a workload file a digest. */
  readonly statement: string;
  /** Normalised: `$1` in place of values. null: not kept. */
  readonly text: string | null;
  readonly kind: StatementKind | null;
  readonly meanMs: number;
  /** Of all that the order counts, 0 to 1. */
  readonly share: number;
  /** Under the best set that was measured; null: there is none, and `reason` says why. */
  readonly verdict: StatementVerdict | null;
  readonly reason: string | null;
}

export interface MeasuredWorkload {
  readonly statements: readonly Statement[];
  readonly notJudged: readonly NotJudged[];
  /** The one whose verdicts count; null: nothing was measured. */
  readonly experiment: Experiment | null;
}

export interface Queries {
  readonly by: QueryOrder;
  readonly lines: readonly QueryLine[];
  /** All of the workload, those that are not among `lines`, too. */
  readonly statements: number;
  /** Of what the order counts. */
  readonly total: number;
}

/** Statements without any count (of earlier versions) come last. */
export function queriesOf(
  { statements, notJudged, experiment }: MeasuredWorkload,
  { by, limit }: { readonly by: QueryOrder; readonly limit: number },
): Queries {
  const refused = new Map([...(experiment?.notJudged ?? []), ...notJudged].map((each) => [each.statement, each]));
  const verdicts = new Map((experiment?.statements ?? []).map((verdict) => [verdict.statement, verdict]));
  const known = new Set(statements.map(({ id }) => id));
  const all = [
    ...statements.map(({ id, text, kind, ...counts }) => ({ statement: id, text, kind, ...counts })),
    ...notJudged.filter(({ statement }) => !known.has(statement)).map(({ statement, counts = none }) => ({ statement, text: null, kind: null, ...counts })),
  ];
  const total = all.reduce((sum, line) => sum + amountOf(line, by), 0);
  const lines = all
    .toSorted((a, b) => amountOf(b, by) - amountOf(a, by) || b.totalMs - a.totalMs || (a.statement < b.statement ? -1 : 1))
    .slice(0, limit)
    .map(({ statement, text, kind, ...counts }): QueryLine => {
      const verdict = verdicts.get(statement) ?? null;
      const { calls, totalMs, rows, blocks, tempBlocks, walBytes } = counts;
      return {
        ...{ statement, text, kind, calls, totalMs, rows, blocks, tempBlocks, walBytes },
        meanMs: calls === 0 ? 0 : totalMs / calls,
        share: total === 0 ? 0 : amountOf(counts, by) / total,
        verdict,
        reason: verdict === null ? reasonOf(refused.get(statement), experiment) : null,
      };
    });
  return { by, lines, statements: all.length, total };
}

function reasonOf(refused: NotJudged | undefined, experiment: Experiment | null): string {
  if (refused !== undefined) return `${refused.reason}: ${refused.detail}`;
  return experiment === null ? 'no set of indexes was measured' : 'it was not measured';
}

const none: StatementCounts = { calls: 0, totalMs: 0, rows: 0, blocks: 0, tempBlocks: 0, walBytes: 0 };

function amountOf(counts: StatementCounts, by: QueryOrder): number {
  switch (by) {
    case 'time':
      return counts.totalMs;
    case 'io':
      return counts.blocks;
    case 'temp':
      return counts.tempBlocks;
    case 'wal':
      return counts.walBytes;
    case 'calls':
      return counts.calls;
  }
}

interface Measured {
  readonly experiment: Experiment;
  readonly isAccepted: boolean;
  /** What it measured is what was recommended. */
  readonly isRecommended: boolean;
}

/** Of a run's experiments the one that says most: recommended, then accepted, then the least time left. Newest first is the order to give them in. */
export function tellingExperiment(all: readonly Measured[]): Experiment | null {
  const measured = all.filter(({ experiment }) => experiment.statements.length > 0);
  const rank = ({ isRecommended, isAccepted }: Measured) => (isRecommended ? 0 : isAccepted ? 1 : 2);
  const [best] = measured.toSorted((a, b) => rank(a) - rank(b) || a.experiment.total.ratio - b.experiment.total.ratio);
  return best?.experiment ?? null;
}

/** What is wrong with a statement as a whole: compiling or planning that takes longer than it saves, tables whose statistics are missing or stale. */
import { type Examined, type Finding, MIN_SHARE, type StatisticsFacts, sameRelation } from './finding.ts';
import { shareOf } from './plan-shares.ts';

/** A fifth of the execution for compiling it: switched off, the statement is most likely faster. */
const JIT_SHARE = 0.2;
/** Compiling for less is not felt. */
const JIT_MS = 20;
/** Planning that takes twice as long as executing pays where the plan is kept. A first plan in a session reads the catalogue, so below this nothing is said. */
const PLANNING_FACTOR = 2;
const PLANNING_MS = 5;
/** Half of the time, and enough of it to be felt: the statement's own plan is not what is slow. */
const TRIGGER_SHARE = 0.5;
const TRIGGER_MS = 20;
/** A table without statistics is guessed at 10 pages; of fewer rows the guess does no harm. */
const TABLE_ROWS = 1_000;
/** autovacuum analyzes after a tenth has changed: at twice that it does not keep up. */
const STALE_SHARE = 0.2;

export const statementFindings = (examined: Examined): readonly Finding[] => [
  ...jit(examined),
  ...planning(examined),
  ...triggers(examined),
  ...statistics(examined),
];

function jit({ plan: { jit: compiled, executionMs }, isMeasured }: Examined): Finding[] {
  if (compiled?.totalMs == null || executionMs === null || compiled.totalMs < JIT_MS || compiled.totalMs < executionMs * JIT_SHARE) return [];
  const evidence = { kind: 'jit-dominates', jitMs: compiled.totalMs, executionMs, functions: compiled.functions } as const;
  return [{ evidence, nodeId: null, relation: null, share: Math.min(1, compiled.totalMs / executionMs), isMeasured }];
}

function planning({ plan: { planningMs, executionMs }, isMeasured }: Examined): Finding[] {
  if (planningMs === null || executionMs === null || planningMs < PLANNING_MS || planningMs < executionMs * PLANNING_FACTOR) return [];
  return [
    {
      evidence: { kind: 'planning-dominates', planningMs, executionMs },
      nodeId: null,
      relation: null,
      share: planningMs / (planningMs + executionMs),
      isMeasured,
    },
  ];
}

/** A foreign key asks the other table once for each row: without an index there, it reads all of it each time. */
function triggers({ plan: { triggers: fired, executionMs }, isMeasured }: Examined): Finding[] {
  return fired.flatMap(({ name, isConstraint, ms: triggerMs, calls }) => {
    if (triggerMs === null || executionMs === null || triggerMs < TRIGGER_MS || triggerMs < executionMs * TRIGGER_SHARE) return [];
    const evidence = { kind: 'trigger-dominates', trigger: name, isConstraint, triggerMs, executionMs, calls } as const;
    return [{ evidence, nodeId: null, relation: null, share: Math.min(1, triggerMs / executionMs), isMeasured }];
  });
}

/** One for each table, at the node that costs most of those that read it. */
function statistics(examined: Examined): Finding[] {
  return (examined.facts.statistics ?? []).flatMap((facts) => {
    const nodes = examined.nodes.filter(({ relation }) => sameRelation(relation, facts.table));
    const [top] = nodes.toSorted((a, b) => shareAt(examined, b.id) - shareAt(examined, a.id));
    const share = Math.min(
      1,
      nodes.reduce((sum, { id }) => sum + shareAt(examined, id), 0),
    );
    const evidence = top === undefined || share < MIN_SHARE ? null : statisticsFault(facts);
    return evidence === null || top === undefined ? [] : [{ evidence, nodeId: top.id, relation: facts.table, share, isMeasured: examined.isMeasured }];
  });
}

/** Missing or stale; null where they are neither, or the table is small. */
export function statisticsFault({ rows, changedSinceAnalyze, analyzedAt, hasStatistics }: StatisticsFacts): Finding['evidence'] | null {
  // a table that was never counted may still hold many rows: those that were changed are known
  const known = Math.max(rows, changedSinceAnalyze ?? 0);
  if (known < TABLE_ROWS) return null;
  if (!hasStatistics) return { kind: 'statistics-missing', rows: known };
  const isStale = changedSinceAnalyze !== null && changedSinceAnalyze >= Math.max(TABLE_ROWS, rows * STALE_SHARE);
  return isStale ? { kind: 'statistics-stale', rows, changedRows: changedSinceAnalyze, analyzedAt } : null;
}

function shareAt({ shares }: Examined, id: number): number {
  const share = shares[id];
  return share === undefined ? 0 : shareOf(share);
}

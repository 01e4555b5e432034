/** Measured times as an experiment with its decision. */
import { createIndexSql, indexName } from '../../../domain/optimizer/index-sql.ts';
import type { Decision, Experiment, OptimizerLimits, PlanChange } from '../../../domain/optimizer/model.ts';
import type { Interval } from '../../../domain/optimizer/statistics.ts';
import { decide, judgeAll, judgeTotal } from '../../../domain/optimizer/verdict.ts';
import type { SetTimes } from './experiment.ts';
import type { BuiltIndex } from './sets.ts';

export interface Judging {
  readonly id: string;
  readonly proof: string;
  readonly built: readonly BuiltIndex[];
  /** By leave-one-out; null: not measured. */
  readonly places: ReadonlyMap<BuiltIndex, Interval> | null;
  readonly limits: OptimizerLimits;
  /** By statement; left out: not looked at. */
  readonly plans?: ReadonlyMap<string, PlanChange>;
}

export function judgedExperiment(
  { statements, notJudged }: SetTimes,
  { id, proof, built, places, limits, plans }: Judging,
): { readonly experiment: Experiment; readonly decision: Decision } {
  const indexes = built.map((each) => ({
    each,
    sql: createIndexSql(each.index, indexName(each.index), { concurrently: true }),
    leaveOneOut: places?.get(each) ?? null,
  }));
  const experiment: Experiment = {
    id,
    proofId: proof,
    changes: indexes.map(({ each, sql, leaveOneOut }) => ({
      sql,
      sizeBytes: each.sizeBytes,
      buildMs: each.buildMs,
      leaveOneOut: leaveOneOut?.ratio ?? null,
      leaveOneOutLow: leaveOneOut?.low ?? null,
    })),
    statements: judgeAll(statements).map((each) => ({ ...each, ...planOf(each.statement, plans) })),
    total: judgeTotal(statements),
    wallTotal: judgeTotal(statements.map(({ wall }) => wall)),
    notJudged,
  };
  const sizeBytes = built.reduce((sum, each) => sum + each.sizeBytes, 0);
  return { experiment, decision: decide({ ...experiment, sizeBytes, budgetBytes: limits.budgetBytes, indexes }) };
}

function planOf(statement: string, plans: Judging['plans']): { readonly plan?: PlanChange } {
  const plan = plans?.get(statement);
  return plan === undefined ? {} : { plan };
}

/** A set that PostgreSQL would not build: nothing was measured. */
export function refusedExperiment(
  refused: string,
  { id, proof }: Pick<Judging, 'id' | 'proof'>,
): { readonly experiment: Experiment; readonly decision: Decision } {
  const experiment: Experiment = { id, proofId: proof, changes: [], statements: [], total: { ratio: 1, low: 1, high: 1 } };
  return { experiment, decision: { verdict: 'rejected', because: [`it cannot be built: ${refused}`] } };
}

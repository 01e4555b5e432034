/** A run's workload with what was found out about it. Read only. */
import type { NotJudged } from '../../domain/optimizer/model.ts';
import type { MeasuredWorkload } from '../../domain/optimizer/queries.ts';
import { tellingExperiment } from '../../domain/optimizer/queries.ts';
import { kindOf } from '../../domain/optimizer/recommendation.ts';
import { ExperimentEntity } from '../../entities/experiment.ts';
import { OptimizerRunEntity, OptimizerStatementEntity } from '../../entities/optimizer-run.ts';
import { RecommendationEntity } from '../../entities/recommendation.ts';
import type { Control } from './control-database.ts';

export interface LastRun extends MeasuredWorkload {
  readonly run: string;
  readonly database: string;
  readonly startedAt: string;
  readonly source: 'pg_stat_statements' | 'files';
  readonly notices: readonly string[];
}

/**
 * The newest of a cluster that came to its end, of any of its databases where null; the newest of all where none did. One that was refused, or goes on,
 * has told nothing yet: a notice names it. null: there is none.
 */
export async function lastRun(control: Control, cluster: string, database: string | null): Promise<LastRun | null> {
  const em = control.em();
  const where = database === null ? { cluster } : { cluster, database };
  const newestFirst = { orderBy: { startedAt: 'desc', id: 'asc' }, limit: 1 } as const;
  const [newest] = await em.find(OptimizerRunEntity, where, newestFirst);
  if (newest === undefined) return null;
  const [ended] = await em.find(OptimizerRunEntity, { ...where, outcome: { $in: ['recommended', 'nothing'] } }, newestFirst);
  // what failed may have proposed something before
  const hasProposed = (await em.count(RecommendationEntity, { run: newest.id })) > 0;
  const run = hasProposed ? newest : (ended ?? newest);
  const rows = await em.find(OptimizerStatementEntity, { run: run.id }, { orderBy: { position: 'asc' } });
  const experiments = await em.find(ExperimentEntity, { run: run.id }, { orderBy: { measuredAt: 'desc', id: 'asc' } });
  const proposed = (await em.find(RecommendationEntity, { run: run.id })).map(({ document }) => document);
  const recommended = new Set(proposed.filter(({ indexes }) => indexes.some((change) => kindOf(change) === 'create-index')).map((each) => each.experiment.id));
  return {
    ...{ run: run.id, database: run.database, source: run.source, notices: [...run.notices, ...(run === newest ? [] : [laterRun(newest)])] },
    startedAt: run.startedAt.toISOString(),
    statements: rows.flatMap(({ statement }) => statement ?? []),
    notJudged: rows.flatMap(unjudged),
    experiment: tellingExperiment(
      experiments.map(({ id, document, decision }) => ({
        experiment: document,
        isAccepted: decision.verdict === 'accepted',
        isRecommended: recommended.has(id),
      })),
    ),
  };
}

function laterRun({ id, outcome, because }: OptimizerRunEntity): string {
  return outcome === 'failed' ? `a later run, ${id}, failed: ${(because ?? []).join('; ')}` : `a later run, ${id}, has not come to its end`;
}

function unjudged({ id: statement, reason, detail, counts }: OptimizerStatementEntity): readonly NotJudged[] {
  if (!reason) return [];
  return [{ statement, reason, detail: detail ?? '', ...(counts ? { counts } : {}) }];
}

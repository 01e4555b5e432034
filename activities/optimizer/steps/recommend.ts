/** What was measured on a lab becomes a recommendation, or the reason why not is kept: the end of every step that may recommend. */
import type { Decision, Experiment } from '../../../domain/optimizer/model.ts';
import { optimizerPolicyOf } from '../../../domain/optimizer/policy.ts';
import { type Recommendation, type RecommendedIndex, tablesOfChange } from '../../../domain/optimizer/recommendation.ts';
import type { ExperimentSummary } from '../../../domain/optimizer/requests.ts';
import type { StatementPlans } from '../../../domain/optimizer/statement-plans.ts';
import type { Prepared } from '../lab/session.ts';
import type { OptimizerDependencies } from '../ports.ts';
import { proposedOnMore } from '../removal-evidence.ts';
import { tableSizes } from '../table-sizes.ts';
import { refusedBefore } from './decide.ts';
import { type MeasureRequest, recordExperiment } from './measure.ts';

export interface RecommendRequest extends Omit<MeasureRequest, 'finalist'> {
  /** Id for the recommendation, where there is something to recommend. */
  readonly recommendation: string;
  /** Label of the backup the lab was made of. */
  readonly backup: string;
}

export interface MeasuredChanges {
  readonly request: RecommendRequest;
  readonly prepared: Pick<Prepared, 'stored' | 'session'>;
  readonly experiment: Experiment;
  readonly decision: Decision;
  /** Empty where nothing was accepted. */
  readonly changes: readonly RecommendedIndex[];
  /** Of its statements before and after; left out: none are kept. Asked only where it is recommended. */
  readonly plans?: () => Promise<readonly StatementPlans[]>;
}

export interface Recorded {
  readonly experiment: ExperimentSummary;
  readonly decision: Decision;
  /** null: nothing is recommended, and the decision says why. */
  readonly recommendation: string | null;
}

/** Experiment and recommendation go to the control database. Idempotent by their ids. */
export async function recordAndRecommend(deps: OptimizerDependencies, measured: MeasuredChanges): Promise<Recorded> {
  const { request, experiment, changes, plans } = measured;
  const idea = measured.decision.verdict === 'accepted' && changes.length > 0 ? await recommendationOf(deps, measured) : null;
  const refused = idea === null ? null : ((await refusedBefore(deps.store, idea)) ?? (await proposedOnMore(deps.store, idea)));
  const decision: Decision = refused === null ? measured.decision : { verdict: 'rejected', because: [refused] };
  const summary = await recordExperiment(deps, request, { experiment, decision });
  if (idea === null || refused !== null) return { experiment: summary, decision, recommendation: null };
  const kept = await plans?.();
  await deps.store.saveRecommendation(idea);
  if (kept !== undefined) await deps.store.savePlans(idea.id, kept);
  const { cluster, id, indexes } = idea;
  deps.observe({ kind: 'recommendation-made', cluster, recommendation: id, indexes: indexes.length, ratio: experiment.total.ratio });
  return { experiment: summary, decision, recommendation: id };
}

async function recommendationOf(
  { now }: OptimizerDependencies,
  { request, prepared: { stored, session }, experiment, decision, changes }: MeasuredChanges,
): Promise<Recommendation> {
  const judged = new Set(experiment.statements.map(({ statement }) => statement));
  return {
    id: request.recommendation,
    run: request.run,
    cluster: stored.cluster,
    database: stored.database,
    createdAt: now().toISOString(),
    state: 'proposed',
    experiment,
    backup: request.backup,
    indexes: changes,
    decision,
    capturesValues: optimizerPolicyOf(request.policy).capture.values,
    tables: await tableSizes(session.client, changes.flatMap(tablesOfChange)),
    texts: Object.fromEntries(stored.statements.filter(({ id }) => judged.has(id)).map(({ id, text }) => [id, text])),
  };
}

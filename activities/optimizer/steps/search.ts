/** On the lab, nothing built yet: values for the statements, then sets of indexes by what-if planning. */

import { AssayError } from '../../../domain/errors.ts';
import { accuracyByShape, discountBy, discountNotices } from '../../../domain/optimizer/accuracy.ts';
import { reasonsOf } from '../../../domain/optimizer/experiment.ts';
import type { OptimizerLimits } from '../../../domain/optimizer/model.ts';
import { kindOf, newBytes, type Recommendation } from '../../../domain/optimizer/recommendation.ts';
import type { SearchSummary } from '../../../domain/optimizer/requests.ts';
import { endOtherSessions } from '../lab/alone.ts';
import { madeAsOnSource } from '../lab/as-on-source.ts';
import { bindRun } from '../lab/bind-run.ts';
import { labSettings } from '../lab/planner-settings.ts';
import type { FinalistSet, LabRef, OptimizerDependencies } from '../ports.ts';

export interface OnLab extends LabRef {
  readonly run: string;
  readonly limits: OptimizerLimits;
  /** Files that the workload came from: their values are read again where they are needed. null: none. */
  readonly workload: readonly string[] | null;
}

export function searchSteps(deps: OptimizerDependencies) {
  return {
    /** The sets go to the control database, counts come back. */
    searchSets: (request: OnLab): Promise<SearchSummary> => searchOnLab(deps, request),
  };
}

async function searchOnLab(deps: OptimizerDependencies, { policy, clone, run, limits, workload }: OnLab): Promise<SearchSummary> {
  const stored = await deps.store.load(run);
  const io = deps.io();
  return deps.labSession({ policy, clone }, { database: stored.database, settings: labSettings(stored.settings) }, async (client) => {
    await endOtherSessions(client);
    const since = await madeAsOnSource(client, (use) => deps.sourceSession(policy, stored.database, use), io);
    const { bound, notJudged, notices } = await bindRun(deps, client, { stored, workload, policy });
    const gains = await deps.store.gains(policy.cluster);
    const accuracy = accuracyByShape(gains);
    const own = gains.filter(({ database }) => database === stored.database);
    const earlier = (await deps.store.inState(policy.cluster, stored.database, 'proposed')).map(setOf);
    const { sets, wider, explains } = await deps.search(client, { bound, limits, io, discount: discountBy(accuracy, own), earlier }).catch(refuseMissing);
    await deps.store.notJudged(run, notJudged);
    deps.observe({ kind: 'statements-not-judged', cluster: policy.cluster, step: 'bind', reasons: reasonsOf(notJudged) });
    await deps.store.saveFinalists(run, wider.length === 0 ? sets : [...sets, { indexes: wider, estimatedRatio: 1, estimatedBytes: 0, isPoolOnly: true }]);
    const open = sets.flatMap(({ proposedBy }) =>
      proposedBy === undefined ? [] : [`what recommendation ${proposedBy} proposes takes part: it is still open`],
    );
    return {
      bound: bound.length,
      notBound: notJudged.length,
      sets: sets.length,
      explains,
      notices: [...since, ...notices, ...discountNotices(accuracy), ...open],
    };
  });
}

/** The new indexes of a recommendation, with what was measured. */
const setOf = ({ id, indexes, experiment }: Recommendation): FinalistSet => ({
  proposedBy: id,
  indexes: indexes.flatMap((change) => (kindOf(change) === 'create-index' && change.index !== null ? [change.index] : [])),
  estimatedRatio: experiment.total.ratio,
  estimatedBytes: newBytes(indexes),
});

/** The library belongs to the server's files, not to the database. */
function refuseMissing(error: unknown): never {
  const { code, message } = error as { code?: string; message?: string };
  if ((code !== '0A000' && code !== '58P01') || !/hypopg/.test(message ?? '')) throw error;
  throw new AssayError('what-if-missing', {}, { cause: error });
}

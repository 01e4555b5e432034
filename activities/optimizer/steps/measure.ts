/** One set that the search found, really built on the lab and measured against the lab without it. */
import { summaryOf } from '../../../domain/optimizer/experiment.ts';
import type { Decision, Experiment } from '../../../domain/optimizer/model.ts';
import type { ExperimentSummary } from '../../../domain/optimizer/requests.ts';
import { measureSet } from '../lab/experiment.ts';
import { judgedExperiment, refusedExperiment } from '../lab/judged.ts';
import { planChanges } from '../lab/plan-changes.ts';
import { onLab } from '../lab/session.ts';
import type { OptimizerDependencies } from '../ports.ts';
import type { OnLab } from './search.ts';

export interface MeasureRequest extends OnLab {
  /** Place of the set among the run's finalists. */
  readonly finalist: number;
  /** Names the experiment; the same id is the same one. */
  readonly experiment: string;
  /** Proof that the lab rests on. */
  readonly proof: string;
}

export function measureSteps(deps: OptimizerDependencies) {
  return {
    /** The experiment goes to the control database, figures come back. */
    measureFinalist: (request: MeasureRequest): Promise<ExperimentSummary> =>
      onLab(deps, request, {
        indexesOf: ({ finalists }) => finalists[request.finalist]?.indexes ?? [],
        async work({ session, units, built, rounds, refused }) {
          const { limits, proof, experiment: id } = request;
          if (refused !== null) return recordExperiment(deps, request, refusedExperiment(refused, { id, proof }));
          const times = await measureSet(session, units, { built, rounds });
          const plans = await planChanges(session, times, built);
          return recordExperiment(deps, request, judgedExperiment(times, { id, proof, built, places: null, limits, plans }));
        },
      }),
  };
}

/** Kept in the control database and told; its figures come back. Idempotent by the experiment's id. */
export async function recordExperiment(
  deps: OptimizerDependencies,
  { run, policy }: Pick<MeasureRequest, 'run' | 'policy'>,
  { experiment, decision }: { readonly experiment: Experiment; readonly decision: Decision },
): Promise<ExperimentSummary> {
  await deps.store.saveExperiment(run, experiment, decision);
  deps.observe({ kind: 'experiment-measured', cluster: policy.cluster, experiment: experiment.id, verdict: decision.verdict, ratio: experiment.total.ratio });
  return summaryOf(experiment, decision);
}

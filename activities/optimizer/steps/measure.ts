/** One set that the search found, really built on the lab and measured against the lab without it. */
import { besideFastest, summaryOf } from '../../../domain/optimizer/experiment.ts';
import { distinctIndexes, indexText } from '../../../domain/optimizer/index-sql.ts';
import type { Decision, Experiment } from '../../../domain/optimizer/model.ts';
import type { ExperimentSummary } from '../../../domain/optimizer/requests.ts';
import { measureSet, type SetTimes } from '../lab/experiment.ts';
import { judgedExperiment, refusedExperiment } from '../lab/judged.ts';
import { planChanges } from '../lab/plan-changes.ts';
import { onLab } from '../lab/session.ts';
import { measureSets } from '../lab/side-by-side.ts';
import type { OptimizerDependencies, StoredRun } from '../ports.ts';
import type { OnLab } from './search.ts';

export interface MeasureRequest extends OnLab {
  /** Place of the set among the run's finalists. */
  readonly finalist: number;
  /** Names the experiment; the same id is the same one. */
  readonly experiment: string;
  /** Proof that the lab rests on. */
  readonly proof: string;
}

/** Of the time for measuring, beside that for choosing. */
const MEASURING = 0.4;

export interface MeasureAllRequest extends OnLab {
  /** Of each finalist, in their order; the same id is the same experiment. */
  readonly experiments: readonly string[];
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
          const plans = await planChanges(session, times, { built });
          return recordExperiment(deps, request, judgedExperiment(times, { id, proof, built, places: null, limits, plans }));
        },
      }),

    /**
     * All finalists at once, their indexes built side by side; what was built stays for the step that settles the best. null: PostgreSQL would not
     * build all of them, so that each is to be measured by itself.
     */
    measureFinalists: (request: MeasureAllRequest): Promise<readonly ExperimentSummary[] | null> =>
      onLab(deps, request, {
        isKept: true,
        indexesOf: ({ finalists }) => distinctIndexes(setsOf(finalists).flat()),
        async work({ stored, session, units, built, rounds, refused }) {
          const { limits, proof, experiments } = request;
          if (refused !== null) return null;
          const sets = setsOf(stored.finalists).map((set) => built.filter(({ index }) => set.some((other) => indexText(other) === indexText(index))));
          const measured = await measureSets(session, units, {
            ...{ built, sets, isWarm: true },
            rounds: { ...rounds, untilMs: Date.now() + MEASURING * limits.measureMs },
          });
          const all: { readonly summary: ExperimentSummary; readonly statements: SetTimes['statements'] }[] = [];
          for (const [place, times] of measured.entries()) {
            const set = sets[place] ?? [];
            const plans = await planChanges(session, times, { built: set, aside: built.filter((index) => !set.includes(index)) });
            const judged = judgedExperiment(times, { id: experiments[place] as string, proof, built: set, places: null, limits, plans }); // an id for each
            all.push({ summary: await recordExperiment(deps, request, judged), statements: times.statements });
          }
          return besideFastest(all);
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

const setsOf = (finalists: StoredRun['finalists']) => finalists.filter(({ isPoolOnly }) => isPoolOnly !== true).map(({ indexes }) => indexes);

/** Finalists, and what a larger budget would buy, as one pool of indexes: what-if planning found them, executing them says which of them to keep. */
import { distinctIndexes, setText } from '../../../domain/optimizer/index-sql.ts';
import { chooseBuilt } from '../lab/choose.ts';
import { onLab } from '../lab/session.ts';
import type { FinalistSet, OptimizerDependencies } from '../ports.ts';
import type { OnLab } from './search.ts';

export interface Choice {
  /** The run's finalists now. */
  readonly sets: number;
  /** Of statements, on the way. */
  readonly executions: number;
}

/** Of the time for measuring: five sets are proven in it, once they are built. */
const CHOOSING = 0.4;

export interface ChooseRequest extends OnLab {
  /** What was built stays for the step that measures. Default false. */
  readonly isKept?: boolean;
}

export function chooseSteps(deps: OptimizerDependencies) {
  return {
    /** One more finalist, at the end, where executing leads to a set that the search did not have. Repeated, it adds none. */
    chooseSet: (request: ChooseRequest): Promise<Choice> =>
      onLab(deps, request, {
        isKept: request.isKept ?? false,
        indexesOf: ({ finalists }) => distinctIndexes(finalists.flatMap(({ indexes }) => indexes)),
        async work({ stored, session, units, built, refused }) {
          const { limits, run } = request;
          const finalists = stored.finalists.filter(({ isPoolOnly }) => isPoolOnly !== true);
          const wider = stored.finalists.filter(({ isPoolOnly }) => isPoolOnly === true);
          const pool = { units, built, finalists: finalists.map(({ indexes }) => indexes), untilMs: Date.now() + CHOOSING * limits.measureMs, ...limits };
          const chosen = refused === null && built.length > 1 ? await chooseBuilt(session, pool) : null;
          const indexes = chosen?.indexes.map(({ index }) => index) ?? [];
          const isNew = indexes.length > 0 && finalists.every((set) => setText(set.indexes) !== setText(indexes));
          if (chosen === null || !isNew) return { sets: finalists.length, executions: chosen?.executions ?? 0 };
          const estimatedBytes = chosen.indexes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
          const set: FinalistSet = { indexes, estimatedRatio: chosen.ratio, estimatedBytes };
          await deps.store.saveFinalists(run, [...finalists, set, ...wider]);
          return { sets: finalists.length + 1, executions: chosen.executions };
        },
      }),
  };
}

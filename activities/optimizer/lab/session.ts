/** A session on the lab with a run's statements prepared in it, and one of its sets really built. */
import type pg from 'pg';
import type { IndexDefinition, NotJudged } from '../../../domain/optimizer/model.ts';
import { isServerError, reasonByCode, scrubbedReason } from '../../pg-errors.ts';
import type { OptimizerDependencies, StoredRun } from '../ports.ts';
import type { OnLab } from '../steps/search.ts';
import { endOtherSessions } from './alone.ts';
import { bindRun } from './bind-run.ts';
import { prepareUnits, type Unit } from './execute.ts';
import type { LabSession, Rounds } from './measure.ts';
import { labSettings } from './planner-settings.ts';
import { type BuiltIndex, buildSet, dropSets } from './sets.ts';

export interface Prepared {
  readonly stored: StoredRun;
  readonly session: LabSession;
  readonly units: readonly Unit[];
  readonly notJudged: readonly NotJudged[];
  readonly built: readonly BuiltIndex[];
  /** Why PostgreSQL would not build the set; null: it is there. */
  readonly refused: string | null;
  readonly rounds: Rounds;
}

export interface WorkOnLab<T> {
  readonly indexesOf: (stored: StoredRun) => readonly IndexDefinition[];
  readonly work: (prepared: Prepared) => Promise<T>;
  /** The next step builds some of the same. Default false. */
  readonly isKept?: boolean;
}

/** Builds the set, measures, drops it again, or keeps it for the step that comes next; where that was cut short the next attempt finds it. */
export async function onLab<T>(
  deps: OptimizerDependencies,
  { policy, clone, run, limits, workload }: OnLab,
  { indexesOf, work, isKept = false }: WorkOnLab<T>,
): Promise<T> {
  const stored = await deps.store.load(run);
  const { database, settings } = stored;
  return deps.labSession({ policy, clone }, { database, settings: labSettings(settings) }, async (client) => {
    const io = deps.io();
    await endOtherSessions(client);
    const { bound, notJudged } = await bindRun(deps, client, { stored, workload, policy });
    const { built, refused } = await buildSet(client, indexesOf(stored), io).then((all) => ({ built: all, refused: null }), refusal);
    const prepared = await prepareAll(client, bound);
    const rounds = { repeats: limits.repeats, untilMs: Date.now() + limits.measureMs };
    const session = { client, io, statementTimeoutMs: limits.statementTimeoutMs };
    const answer = await work({ stored, session, rounds, built, refused, units: prepared.units, notJudged: [...notJudged, ...prepared.notJudged] });
    if (!isKept) await dropSets(client);
    return answer;
  });
}

/** A set that cannot be built is no reason to end the run; a lab that is gone is. No value of a row is in what is said. */
function refusal(error: unknown): { readonly built: readonly BuiltIndex[]; readonly refused: string } {
  if (!isServerError(error)) throw error;
  return { built: [], refused: scrubbedReason(error) };
}

/** Only with values: executed with none, a statement would do something else than it does for the application. */
async function prepareAll(client: pg.Client, bound: Awaited<ReturnType<OptimizerDependencies['bind']>>['bound']) {
  const units: Unit[] = [];
  const notJudged: NotJudged[] = [];
  for (const [number, each] of bound.entries()) {
    const bindings = each.bindings.filter(({ source }) => source !== 'generic' || each.parameterTypes.length === 0);
    const refused = (detail: string) => notJudged.push({ statement: each.statement.id, reason: 'failed-on-lab', detail });
    if (bindings.length === 0) refused('no values to execute it with are known');
    else
      await prepareUnits(client, { ...each, bindings }, number).then(
        (ready) => units.push(...ready),
        (error: unknown) => refused(reasonByCode(error)),
      );
  }
  return { units, notJudged };
}

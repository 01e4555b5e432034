/** The plans of the statements that a set moved most, without it and with it, executed once more with a clock at each node. */
import { AssayError } from '../../../domain/errors.ts';
import { indexName } from '../../../domain/optimizer/index-sql.ts';
import type { StatementVerdict } from '../../../domain/optimizer/model.ts';
import { movedMs, planToKeep, type StatementPlans, worthAPlan } from '../../../domain/optimizer/statement-plans.ts';
import { isServerError } from '../../pg-errors.ts';
import { type Away, explained, type Unit } from './execute.ts';
import type { SetTimes } from './experiment.ts';
import type { LabSession } from './measure.ts';
import type { BuiltIndex } from './sets.ts';

/** Later than this nothing is executed for it any more: the planner's estimates have to do. */
const EXECUTE_MS = 60_000;

interface Moved {
  readonly times: SetTimes;
  readonly verdicts: readonly StatementVerdict[];
  /** Is there; what is no index has no name in a plan. */
  readonly built: readonly (Away[number] & Partial<Pick<BuiltIndex, 'index'>>)[];
}

/** Of each statement with those of its values that it moved most. What cannot be explained is left out. Throws cancelled, and where the lab is gone. */
export async function keepPlans(session: LabSession, { times, verdicts, built }: Moved): Promise<readonly StatementPlans[]> {
  const names = new Map(built.flatMap(({ name, index }) => (index === undefined ? [] : [[name, indexName(index)] as const])));
  const until = Date.now() + EXECUTE_MS;
  const kept: StatementPlans[] = [];
  const worth = worthAPlan(verdicts, times.statements);
  for (const [done, statement] of worth.entries()) {
    if (session.io.signal.aborted) throw new AssayError('cancelled', { what: 'explaining on the lab' });
    session.io.beat({ phase: 'plans', done, total: worth.length });
    const unit = mostMoved(times, statement);
    if (unit === undefined) continue;
    const plan = async (away: Away) => planToKeep(await eitherWay(session, unit, { away, isExecuted: Date.now() < until }), names);
    try {
      kept.push({ statement, before: await plan(built), after: await plan([]) });
    } catch (error) {
      if (!isServerError(error)) throw error;
    }
  }
  return kept;
}

const mostMoved = ({ units }: SetTimes, statement: string): Unit | undefined =>
  units
    .filter(({ unit, fault, pairs }) => unit.bound.statement.id === statement && fault === null && pairs.length > 0)
    .toSorted((a, b) => movedMs(b.pairs) - movedMs(a.pairs))[0]?.unit;

/** Executed where there is time and it ends in time, else only planned. */
async function eitherWay({ client, statementTimeoutMs: timeoutMs }: LabSession, unit: Unit, { away, isExecuted }: { away: Away; isExecuted: boolean }) {
  const only = () => explained(client, unit, { away, timeoutMs, isExecuted: false });
  if (!isExecuted) return only();
  return explained(client, unit, { away, timeoutMs, isExecuted: true }).catch((error: unknown) => {
    if (!isServerError(error)) throw error;
    return only();
  });
}

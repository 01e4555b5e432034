/** Plans of the statements that get a setting, without it and with it, executed once more with a clock at each node: what whoever decides looks at. */
import { movedMs, planToKeep, type StatementPlans } from '../../../domain/optimizer/statement-plans.ts';
import { isServerError } from '../../pg-errors.ts';
import { explained, type LocalSettings } from '../lab/execute.ts';
import type { LabSession } from '../lab/measure.ts';
import { type MeasuredIdea, settingsBefore, valuesOf } from './measure.ts';

/** Of each with those of its values that it moved most; what fails is left out. Throws where the lab is gone. */
export async function keptPlans({ client, io, statementTimeoutMs: timeoutMs }: LabSession, ideas: readonly MeasuredIdea[]): Promise<readonly StatementPlans[]> {
  const kept: StatementPlans[] = [];
  for (const { statement, times, settings } of ideas) {
    io.signal.throwIfAborted();
    const [most] = times.filter(({ fault, pairs }) => fault === null && pairs.length > 0).toSorted((a, b) => movedMs(b.pairs) - movedMs(a.pairs));
    if (most === undefined) continue;
    const plan = async (set: LocalSettings) =>
      planToKeep(await explained(client, most.unit, { away: [], timeoutMs, isExecuted: true, settings: set }), new Map());
    try {
      kept.push({ statement: statement.id, before: await plan(settingsBefore(settings)), after: await plan(valuesOf(settings)) });
    } catch (error) {
      if (!isServerError(error)) throw error;
    }
  }
  return kept;
}

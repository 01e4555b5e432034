/** The whole workload with the settings that are recommended against without: what none is for weighs as it is. */
import type { NotJudged } from '../../../domain/optimizer/model.ts';
import type { StatementTimes } from '../../../domain/optimizer/verdict.ts';
import type { Unit } from '../lab/execute.ts';
import { readsNothing, unexecuted } from '../lab/experiment.ts';
import { type LabSession, timeOnce } from '../lab/measure.ts';
import type { Prepared } from '../lab/session.ts';
import type { MeasuredIdea, MeasuredUnit } from './measure.ts';

export interface WholeTimes {
  readonly statements: readonly StatementTimes[];
  readonly notJudged: readonly NotJudged[];
}

/** Where nothing was accepted, only what was tried would be weighed: nothing is executed for that. */
export async function wholeTimes({ session, units }: Pick<Prepared, 'session' | 'units'>, accepted: readonly MeasuredIdea[]): Promise<WholeTimes> {
  const known = new Map(accepted.map((idea) => [idea.statement.id, idea]));
  const [statements, notJudged]: [StatementTimes[], NotJudged[]] = [[], []];
  if (accepted.length === 0) return { statements, notJudged };
  for (const id of new Set(units.map(({ bound }) => bound.statement.id))) {
    session.io.signal.throwIfAborted();
    const own = units.filter(({ bound }) => bound.statement.id === id);
    const times = known.get(id)?.times ?? (await timedOnce(session, own));
    const good = times.filter(({ fault, pairs }) => fault === null && pairs.length > 0);
    const fault = times.find((each) => each.fault !== null)?.fault ?? { reason: 'budget' as const, detail: 'no time was left' };
    if (good.length === 0) notJudged.push({ statement: id, ...fault });
    else {
      const bindings = good.map(({ unit, pairs }) => ({ source: unit.binding.source, pairs }));
      statements.push({ statement: id, calls: own[0]?.bound.statement.calls ?? 0, bindings });
    }
  }
  return { statements, notJudged };
}

async function timedOnce(session: LabSession, units: readonly Unit[]): Promise<readonly MeasuredUnit[]> {
  const times: MeasuredUnit[] = [];
  for (const unit of units) times.push({ unit, ...((await readsNothing(session, unit)) ? unexecuted : await timeOnce(session, unit)) });
  return times;
}

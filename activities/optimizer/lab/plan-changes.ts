/** What a set changed in each statement's plan, and what the planner expected of it: so that expectations can be compared with what was measured. */
import type { PlanChange } from '../../../domain/optimizer/model.ts';
import { type ChangedPlan, shapeOfChange } from '../../../domain/optimizer/plan-change.ts';
import { type Away, costedPlan, type Unit } from './execute.ts';
import type { SetTimes } from './experiment.ts';
import type { LabSession } from './measure.ts';
import type { BuiltIndex } from './sets.ts';

/** By statement; those whose plans stay as they are, or cannot be had, are missing. The set is built, and what is aside, which is away. Nothing is executed. */
export async function planChanges(
  { client }: LabSession,
  times: SetTimes,
  { built, aside = [] }: { readonly built: readonly BuiltIndex[]; readonly aside?: readonly BuiltIndex[] },
): Promise<ReadonlyMap<string, PlanChange>> {
  const touched = new Set(times.units.filter(({ isTouched, fault }) => isTouched && fault === null).map(({ unit }) => unit.bound.statement.id));
  const found = new Map<string, PlanChange>();
  for (const id of touched) {
    const units = times.units.filter(({ unit, fault }) => unit.bound.statement.id === id && fault === null).map(({ unit }) => unit);
    const change = await allPlans(client, units, { before: [...built, ...aside], after: aside }).then(changeOf, () => null);
    if (change !== null) found.set(id, change);
  }
  return found;
}

interface BothPlans {
  readonly before: ChangedPlan;
  readonly after: ChangedPlan;
}

async function allPlans(client: LabSession['client'], units: readonly Unit[], away: Record<keyof BothPlans, Away>): Promise<readonly BothPlans[]> {
  const plans: BothPlans[] = [];
  for (const unit of units) plans.push({ before: await costedPlan(client, unit, away.before), after: await costedPlan(client, unit, away.after) });
  return plans;
}

/** Of all values together, named by those for which the planner expects most of it. */
function changeOf(plans: readonly BothPlans[]): PlanChange | null {
  const changed = plans.flatMap((both) => {
    const shape = shapeOfChange(both.before, both.after);
    return shape === null ? [] : [{ shape, by: Math.abs(both.before['Total Cost'] - both.after['Total Cost']) }];
  });
  const [main] = changed.toSorted((a, b) => b.by - a.by);
  const sum = (side: keyof BothPlans) => plans.reduce((total, plan) => total + plan[side]['Total Cost'], 0);
  return main === undefined || sum('before') === 0 ? null : { shape: main.shape, estimatedRatio: sum('after') / sum('before') };
}

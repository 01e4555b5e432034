/** What a set changed in each statement's plan, and what the planner expected of it: so that expectations can be compared with what was measured. */
import { quoteRelation } from '../../../domain/optimizer/index-sql.ts';
import type { PlanChange } from '../../../domain/optimizer/model.ts';
import { shapeOfChange } from '../../../domain/optimizer/plan-change.ts';
import { readTableFacts } from '../catalogue.ts';
import { openLoopCosts, type SizedIndex } from '../what-if/loops.ts';
import { sizeHints } from '../what-if/size-hints.ts';
import { type Away, type CostedPlan, costedPlan, type Unit } from './execute.ts';
import type { SetTimes } from './experiment.ts';
import type { LabSession } from './measure.ts';
import type { BuiltIndex } from './sets.ts';

/** By statement; those whose plans stay as they are, or cannot be had, are missing. The set is built, and what is aside, which is away. No statement is executed. */
export async function planChanges(
  { client }: LabSession,
  times: SetTimes,
  { built, aside = [] }: { readonly built: readonly BuiltIndex[]; readonly aside?: readonly BuiltIndex[] },
): Promise<ReadonlyMap<string, PlanChange>> {
  const touched = new Set(times.units.filter(({ isTouched, fault }) => isTouched && fault === null).map(({ unit }) => unit.bound.statement.id));
  const found = new Map<string, PlanChange>();
  if (touched.size === 0) return found;
  // where that cannot be had, the planner's own word counts
  const missing = await missingCosts(client, [...built, ...aside]).catch(() => () => 0);
  const priced = async (unit: Unit, away: Away): Promise<Priced> => {
    const plan = await costedPlan(client, unit, away);
    return { plan, cost: plan['Total Cost'] + missing(plan) };
  };
  for (const id of touched) {
    const units = times.units.filter(({ unit, fault }) => unit.bound.statement.id === id && fault === null).map(({ unit }) => unit);
    const change = await allPlans(priced, units, { before: [...built, ...aside], after: aside }).then(changeOf, () => null);
    if (change !== null) found.set(id, change);
  }
  return found;
}

/** Priced as a search prices: what the planner leaves out of loops is no fault of an index. */
async function missingCosts(client: LabSession['client'], built: readonly BuiltIndex[]): Promise<(plan: CostedPlan) => number> {
  const facts = await readTableFacts(client);
  const loops = await openLoopCosts(client, facts);
  const sized = new Map<string, SizedIndex>();
  for (const { index, name, sizeBytes } of built) {
    const table = facts.find((each) => quoteRelation(each.table) === quoteRelation(index.table));
    // of a partitioned one plans name the parts, each with a name and a size of its own: those are among the facts
    if (table?.kind !== 'table') continue;
    const { distinct } = await sizeHints(client, index, table);
    sized.set(name, { index, bytes: sizeBytes, ...(distinct === undefined ? {} : { distinct }) });
  }
  return (plan) => loops.missing(plan, sized);
}

interface Priced {
  readonly plan: CostedPlan;
  readonly cost: number;
}

interface BothPlans {
  readonly before: Priced;
  readonly after: Priced;
}

async function allPlans(
  priced: (unit: Unit, away: Away) => Promise<Priced>,
  units: readonly Unit[],
  away: Record<keyof BothPlans, Away>,
): Promise<readonly BothPlans[]> {
  const plans: BothPlans[] = [];
  for (const unit of units) plans.push({ before: await priced(unit, away.before), after: await priced(unit, away.after) });
  return plans;
}

/** Of all values together, named by those for which the planner expects most of it. */
function changeOf(plans: readonly BothPlans[]): PlanChange | null {
  const changed = plans.flatMap(({ before, after }) => {
    const shape = shapeOfChange(before.plan, after.plan);
    return shape === null ? [] : [{ shape, by: Math.abs(before.cost - after.cost) }];
  });
  const [main] = changed.toSorted((a, b) => b.by - a.by);
  const sum = (side: keyof BothPlans) => plans.reduce((total, plan) => total + plan[side].cost, 0);
  return main === undefined || sum('before') === 0 ? null : { shape: main.shape, estimatedRatio: sum('after') / sum('before') };
}

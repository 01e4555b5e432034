/** Where PostgreSQL would keep one plan for all values of a prepared statement, another one than it makes for some of them. */

import { nodesOf, type PlanNode } from '../../../domain/optimizer/plan.ts';
import { parseExplain } from '../../../domain/optimizer/plan-parse.ts';
import { isServerError } from '../../pg-errors.ts';
import { explained, type Unit } from '../lab/execute.ts';
import type { LabSession } from '../lab/measure.ts';
import type { SettingIdea } from './executed.ts';

/** A driver that keeps statements prepared: PostgreSQL's own choice. */
export const AUTO = { plan_cache_mode: 'auto' } as const;

/** After so many executions with plans for their values PostgreSQL compares (plancache.c, choose_custom_plan). */
const CUSTOM_PLANS = 5;

/** null: it has no parameters, or the kept plan is that of each of its values. Nothing is executed. */
export async function customPlans(session: LabSession, units: readonly Unit[]): Promise<{ readonly setting: SettingIdea; readonly because: string } | null> {
  if (units.length < 2 || units[0]?.bound.parameterTypes.length === 0) return null;
  try {
    for (let done = 0; done <= CUSTOM_PLANS; done += 1) for (const unit of units) await shapeOf(session, unit, 'auto');
    let others = 0;
    for (const unit of units) if ((await shapeOf(session, unit, 'auto')) !== (await shapeOf(session, unit, 'force_custom_plan'))) others += 1;
    if (others === 0) return null;
    const because = `prepared, it would keep one plan for all values, another one than is made for ${others} of ${units.length} that were tried`;
    return { setting: { name: 'plan_cache_mode', value: 'force_custom_plan', was: 'auto', memory: null }, because };
  } catch (error) {
    if (isServerError(error)) return null;
    throw error;
  }
}

/** Which nodes, tables and indexes, in their order; no values. */
async function shapeOf({ client }: LabSession, unit: Unit, mode: string): Promise<string> {
  const [plan] = parseExplain(await explained(client, unit, { away: [], timeoutMs: 10_000, settings: { plan_cache_mode: mode }, isExecuted: false }));
  return plan === undefined ? '' : JSON.stringify(nodesOf(plan.root).map(shown));
}

const shown = ({ type, relation, index, relationship, strategy, children }: PlanNode) => [
  type,
  relation?.relation,
  index,
  relationship,
  strategy,
  children.length,
];

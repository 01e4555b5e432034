/** Plans of a statement without and with a recommended set, as the lab ran them: what whoever has to approve looks at. Pure. */
import type { StatementVerdict } from './model.ts';
import type { Explained, PlanNode } from './plan.ts';
import { withoutValues } from './plan-mask.ts';
import { parseExplain } from './plan-parse.ts';
import { median } from './statistics.ts';
import type { StatementTimes, TimedPair } from './verdict.ts';

/** Without values; indexes carry the names they are recommended under. */
export interface StatementPlans {
  readonly statement: string;
  readonly before: Explained;
  readonly after: Explained;
}

/** Enough to judge by; more would be read by nobody. */
const MOST_FASTER = 8;
const MOST_SLOWER = 4;

/** Statements whose plans are worth a look, in the order to show them: what became slower first, then what saves the most. */
export function worthAPlan(verdicts: readonly StatementVerdict[], times: readonly StatementTimes[]): readonly string[] {
  const moved = new Map(times.map((each) => [each.statement, each.calls * movedMs(each.bindings.flatMap(({ pairs }) => pairs))]));
  const of = (judged: StatementVerdict['judged'], most: number) =>
    verdicts
      .filter((each) => each.judged === judged)
      .map(({ statement }) => statement)
      .toSorted((a, b) => (moved.get(b) ?? 0) - (moved.get(a) ?? 0))
      .slice(0, most);
  return [...of('slower', MOST_SLOWER), ...of('faster', MOST_FASTER)];
}

/** By how much two medians differ, in milliseconds. */
export const movedMs = (pairs: readonly TimedPair[]): number =>
  pairs.length === 0 ? 0 : Math.abs(median(pairs.map(({ beforeMs }) => beforeMs)) - median(pairs.map(({ afterMs }) => afterMs)));

/** What EXPLAIN (FORMAT JSON) gave, fit to be kept. `names`: of indexes on the lab, to those they will have. Throws usage where it is no plan. */
export function planToKeep(json: unknown, names: ReadonlyMap<string, string>): Explained {
  const [plan] = parseExplain(json);
  if (plan === undefined) throw new TypeError('EXPLAIN gives at least one plan');
  const masked = withoutValues(plan);
  return { ...masked, root: slim(masked.root, names), fields: {} };
}

/** Of the fields that are read nowhere else only those by which a node is named. */
const NAMING = ['Operation', 'Partial Mode', 'Function Name'];

function slim(node: PlanNode, names: ReadonlyMap<string, string>): PlanNode {
  return {
    ...node,
    index: node.index === null ? null : (names.get(node.index) ?? node.index),
    fields: Object.fromEntries(Object.entries(node.fields).filter(([name]) => NAMING.includes(name))),
    children: node.children.map((child) => slim(child, names)),
  };
}

/**
 * What HypoPG leaves out of a plan's cost: it gives every hypothetical b-tree a height of −1, so a probe costs (height + 1) × 50 ×
 * cpu_operator_cost too little, and nested loops win too often (design/optimizer.md, 4.4; btcostestimate in selfuncs.c).
 */

/** The nodes of EXPLAIN (FORMAT JSON), as far as this needs them. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Total Cost': number;
  readonly 'Plan Rows': number;
  readonly 'Index Name'?: string;
  readonly 'Parent Relationship'?: string;
  readonly 'Subplan Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

const PER_LEVEL = 50 * 0.0025;

/** Cost units to add to the plan's total; `heightOf` is null for an index that is really there. */
export function missingDescentCost(plan: PlanNode, heightOf: (indexName: string) => number | null): number {
  return missingBelow(plan, 1, heightOf);
}

/** Names of all indexes in a plan. */
export function indexesIn(plan: PlanNode, found = new Set<string>()): Set<string> {
  if (plan['Index Name'] !== undefined) found.add(plan['Index Name']);
  for (const child of plan.Plans ?? []) indexesIn(child, found);
  return found;
}

function missingBelow(plan: PlanNode, times: number, heightOf: (indexName: string) => number | null): number {
  const height = plan['Index Name'] === undefined ? null : heightOf(plan['Index Name']);
  const own = height === null ? 0 : times * (height + 1) * PER_LEVEL;
  return (plan.Plans ?? []).reduce((sum, child) => sum + missingBelow(child, times * timesOf(child, plan), heightOf), own);
}

/** How often a child runs for one run of its parent, as far as the plan tells. */
function timesOf(child: PlanNode, parent: PlanNode): number {
  const relation = child['Parent Relationship'];
  if (relation === 'SubPlan') return Math.max(1, Math.round(ownCost(parent) / Math.max(child['Total Cost'], 0.01)));
  if (parent['Node Type'] === 'Nested Loop' && relation === 'Inner') {
    const outer = Math.max(1, parent.Plans?.find((other) => other['Parent Relationship'] === 'Outer')?.['Plan Rows'] ?? 1);
    // materialised rows are read again without a new descent
    if (child['Node Type'] === 'Materialize') return 1;
    return child['Node Type'] === 'Memoize' ? outer * missShare(parent, child, outer) : outer;
  }
  return 1;
}

/** How many lookups a Memoize node cannot answer: what the loop pays for a row, against what its child costs. */
function missShare(loop: PlanNode, memoize: PlanNode, outerRows: number): number {
  const outer = loop.Plans?.find((other) => other['Parent Relationship'] === 'Outer')?.['Total Cost'] ?? 0;
  return Math.min(1, Math.max(0, (loop['Total Cost'] - outer) / outerRows / Math.max(memoize['Total Cost'], 0.01)));
}

const ownCost = (plan: PlanNode): number =>
  plan['Total Cost'] - (plan.Plans ?? []).filter((child) => child['Parent Relationship'] !== 'SubPlan').reduce((sum, child) => sum + child['Total Cost'], 0);

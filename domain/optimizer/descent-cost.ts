/**
 * What HypoPG leaves out of a plan's cost: it gives every hypothetical b-tree a height of −1, so a probe costs (height + 1) × 50 ×
 * cpu_operator_cost too little, and nested loops win too often (design/optimizer.md, 4.4; btcostestimate in selfuncs.c).
 */
import { type PlanNode, visitRuns } from './plan-runs.ts';

const PER_LEVEL = 50 * 0.0025;

/** Cost units to add to the plan's total; `heightOf` is null for an index that is really there. */
export function missingDescentCost(plan: PlanNode, heightOf: (indexName: string) => number | null): number {
  let missing = 0;
  visitRuns(plan, (node, { runs }) => {
    const height = node['Index Name'] === undefined ? null : heightOf(node['Index Name']);
    if (height !== null) missing += runs * (height + 1) * PER_LEVEL;
  });
  return missing;
}

/** Everything that is wrong with one plan, what touches most of it first. Pure: the same plan and facts give the same findings. */
import type { Examined, Finding, FindingFacts } from './finding.ts';
import { estimateFindings } from './findings-estimate.ts';
import { rowFindings } from './findings-rows.ts';
import { statementFindings } from './findings-statement.ts';
import { workFindings } from './findings-work.ts';
import { type Explained, nodesOf } from './plan.ts';
import { callersOf } from './plan-callers.ts';
import { readingsOf } from './plan-cuts.ts';
import { sharesOf } from './plan-shares.ts';

/** Says less without ANALYZE, and less without facts about the tables; never guesses. */
export function findingsOf(plan: Explained, facts: FindingFacts = {}): readonly Finding[] {
  const nodes = nodesOf(plan.root);
  const callers = callersOf(nodes);
  const isMeasured = plan.root.actual?.totalMs != null;
  const examined: Examined = { plan, nodes, shares: sharesOf(plan.root), callers, readings: readingsOf(plan.root, callers), isMeasured, facts };
  const found = [...rowFindings(examined), ...estimateFindings(examined), ...workFindings(examined), ...statementFindings(examined)];
  return found.toSorted((a, b) => b.share - a.share);
}

/** How often each node of a plan is run, as far as the plan tells. Pure. */

/** The nodes of EXPLAIN (FORMAT JSON), as far as this needs them. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Startup Cost': number;
  readonly 'Total Cost': number;
  readonly 'Plan Rows': number;
  readonly 'Join Type'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Filter?: string;
  readonly 'Parent Relationship'?: string;
  readonly 'Subplan Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

export interface Runs {
  /** How often it is started, in all. */
  readonly runs: number;
  /** Of the rows that a run could give, those that are asked for: 1 but below a LIMIT, and where the first match is enough. */
  readonly share: number;
}

/** Parents first. */
export function visitRuns(plan: PlanNode, visit: (node: PlanNode, runs: Runs) => void): void {
  visitBelow(plan, { runs: 1, share: 1 }, visit);
}

/** All indexes' names in a plan. */
export function indexesIn(plan: PlanNode, found = new Set<string>()): Set<string> {
  if (plan['Index Name'] !== undefined) found.add(plan['Index Name']);
  for (const child of plan.Plans ?? []) indexesIn(child, found);
  return found;
}

function visitBelow(plan: PlanNode, own: Runs, visit: (node: PlanNode, runs: Runs) => void): void {
  visit(plan, own);
  for (const child of plan.Plans ?? []) {
    visitBelow(child, { runs: own.runs * runsOf(child, plan, own.share), share: shareOf(child, plan, own.share) }, visit);
  }
}

/** How often a child runs for one run of its parent. */
function runsOf(child: PlanNode, parent: PlanNode, share: number): number {
  if (child['Parent Relationship'] === 'SubPlan') return Math.max(1, Math.round((ownCost(parent) / Math.max(child['Total Cost'], 0.01)) * share));
  if (!isInner(child, parent)) return 1;
  // materialised rows are read again without a new descent
  if (child['Node Type'] === 'Materialize') return 1;
  const outer = Math.max(1, outerOf(parent)?.['Plan Rows'] ?? 1);
  return Math.max(1, outer * share) * (child['Node Type'] === 'Memoize' ? missShare(parent, child, outer) : 1);
}

function shareOf(child: PlanNode, parent: PlanNode, share: number): number {
  if (isInner(child, parent)) return isFirstEnough(parent) ? firstMatch(child) : 1;
  // what must be whole before the first row comes, and what is run for its own sake
  const isWhole = parent['Startup Cost'] >= child['Total Cost'] || !['Outer', 'Inner', 'Member', 'Subquery'].includes(child['Parent Relationship'] ?? '');
  if (isWhole) return 1;
  if (parent['Node Type'] !== 'Limit') return share;
  const [asked, all] = [parent['Total Cost'] - child['Startup Cost'], child['Total Cost'] - child['Startup Cost']];
  return all <= 0 ? share : share * Math.min(1, Math.max(0, asked / all));
}

const isInner = (child: PlanNode, parent: PlanNode): boolean => parent['Node Type'] === 'Nested Loop' && child['Parent Relationship'] === 'Inner';

const isFirstEnough = (loop: PlanNode): boolean => loop['Join Type'] === 'Semi' || loop['Join Type'] === 'Anti';

/** Where matches lie anywhere among the rows: inner_scan_frac of final_cost_nestloop. */
const firstMatch = (inner: PlanNode): number => Math.min(1, 2 / (Math.max(1, inner['Plan Rows']) + 1));

/** How many lookups a Memoize node cannot answer: what the loop pays for a row, against what its child costs. */
function missShare(loop: PlanNode, memoize: PlanNode, outerRows: number): number {
  const outer = outerOf(loop)?.['Total Cost'] ?? 0;
  return Math.min(1, Math.max(0, (loop['Total Cost'] - outer) / outerRows / Math.max(memoize['Total Cost'], 0.01)));
}

const outerOf = (loop: PlanNode): PlanNode | undefined => loop.Plans?.find((other) => other['Parent Relationship'] === 'Outer');

const ownCost = (plan: PlanNode): number =>
  plan['Total Cost'] - (plan.Plans ?? []).filter((child) => child['Parent Relationship'] !== 'SubPlan').reduce((sum, child) => sum + child['Total Cost'], 0);

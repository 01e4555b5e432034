/**
 * What each node of a plan cost by itself: planner cost, time, buffers. EXPLAIN gives totals that include the children, and counts some of them
 * in places where they do not stand; here every unit is charged once, so the selves of all nodes add up to the root's total.
 *
 * - Cost of children that are not run to their end (LIMIT, merge join, EXISTS) is more than the parent's own: what exceeds is not charged.
 * - The inner side of a nested loop costs its total once for each outer row; EXPLAIN shows it for one.
 * - Time of a node below a Gather is the sum over processes; the wall clock saw it once: divided by the processes.
 * - An InitPlan or CTE is shown at the top of its query, and runs inside the node that first needs it: its time is taken from there, once.
 */
import { nodesOf, type PlanNode } from './plan.ts';
import { type Callers, callersOf } from './plan-callers.ts';

export interface NodeShare {
  /** Planner units of this node alone. */
  readonly cost: number;
  /** Of the root's total cost, 0 to 1. */
  readonly costShare: number;
  /** Wall clock of this node alone; null where times were not measured. */
  readonly ms: number | null;
  /** Of the root's time, 0 to 1; null likewise. */
  readonly timeShare: number | null;
  /** Wall clock with everything below it. */
  readonly inclusiveMs: number | null;
  /** Of the root's time, or cost where times were not measured, with everything below it: 0 to 1. */
  readonly inclusiveShare: number;
  /** By how much the children's times exceed the node's own: rounding of EXPLAIN's averages, no more. */
  readonly excessMs: number;
  /** Shared and local buffers hit and read by this node alone; null without BUFFERS. */
  readonly blocks: number | null;
  /** Temporary buffers read and written by this node alone; null without BUFFERS. */
  readonly tempBlocks: number | null;
}

/** One entry for each node, at the place of its id. */
export function sharesOf(root: PlanNode): readonly NodeShare[] {
  const nodes = nodesOf(root);
  const callers = callersOf(nodes);
  const costs = charge(root);
  const wall = wallClocks(root);
  const times = root.actual?.totalMs == null ? null : share({ nodes, callers }, ({ id }) => wall[id] ?? 0);
  const blocks = root.blocks === null ? null : share({ nodes, callers }, buffersOf);
  const temp = root.blocks === null ? null : share({ nodes, callers }, tempOf);
  const [cost, ms] = [root.estimate.totalCost, wall[0] ?? 0];
  return nodes.map(({ id }) => ({
    cost: costs[id]?.self ?? 0,
    costShare: part(costs[id]?.self ?? 0, cost, id),
    ms: times?.[id]?.self ?? null,
    timeShare: times === null ? null : part(times[id]?.self ?? 0, ms, id),
    inclusiveMs: times === null ? null : (wall[id] ?? 0),
    inclusiveShare: part((times ?? costs)[id]?.amount ?? 0, times === null ? cost : ms, id),
    excessMs: times?.[id]?.excess ?? 0,
    blocks: blocks?.[id]?.self ?? null,
    tempBlocks: temp?.[id]?.self ?? null,
  }));
}

/** Where the whole is nothing, it is the root's. */
const part = (amount: number, whole: number, id: number): number => {
  if (whole > 0) return amount / whole;
  return id === 0 ? 1 : 0;
};

/** The share that findings and pictures go by: time where it was measured, cost otherwise. */
export const shareOf = ({ timeShare, costShare }: NodeShare): number => timeShare ?? costShare;

interface Charged {
  readonly self: number;
  /** With everything below. */
  readonly amount: number;
  /** What the children asked for beyond what their parent had. */
  readonly excess: number;
}

/** Measured amounts, which hold those of the children: each node keeps what its children do not explain, and InitPlans are taken out of where they ran. */
function share({ nodes, callers }: { readonly nodes: readonly PlanNode[]; readonly callers: Callers }, of: (node: PlanNode) => number): readonly Charged[] {
  const own = nodes.map((node) => of(node) - sumOf(node.children.filter(({ relationship }) => relationship !== 'InitPlan').map(of)));
  const excess = own.map((each) => Math.max(0, -each));
  const selves = own.map((each) => Math.max(0, each));
  // a CTE may be paid by several, the others by one: those first
  const initPlans = nodes.filter(({ relationship }) => relationship === 'InitPlan').toSorted((a, b) => Number(isCte(a)) - Number(isCte(b)));
  for (const node of initPlans) {
    let unpaid = of(node);
    for (const { id } of callers.holders(node)) {
      const paid = Math.min(unpaid, selves[id] ?? 0);
      selves[id] = (selves[id] ?? 0) - paid;
      unpaid -= paid;
    }
    excess[node.id] = (excess[node.id] ?? 0) + unpaid;
  }
  const whole = nodes[0] === undefined ? 0 : of(nodes[0]);
  if (sumOf(selves) === 0) selves[0] = whole;
  const sum = sumOf(selves);
  const scale = sum > 0 ? whole / sum : 0;
  const amounts = selves.map((self) => self * scale);
  // children stand after their parents, and an InitPlan's caller may stand after it: from the leaves of the callers' tree up
  const amountOf = (id: number): number => (amounts[id] ?? 0) + sumOf(callers.children(id).map((child) => amountOf(child.id)));
  return selves.map((self, id) => ({ self: self * scale, amount: amountOf(id), excess: excess[id] ?? 0 }));
}

const sumOf = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0);
const isCte = ({ subplan }: PlanNode) => subplan?.startsWith('CTE ') === true;

/** Estimated costs, from the root down: each child gets what it asks for, as far as its parent has it; what is left is the parent's own. */
function charge(root: PlanNode): readonly Charged[] {
  const charged: Charged[] = [];
  const visit = (node: PlanNode, amount: number): void => {
    const asked = costAsks(node, amount);
    const sum = sumOf(asked);
    const scale = sum > amount ? amount / sum : 1;
    charged[node.id] = { amount, self: scale < 1 ? 0 : amount - sum, excess: Math.max(0, sum - amount) };
    node.children.forEach((child, at) => {
      visit(child, (asked[at] ?? 0) * scale);
    });
  };
  visit(root, root.estimate.totalCost);
  return charged;
}

/** A node that got a part of its total only, or several times that, hands its children the same part; what is repeated gets what is left at most. */
function costAsks(node: PlanNode, amount: number): readonly number[] {
  const runs = node.estimate.totalCost > 0 ? amount / node.estimate.totalCost : 1;
  // what these keep is not paid again, however often it is read
  const paid = node.type === 'Materialize' || node.relationship === 'InitPlan' ? Math.min(1, runs) : runs;
  const asks = node.children.map((child) => (isRepeated(node, child) ? 0 : child.estimate.totalCost * paid));
  let left = Math.max(0, amount - asks.reduce((total, each) => total + each, 0));
  return node.children.map((child, at) => {
    if (!isRepeated(node, child)) return asks[at] ?? 0;
    const ask = Math.min(left, repeatedCost(child, repeats(node, child)) * paid);
    left -= ask;
    return ask;
  });
}

const isRepeated = (parent: PlanNode, child: PlanNode) =>
  (parent.type === 'Nested Loop' && child.relationship === 'Inner') || (child.relationship === 'SubPlan' && !isHashed(parent, child));

const isHashed = (parent: PlanNode, child: PlanNode) => parent.expressions.some(({ text }) => text.includes(`hashed ${child.subplan}`));

/** How often the planner expects the child to run: the inner side for each outer row; a subplan for each row that passes its filter, at least. */
function repeats(parent: PlanNode, child: PlanNode): number {
  const outer = parent.children.find(({ relationship }) => relationship === 'Outer');
  return Math.max(1, (child.relationship === 'Inner' ? outer : parent)?.estimate.rows ?? 1);
}

/** cpu_operator_cost's default: what reading a row of a Materialize again costs (costsize.c, cost_rescan). */
const REREAD_COST = 0.0025;

const repeatedCost = ({ type, estimate }: PlanNode, times: number) =>
  type === 'Materialize' ? estimate.totalCost + (times - 1) * estimate.rows * REREAD_COST : estimate.totalCost * times;

/** Wall clock of each node with its children, by id. */
function wallClocks(root: PlanNode): readonly number[] {
  const clocks: number[] = [];
  const visit = (node: PlanNode, processes: number): void => {
    const { totalMs, loops } = node.actual ?? { totalMs: 0, loops: 0 };
    clocks[node.id] = ((totalMs ?? 0) * loops) / processes;
    for (const child of node.children) visit(child, processes * processesBelow(node, child));
  };
  visit(root, 1);
  return clocks;
}

/** Each process that ran the child of a Gather counts as a loop of it: the workers, and the leader where it found time. */
function processesBelow(node: PlanNode, child: PlanNode): number {
  if (node.type !== 'Gather' && node.type !== 'Gather Merge') return 1;
  if (child.relationship === 'InitPlan' || child.relationship === 'SubPlan') return 1;
  return Math.max(1, (child.actual?.loops ?? 0) / Math.max(1, node.actual?.loops ?? 0));
}

const buffersOf = ({ blocks }: PlanNode) => (blocks === null ? 0 : blocks.sharedHit + blocks.sharedRead + blocks.localHit + blocks.localRead);
const tempOf = ({ blocks }: PlanNode) => (blocks === null ? 0 : blocks.tempRead + blocks.tempWritten);

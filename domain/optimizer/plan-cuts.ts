/**
 * How each node of a plan is read by those above it: to its end, or perhaps not (LIMIT, EXISTS, merge join), perhaps more than once.
 * A node that is not read to its end gives fewer rows, and does less work, than its estimate says: that is no mistake of the planner's.
 */
import type { PlanNode } from './plan.ts';
import type { Callers } from './plan-callers.ts';

export interface Reading {
  /** May be left before its end. */
  readonly isCut: boolean;
  /** Rows may be given more than once. */
  readonly isReread: boolean;
  /** The nearest node above that the planner chose by this node's count of rows. */
  readonly decided: PlanNode | null;
}

/** By the node's id. */
export function readingsOf(root: PlanNode, callers: Callers): readonly Reading[] {
  const readings: Reading[] = [];
  const visit = (node: PlanNode, reading: Reading): void => {
    readings[node.id] = reading;
    for (const child of callers.children(node.id)) visit(child, below(node, child, reading));
  };
  visit(root, { isCut: false, isReread: false, decided: null });
  return readings;
}

const DECIDED: ReadonlySet<string> = new Set(['Nested Loop', 'Hash Join', 'Merge Join', 'Aggregate']);
/** They read their input to its end before they give the first row. */
const READS_ALL: ReadonlySet<string> = new Set(['Sort', 'Hash', 'Bitmap Heap Scan', 'BitmapAnd', 'BitmapOr', 'ModifyTable']);

function below(node: PlanNode, child: PlanNode, { isCut, decided }: Reading): Reading {
  const readsAll = READS_ALL.has(node.type) || (node.type === 'Aggregate' && node.strategy !== 'Sorted');
  return {
    isCut: (isCut && !readsAll) || node.type === 'Limit' || mayCut(node, child),
    isReread: node.type === 'Merge Join' && child.relationship === 'Inner',
    decided: DECIDED.has(node.type) ? node : decided,
  };
}

function mayCut(node: PlanNode, child: PlanNode): boolean {
  if (child.relationship === 'InitPlan' || child.relationship === 'SubPlan') return child.subplan?.startsWith('CTE ') !== true;
  if (node.type === 'Merge Join') return true;
  if (node.type === 'Nested Loop' && child.relationship === 'Inner') return node.isInnerUnique || node.joinType === 'Semi' || node.joinType === 'Anti';
  // an empty hash table ends the join before its outer side is read
  return node.type === 'Hash Join' && child.relationship === 'Outer' && node.children.some((each) => each.relationship === 'Inner' && each.actual?.rows === 0);
}

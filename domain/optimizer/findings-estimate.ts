/**
 * Where the planner's count of rows goes wrong first. A wrong count is handed up from node to node; only the node whose inputs were still right,
 * or where it became wrong by much more, is named: there a statistic is missing, not above.
 * What may have been left before its end gave fewer rows than it would have: that is no mistake (`plan-cuts.ts`).
 */
import { type Examined, type Finding, loopsOf, MIN_SHARE } from './finding.ts';
import { type PlanNode, wasExecuted } from './plan.ts';
import type { Callers } from './plan-callers.ts';

/** Ten times: below it, the planner's choices seldom change. As a logarithm, mistakes of joined inputs add up. */
const FACTOR_LOG = 1;
/** Rows in all loops, expected or real: of fewer, no choice is expensive. */
const MIN_ROWS = 1_000;

export function estimateFindings(examined: Examined): readonly Finding[] {
  return examined.isMeasured ? examined.nodes.flatMap((node) => startsAt(node, examined)) : [];
}

function startsAt(node: PlanNode, { shares, callers, readings }: Examined): Finding[] {
  const { isCut, isReread, decided } = readings[node.id] ?? { isCut: false, isReread: false, decided: null };
  if (isReread || !isCounted(node)) return [];
  const error = errorOf(node);
  const own = error - inherited(node, callers);
  if (Math.abs(error) < FACTOR_LOG || Math.abs(own) < FACTOR_LOG || Math.sign(own) !== Math.sign(error)) return [];
  if (isCut && error < 0) return [];
  const estimatedRows = Math.round(node.estimate.rows * loopsOf(node));
  const actualRows = Math.round((node.actual?.rows ?? 0) * loopsOf(node));
  const share = shares[(decided ?? node).id]?.inclusiveShare ?? 0;
  if (Math.max(estimatedRows, actualRows) < MIN_ROWS || share < MIN_SHARE) return [];
  const factor = 10 ** Math.abs(error);
  return [{ evidence: { kind: 'misestimate', estimatedRows, actualRows, factor }, nodeId: node.id, relation: node.relation, share, isMeasured: true }];
}

/** BitmapAnd and BitmapOr count no rows; a writing node without RETURNING gives none. */
const isCounted = (node: PlanNode) => wasExecuted(node) && node.type !== 'BitmapAnd' && node.type !== 'BitmapOr' && node.type !== 'ModifyTable';

/** log10 of real rows over expected ones; below one row nothing can be told apart. */
const errorOf = (node: PlanNode) => Math.log10(Math.max(1, node.actual?.rows ?? 1) / Math.max(1, node.estimate.rows));

function inherited(node: PlanNode, callers: Callers): number {
  const cte = callers.cteOf(node);
  const inputs = [...(cte === null ? [] : [cte]), ...node.children.filter(isInput)].map((child) => firstRead(node, child)).filter(isCounted);
  if (node.type === 'Append' || node.type === 'Merge Append') {
    const [actual, expected] = [inputs.reduce((sum, each) => sum + (each.actual?.rows ?? 0), 0), inputs.reduce((sum, each) => sum + each.estimate.rows, 0)];
    return Math.log10(Math.max(1, actual) / Math.max(1, expected));
  }
  return inputs.reduce((sum, each) => sum + errorOf(each), 0);
}

/** Subplans give values, not rows. */
const isInput = ({ relationship }: PlanNode) => relationship !== 'InitPlan' && relationship !== 'SubPlan';

/** The inner side of a merge join counts a row again each time it goes back to it; below its sort each is counted once. */
const firstRead = (node: PlanNode, child: PlanNode): PlanNode =>
  (node.type === 'Merge Join' && child.relationship === 'Inner' ? child.children.find(({ relationship }) => relationship === 'Outer') : undefined) ?? child;

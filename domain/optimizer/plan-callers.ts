/**
 * Which node ran which. For most it is the parent that EXPLAIN shows. An InitPlan and a CTE are shown at the top of their query, but run when
 * the first node asks for them: a CTE inside its CTE Scan, an InitPlan inside the node whose condition names its result.
 */
import { nodesOf, type PlanNode } from './plan.ts';

export interface Callers {
  /** The nodes whose time is inside this node's, by its id. */
  children(id: number): readonly PlanNode[];
  /** Of a CTE Scan the root of the CTE it reads. */
  cteOf(node: PlanNode): PlanNode | null;
}

export function callersOf(nodes: readonly PlanNode[]): Callers {
  const parents = parentsOf(nodes);
  for (const node of nodes.filter((each) => each.relationship === 'InitPlan')) {
    const caller = runnerOf(node, { nodes, parents });
    if (caller !== null && !isBelow(caller.id, node.id, parents)) parents.set(node.id, caller.id);
  }
  const children = nodes.map((): PlanNode[] => []);
  for (const node of nodes) {
    const parent = parents.get(node.id);
    if (parent !== undefined) children[parent]?.push(node);
  }
  return {
    children: (id) => children[id] ?? [],
    cteOf: (node) => (node.type === 'CTE Scan' ? (nodes.find((each) => each.subplan === `CTE ${node.cte}`) ?? null) : null),
  };
}

interface Tree {
  readonly nodes: readonly PlanNode[];
  readonly parents: Map<number, number>;
}

const parentsOf = (nodes: readonly PlanNode[]) => new Map(nodes.flatMap((node) => node.children.map((child) => [child.id, node.id] as const)));

/** Is the first node inside the tree of the second, by the parents as they stand now? */
function isBelow(id: number, top: number, parents: ReadonlyMap<number, number>): boolean {
  for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) if (at === top) return true;
  return false;
}

/** null: stays with the parent that EXPLAIN shows. */
function runnerOf(node: PlanNode, { nodes, parents }: Tree): PlanNode | null {
  const inside = new Set(nodesOf(node).map(({ id }) => id));
  const name = node.subplan ?? '';
  const candidates = nodes.filter(
    (each) => !inside.has(each.id) && (name.startsWith('CTE ') ? each.cte === name.slice(4) && each.type === 'CTE Scan' : names(each, name)),
  );
  // of several readers the one that took longest ran it: the others found its result
  const [longest] = candidates.toSorted((a, b) => timeOf(b) - timeOf(a));
  if (longest === undefined) return null;
  const runner = gatherAbove(longest, node, { nodes, parents }) ?? longest;
  return timeOf(runner) >= timeOf(node) ? runner : null;
}

/** A Gather gets the values its workers need before it starts them: the workers never run the InitPlan themselves. */
function gatherAbove(reader: PlanNode, initPlan: PlanNode, { nodes, parents }: Tree): PlanNode | null {
  const shownAt = parents.get(initPlan.id);
  let gather: PlanNode | null = null;
  for (let at = parents.get(reader.id); at !== undefined; at = parents.get(at)) {
    if (nodes[at]?.type.startsWith('Gather')) gather = nodes[at] ?? null;
    if (at === shownAt) break;
  }
  return gather;
}

const timeOf = ({ actual }: PlanNode) => (actual?.totalMs ?? 0) * (actual?.loops ?? 0);

/** `InitPlan 1 (returns $0,$1)` is used as `$0`; since PostgreSQL 17 `InitPlan 1` as `(InitPlan 1).col1`. */
function names({ expressions, fields }: PlanNode, subplan: string): boolean {
  const output = Array.isArray(fields.Output) ? fields.Output.filter((each) => typeof each === 'string') : [];
  const texts = [...expressions.map(({ text }) => text), ...output];
  const returned = /\(returns ([^)]*)\)/.exec(subplan)?.[1]?.split(',');
  if (returned === undefined) return texts.some((text) => text.includes(`(${subplan})`));
  return texts.some((text) => returned.some((parameter) => new RegExp(`\\${parameter}(?!\\d)`).test(text)));
}

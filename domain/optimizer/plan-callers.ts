/**
 * Which node ran which. For most it is the parent that EXPLAIN shows. An InitPlan and a CTE are shown at the top of their query, but run when
 * the first node asks for them: a CTE inside its CTE Scan, an InitPlan inside the node whose condition names its result.
 */
import { nodesOf, type PlanNode } from './plan.ts';

export interface Callers {
  /** The nodes whose time is inside this node's, by its id. */
  children(id: number): readonly PlanNode[];
  /** Of an InitPlan or CTE the nodes whose times may hold its own, likeliest first: a CTE is run bit by bit by all that read it, and shut down by the top. */
  holders(node: PlanNode): readonly PlanNode[];
  /** Of a CTE Scan the root of the CTE it reads. */
  cteOf(node: PlanNode): PlanNode | null;
}

export function callersOf(nodes: readonly PlanNode[]): Callers {
  const shown = parentsOf(nodes);
  const parents = new Map(shown);
  const held = new Map<number, readonly PlanNode[]>();
  for (const node of nodes.filter((each) => each.relationship === 'InitPlan')) {
    const readers = readersOf(node, { nodes, parents });
    held.set(node.id, [...readers, ...above(node.id, shown).flatMap((id) => nodes[id] ?? [])]);
    const [runner] = readers;
    if (runner !== undefined && timeOf(runner) > 0 && !isBelow(runner.id, node.id, parents)) parents.set(node.id, runner.id);
  }
  const children = nodes.map((): PlanNode[] => []);
  for (const node of nodes) {
    const parent = parents.get(node.id);
    if (parent !== undefined) children[parent]?.push(node);
  }
  return {
    children: (id) => children[id] ?? [],
    holders: ({ id }) => held.get(id) ?? [],
    cteOf: (node) => (node.type === 'CTE Scan' ? (nodes.find((each) => each.subplan === `CTE ${node.cte}`) ?? null) : null),
  };
}

interface Tree {
  readonly nodes: readonly PlanNode[];
  readonly parents: Map<number, number>;
}

const parentsOf = (nodes: readonly PlanNode[]) => new Map(nodes.flatMap((node) => node.children.map((child) => [child.id, node.id] as const)));

/** From the parent up to the root. */
function above(id: number, parents: ReadonlyMap<number, number>): readonly number[] {
  const found: number[] = [];
  for (let at = parents.get(id); at !== undefined; at = parents.get(at)) found.push(at);
  return found;
}

/** Is the first node inside the tree of the second, by the parents as they stand now? */
const isBelow = (id: number, top: number, parents: ReadonlyMap<number, number>): boolean => id === top || above(id, parents).includes(top);

/** Who asks for its result, the longest first: it ran most of it, the others found the result. */
function readersOf(node: PlanNode, { nodes, parents }: Tree): readonly PlanNode[] {
  const inside = new Set(nodesOf(node).map(({ id }) => id));
  const name = node.subplan ?? '';
  const reads = (each: PlanNode) => (name.startsWith('CTE ') ? each.cte === name.slice(4) && each.type === 'CTE Scan' : names(each, name));
  const readers = nodes.filter((each) => !inside.has(each.id) && reads(each)).toSorted((a, b) => timeOf(b) - timeOf(a));
  return readers.map((reader) => gatherAbove(reader, node, { nodes, parents }) ?? reader);
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

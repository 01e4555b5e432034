/**
 * One plan as PostgreSQL explained it, typed. Read by `plan-parse.ts`, told apart into what each node cost by `plan-shares.ts`.
 * Source: PostgreSQL manual, "EXPLAIN"; src/backend/commands/explain.c of 14 to 18.
 */
import type { RelationName } from './model.ts';

/** What the planner expected, per loop. Costs are planner units and include the node's children. */
export interface PlanEstimate {
  readonly startupCost: number;
  readonly totalCost: number;
  readonly rows: number;
  readonly widthBytes: number;
}

/** What happened, averaged over loops; below a Gather every worker is a loop of its own. */
export interface PlanActual {
  /** null: measured with TIMING OFF. */
  readonly startupMs: number | null;
  readonly totalMs: number | null;
  /** A fraction since PostgreSQL 18. */
  readonly rows: number;
  /** 0: never executed. */
  readonly loops: number;
}

/** Buffers of 8 kB, the node's children included, summed over loops and workers. */
export interface PlanBlocks {
  readonly sharedHit: number;
  readonly sharedRead: number;
  readonly sharedDirtied: number;
  readonly sharedWritten: number;
  readonly localHit: number;
  readonly localRead: number;
  readonly tempRead: number;
  readonly tempWritten: number;
}

/** Rows thrown away after they were read, averaged over loops like the rows. */
export interface PlanDiscarded {
  readonly byFilter: number;
  readonly byJoinFilter: number;
  readonly byRecheck: number;
}

/** Conditions and keys as PostgreSQL prints them: `Filter`, `Index Cond`, `Hash Cond`, `Sort Key` … */
export interface PlanExpression {
  readonly name: string;
  readonly text: string;
}

export interface PlanNode {
  /** Place in the tree, depth first from 0. */
  readonly id: number;
  /** `Seq Scan`, `Hash Join` … */
  readonly type: string;
  /** Schema is empty where EXPLAIN was not VERBOSE. */
  readonly relation: RelationName | null;
  readonly alias: string | null;
  readonly index: string | null;
  /** Outer, Inner, Member, Subquery, InitPlan, SubPlan; null at the root. */
  readonly relationship: string | null;
  /** `CTE totals`, `InitPlan 1 (returns $0)`, `InitPlan 1`, `SubPlan 2`. */
  readonly subplan: string | null;
  /** Of a CTE Scan: which one it reads. */
  readonly cte: string | null;
  /** Sorted, Hashed, Plain, Mixed of an aggregate or set operation. */
  readonly strategy: string | null;
  readonly joinType: string | null;
  /** At most one inner row fits each outer row: the inner side is left at the first. */
  readonly isInnerUnique: boolean;
  readonly isParallelAware: boolean;
  readonly estimate: PlanEstimate;
  /** null: EXPLAIN without ANALYZE. */
  readonly actual: PlanActual | null;
  readonly discarded: PlanDiscarded;
  /** null: EXPLAIN without BUFFERS. */
  readonly blocks: PlanBlocks | null;
  /** null: EXPLAIN without WAL. */
  readonly walBytes: number | null;
  readonly expressions: readonly PlanExpression[];
  readonly children: readonly PlanNode[];
  /** Every field that EXPLAIN gave but `Plans`: of newer versions, too. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface PlanTrigger {
  /** Of the constraint where it is one's: its trigger has no name that says anything. */
  readonly name: string;
  readonly isConstraint: boolean;
  readonly relation: string | null;
  readonly ms: number | null;
  readonly calls: number;
}

export interface PlanJit {
  readonly functions: number;
  /** null: EXPLAIN without ANALYZE. */
  readonly totalMs: number | null;
}

/** One planned statement. */
export interface Explained {
  readonly root: PlanNode;
  /** null: EXPLAIN without ANALYZE (or without SUMMARY). */
  readonly planningMs: number | null;
  readonly executionMs: number | null;
  readonly jit: PlanJit | null;
  readonly triggers: readonly PlanTrigger[];
  /** Planner settings that differ from PostgreSQL's defaults. */
  readonly settings: Readonly<Record<string, string>>;
  /** Every field that EXPLAIN gave but `Plan`. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The node and everything below it, depth first: `nodesOf(root)[id]` is the node with that id. */
export const nodesOf = (node: PlanNode): readonly PlanNode[] => [node, ...node.children.flatMap(nodesOf)];

/** Was it executed, at least once? False too where nothing was measured. */
export const wasExecuted = (node: PlanNode): boolean => (node.actual?.loops ?? 0) > 0;

/** A number that EXPLAIN gave under this name; null where it gave none. */
export function numberField({ fields }: Pick<PlanNode, 'fields'>, name: string): number | null {
  const value = fields[name];
  return typeof value === 'number' ? value : null;
}

/** A text that EXPLAIN gave under this name; null where it gave none. */
export function textField({ fields }: Pick<PlanNode, 'fields'>, name: string): string | null {
  const value = fields[name];
  return typeof value === 'string' ? value : null;
}

/** What each worker process reported for this node; empty where none did (EXPLAIN shows them with VERBOSE). */
export function workersOf({ fields }: Pick<PlanNode, 'fields'>): readonly { readonly fields: Readonly<Record<string, unknown>> }[] {
  const workers = fields.Workers;
  return Array.isArray(workers) ? workers.filter(isRecord).map((each) => ({ fields: each })) : [];
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is wrong with a plan or a workload: each with its numbers, its place, and how much of the whole it touches. */
import type { Instant, RelationName, Statement, TableFacts } from './model.ts';
import type { Explained, PlanNode } from './plan.ts';
import type { Callers } from './plan-callers.ts';
import type { Reading } from './plan-cuts.ts';
import type { NodeShare } from './plan-shares.ts';

/** The numbers of a finding, by its kind. Rows are totals over all loops; sizes bytes; durations milliseconds. */
export type FindingEvidence =
  | { readonly kind: 'seq-scan-few-rows'; readonly tableRows: number; readonly keptRows: number; readonly scans: number; readonly condition: string }
  | {
      readonly kind: 'rows-discarded';
      readonly discardedRows: number;
      readonly keptRows: number;
      readonly by: 'filter' | 'join-filter';
      readonly condition: string;
    }
  | { readonly kind: 'misestimate'; readonly estimatedRows: number; readonly actualRows: number; readonly factor: number }
  | {
      readonly kind: 'spill';
      readonly what: 'sort' | 'hash-join' | 'hash-aggregate' | 'kept-rows';
      readonly diskBytes: number;
      readonly memoryBytes: number | null;
    }
  | { readonly kind: 'loop-explodes'; readonly loops: number; readonly expectedLoops: number; readonly rowsPerLoop: number }
  | { readonly kind: 'bitmap-lossy'; readonly lossyBlocks: number; readonly exactBlocks: number; readonly recheckedRows: number }
  | { readonly kind: 'index-rechecked'; readonly recheckedRows: number; readonly keptRows: number }
  | { readonly kind: 'offset-skips'; readonly skippedRows: number; readonly keptRows: number }
  | { readonly kind: 'heap-fetches'; readonly fetches: number; readonly rows: number }
  | { readonly kind: 'jit-dominates'; readonly jitMs: number; readonly executionMs: number; readonly functions: number }
  | { readonly kind: 'planning-dominates'; readonly planningMs: number; readonly executionMs: number }
  | {
      readonly kind: 'trigger-dominates';
      readonly trigger: string;
      readonly isConstraint: boolean;
      readonly triggerMs: number;
      readonly executionMs: number;
      readonly calls: number;
    }
  | { readonly kind: 'statistics-missing'; readonly rows: number }
  | { readonly kind: 'statistics-stale'; readonly rows: number; readonly changedRows: number; readonly analyzedAt: Instant | null }
  | {
      readonly kind: 'n-plus-one';
      readonly calls: number;
      readonly rowsOfCaller: number;
      readonly callsOfCaller: number;
      readonly caller: string;
      readonly meanMs: number;
    }
  | { readonly kind: 'lock-wait'; readonly samples: number; readonly waits: number; readonly longestMs: number; readonly blockers: readonly string[] };

export type FindingKind = FindingEvidence['kind'];

export interface Finding {
  readonly evidence: FindingEvidence;
  /** `PlanNode.id`; null: of the whole statement. */
  readonly nodeId: number | null;
  readonly relation: RelationName | null;
  /** Part of the statement's time that it touches (cost where `isMeasured` is not), 0 to 1; of the workload's time for n-plus-one, of samples for lock-wait. */
  readonly share: number;
  /** false: said from the planner's estimates alone. */
  readonly isMeasured: boolean;
}

/** What a statistics table says of one table: `pg_stat_user_tables` of the cluster in use (a restored copy has lost its counters), `pg_statistic`. */
export interface StatisticsFacts {
  readonly table: RelationName;
  /** pg_class.reltuples; −1: never counted. */
  readonly rows: number;
  /** Rows changed since the last ANALYZE; null where the counters were lost. */
  readonly changedSinceAnalyze: number | null;
  readonly analyzedAt: Instant | null;
  /** Are there statistics of any of its columns? */
  readonly hasStatistics: boolean;
}

/** What is known beside the plan; every part may be missing. */
export interface FindingFacts {
  readonly tables?: readonly TableFacts[];
  readonly statistics?: readonly StatisticsFacts[];
}

/** A statement that was seen waiting for a lock, over all samples of `pg_stat_activity`. */
export interface LockWaits {
  /** queryid. */
  readonly statement: string;
  /** Samples taken in all, and those that saw it wait. */
  readonly samples: number;
  readonly waits: number;
  readonly longestMs: number;
  /** queryids of those who held the lock, as far as known. */
  readonly blockers: readonly string[];
}

/** What a search for findings of one plan looks at. */
export interface Examined {
  readonly plan: Explained;
  readonly nodes: readonly PlanNode[];
  readonly shares: readonly NodeShare[];
  readonly callers: Callers;
  readonly readings: readonly Reading[];
  readonly isMeasured: boolean;
  readonly facts: FindingFacts;
}

export type WorkloadStatement = Pick<Statement, 'id' | 'database' | 'kind' | 'calls' | 'totalMs' | 'rows'>;

/** Below a twentieth of the whole nobody would notice that it was mended. */
export const MIN_SHARE = 0.05;

export const sameRelation = (a: RelationName | null, b: RelationName | null): boolean =>
  a !== null && b !== null && a.relation === b.relation && a.schema === b.schema;

/** Facts about the table of a node; null where they were not given. */
export const tableOf = ({ facts }: Pick<Examined, 'facts'>, node: PlanNode): TableFacts | null =>
  facts.tables?.find(({ table }) => sameRelation(table, node.relation)) ?? null;

export const loopsOf = ({ actual }: PlanNode): number => actual?.loops ?? 0;

/** The text of a condition; empty where the node has none of that name. */
export const conditionOf = ({ expressions }: PlanNode, name: string): string => expressions.find((each) => each.name === name)?.text ?? '';

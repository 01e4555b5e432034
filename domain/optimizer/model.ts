/** The nouns of the QueryOptimizer agent. Times are ISO 8601 in UTC, sizes bytes, durations milliseconds, costs PostgreSQL's planner units. */

import type { TriedSettings } from './setting.ts';

export type Instant = string;

/** What a statement does, as PostgreSQL's own parser says. `utility`: everything that has no plan (DDL, SET, COPY …). */
export type StatementKind = 'select' | 'insert' | 'update' | 'delete' | 'merge' | 'utility';

/** Why a statement of the workload gets no verdict. Each is said, none ends a run. */
export type NotJudgedReason =
  | 'utility'
  | 'truncated-text'
  | 'unreadable-text'
  | 'other-database'
  | 'temporary-table'
  | 'catalogue-only'
  | 'own-statement'
  /** It names a table, column or function that is not on the lab: dropped since, or only there while it ran. */
  | 'object-gone'
  /** Row level security hides rows from the role that ran it, and how is not known: as a superuser it would be another statement. */
  | 'row-security'
  | 'no-plan'
  | 'failed-on-lab'
  | 'too-slow-on-lab'
  | 'budget';

/** One normalised statement of one database over one interval, as pg_stat_statements counts it. */
export interface Statement {
  /** queryid, signed 64 bit as text; for a workload file a digest of the text. */
  readonly id: string;
  readonly database: string;
  /** `$1` in place of constants. */
  readonly text: string;
  readonly kind: StatementKind;
  readonly calls: number;
  readonly totalMs: number;
  readonly rows: number;
  /** Shared buffers hit and read. */
  readonly blocks: number;
  readonly tempBlocks: number;
  readonly walBytes: number;
  /** Only functions ran it: its text may hold their variables. */
  readonly isNested?: true;
  /** Who ran it, the role that took most of its time first; those with less than a tenth are left out. Missing: unknown. */
  readonly roles?: readonly string[];
}

export type StatementCounts = Pick<Statement, 'calls' | 'totalMs' | 'rows' | 'blocks' | 'tempBlocks' | 'walBytes'>;

export interface NotJudged {
  readonly statement: string;
  readonly reason: NotJudgedReason;
  readonly detail: string;
  /** What it did all the same, where that is known. */
  readonly counts?: StatementCounts;
}

/** Where a set of parameter values comes from, best first. `generic`: no values at all, PostgreSQL's generic plan. */
export type BindingSource = 'captured' | 'synthetic' | 'generic';

/** Which value of a column a synthetic binding stands for. */
export type BindingCase = 'common' | 'quantile' | 'rare' | 'absent' | 'captured' | 'generic';

/** Whose statement it is on the lab. Settings are the role's own, and those that policies of row level security read. Never leaves the lab's host in clear. */
export interface RunAs {
  readonly role: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** Values for one execution of a statement: each in PostgreSQL's text form, or null. Never leaves the lab's host in clear. */
export interface Binding {
  readonly source: BindingSource;
  readonly case: BindingCase;
  readonly values: readonly (string | null)[];
  /** Left out: the session's own role. */
  readonly as?: RunAs;
}

/** What row level security adds to every statement of a role on a table. */
export interface Guard {
  readonly table: RelationName;
  /** SQL over the table's columns. */
  readonly condition: string;
}

/** A statement that can be planned: its text made acceptable to PREPARE, its parameters' types, values to plan it with. */
export interface Bound {
  readonly statement: Statement;
  /** Text that PREPARE takes; equals the statement's own where that already does. */
  readonly text: string;
  /** PostgreSQL type names as pg_prepared_statements says them, in order. */
  readonly parameterTypes: readonly string[];
  /** At least one. */
  readonly bindings: readonly Binding[];
  /** Of tables that it names; missing: none. */
  readonly guards?: readonly Guard[];
  /** Values of parameters, by number, that all captured calls sent alike, also those that are not measured with; missing: none. */
  readonly constants?: ReadonlyMap<number, string>;
}

/** Of a table on disk, without its indexes; of a partitioned one all its parts. */
export interface TableSize {
  readonly table: RelationName;
  readonly bytes: number;
}

export interface RelationName {
  readonly schema: string;
  readonly relation: string;
}

/** A column or expression of an index, as PostgreSQL would print it (identifiers quoted where they need it). */
export interface IndexKey {
  /** Plain column name, unquoted; null for an expression. */
  readonly column: string | null;
  /** SQL of the expression without outer parentheses; null for a column. */
  readonly expression: string | null;
  readonly descending: boolean;
  /** null: the default of the direction. */
  readonly nullsFirst: boolean | null;
  /** null: the type's default. */
  readonly operatorClass: string | null;
}

export type IndexMethod = 'btree' | 'hash' | 'brin' | 'gin' | 'gist';

/** An index that is, or could be. Equal definitions have equal `domain/optimizer/index-sql.ts` texts. */
export interface IndexDefinition {
  readonly table: RelationName;
  readonly method: IndexMethod;
  readonly keys: readonly IndexKey[];
  /** Column names, unquoted. */
  readonly include: readonly string[];
  /** SQL of the WHERE of a partial index; null: whole table. */
  readonly predicate: string | null;
  readonly unique: boolean;
}

/** One that is really there. */
export interface ExistingIndex extends IndexDefinition {
  readonly name: string;
  readonly sizeBytes: number;
  readonly isValid: boolean;
  /** Behind a primary key, unique or exclusion constraint, or a replica identity. */
  readonly isConstraint: boolean;
  readonly scans: number;
}

export interface ColumnFacts {
  readonly name: string;
  /** format_type(). */
  readonly type: string;
  readonly notNull: boolean;
  /** Average width in bytes. */
  readonly width: number;
  /** As pg_stats: > 0 a number, < 0 a share of rows, 0 unknown. */
  readonly distinct: number;
  readonly nullShare: number;
  /** Physical order against value order, −1 to 1; null unknown. */
  readonly correlation: number | null;
  /** Of an enum; left out for every other type. */
  readonly labels?: readonly string[];
}

export interface TableFacts {
  readonly table: RelationName;
  /** r ordinary, p partitioned, m materialised view. */
  readonly kind: 'table' | 'partitioned' | 'materialised-view';
  readonly rows: number;
  readonly sizeBytes: number;
  readonly columns: readonly ColumnFacts[];
  readonly indexes: readonly ExistingIndex[];
  /** Rows changed per row read, from pg_stat_user_tables; null unknown. */
  readonly writesPerRead: number | null;
}

/** A possible change, one of the alternatives for a problem. */
export type Candidate =
  | {
      readonly kind: 'create-index';
      readonly index: IndexDefinition /** HypoPG cannot judge it: only building it on the lab does. */;
      readonly isLabOnly: boolean;
    }
  | { readonly kind: 'drop-index'; readonly index: ExistingIndex; readonly because: 'unused' | 'duplicate' | 'redundant-prefix' | 'invalid' }
  | { readonly kind: 'create-statistics'; readonly table: RelationName; readonly columns: readonly string[] };

/** What a run may do; its policy is its input. */
export interface OptimizerLimits {
  /** Real bytes of all new indexes together. */
  readonly budgetBytes: number;
  /** The search stops then with the best set so far. */
  readonly searchMs: number;
  /** Statements looked at, those that take most: `chosen` in domain/optimizer/experiment.ts. */
  readonly maxStatements: number;
  /** New ones of one set; those that the table has do not count. */
  readonly maxIndexesPerTable: number;
  /** `schema.table` that no change may touch. */
  readonly protectedTables: readonly string[];
  /** Executions of each binding and set on the lab. */
  readonly repeats: number;
  /** A statement that takes longer on the lab is not judged. */
  readonly statementTimeoutMs: number;
  /** Measuring one set ends then with the rounds made so far. */
  readonly measureMs: number;
  /** Largest work_mem that may be recommended for a statement. */
  readonly workMemBytes: number;
}

export type Judgement = 'faster' | 'slower' | 'same';

/** What a set changed in a statement's plan. */
export interface PlanChange {
  /** `shapeOfChange`. */
  readonly shape: string;
  /** Planner's cost with the indexes built / without them, over the same values that were measured. */
  readonly estimatedRatio: number;
}

/** after / before of the medians with a bootstrap interval. */
export interface StatementVerdict {
  readonly statement: string;
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly judged: Judgement;
  /** Of its slowest binding, the one that keeps a set from being accepted, with the lower end of its interval. */
  readonly worst?: number;
  readonly worstLow?: number;
  readonly worstSource?: BindingSource;
  readonly bindingSource: BindingSource;
  /** A write that is slower by what keeping the indexes up takes, and by no more than a guard would let pass: it keeps nothing from being accepted. */
  readonly isUpkeep?: true;
  /** Missing: the plan stayed as it was (or nobody looked: documents of earlier versions). */
  readonly plan?: PlanChange;
}

/** One measured set of changes on one lab. */
export interface Experiment {
  readonly id: string;
  readonly proofId: string;
  readonly changes: readonly {
    readonly sql: string;
    readonly sizeBytes: number;
    readonly buildMs: number;
    /** Executed total without this one / with the whole set: above 1, it earns its place; null not measured. */
    readonly leaveOneOut: number | null;
    /** Lower end of its interval. */
    readonly leaveOneOutLow?: number | null;
  }[];
  readonly statements: readonly StatementVerdict[];
  /** Weighted by calls: executed total after / before, with its interval. */
  readonly total: { readonly ratio: number; readonly low: number; readonly high: number };
  /** The same by the client's clock: planning and the way to the server included. Reported, not judged by. */
  readonly wallTotal?: { readonly ratio: number; readonly low: number; readonly high: number };
  /** Statements that could not be measured under this set. */
  readonly notJudged?: readonly NotJudged[];
  /** Of an experiment with settings: all that were tried. */
  readonly settings?: readonly TriedSettings[];
}

/**
 * proposed ─┬▶ approved ─▶ applying ─┬▶ applied ─┬▶ kept
 *           │                        │           └▶ rolled-back
 *           │                        └▶ failed (nothing of it is left on the source, or `because` names what is)
 *           ├▶ refused
 *           ├▶ stale (approved, but its evidence did not hold any more: measured again)
 *           ├▶ expired (nobody decided)
 *           └▶ superseded (a newer one holds all of its changes, or was measured beside it and preferred)
 * Where the policy only hands out SQL, `approved` is the end.
 */
export type RecommendationState =
  | 'proposed'
  | 'approved'
  | 'refused'
  | 'stale'
  | 'expired'
  | 'superseded'
  | 'applying'
  | 'failed'
  | 'applied'
  | 'kept'
  | 'rolled-back';

/** A state that a recommendation came into. `by`: as the one who decided named themselves; null: the fleet. */
export interface RecommendationEvent {
  readonly state: RecommendationState;
  readonly at: Instant;
  readonly by: string | null;
  readonly because: readonly string[];
}

/** `accepted`: worth doing; otherwise why not, for the history. */
export interface Decision {
  readonly verdict: 'accepted' | 'rejected';
  readonly because: readonly string[];
}

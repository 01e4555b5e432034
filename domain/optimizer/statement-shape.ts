/** Which columns of which relation stand where in a statement: what index candidates are made of. Names only, no values but those of safe predicates. */
import type { IndexKey, RelationName } from './model.ts';

/** A column, or an expression over columns of one relation as it is written. Unquoted name, or SQL. */
export interface Term {
  readonly column: string | null;
  readonly expression: string | null;
}

/** LIKE; `unknown`: a parameter, whose values only the bindings tell. */
export type PatternKind = 'prefix' | 'inside' | 'unknown';

export interface FixedPredicate {
  readonly sql: string;
  readonly columns: readonly string[];
  /** Compares columns of a row with each other: no constant that is another one tomorrow. */
  readonly isAmongColumns: boolean;
}

/** One occurrence of a table in a statement: a self-join has two. */
export interface RelationUse {
  readonly table: RelationName;
  /** Compared by =, IN, IS NULL, or as a bare boolean, with what does not come from a relation. */
  readonly equality: readonly Term[];
  /** Compared by <, >, BETWEEN with what does not read this relation; min() and max(). */
  readonly range: readonly Term[];
  readonly patterns: readonly { readonly term: Term; readonly kind: PatternKind }[];
  /** By operators that only GIN and GiST know: @>, ?, &&, @@, ILIKE, ~. */
  readonly searched: readonly { readonly term: Term; readonly operator: string }[];
  /** Columns equated with another relation. */
  readonly join: readonly string[];
  /** GROUP BY or DISTINCT, where all of its keys are this relation's; in order. */
  readonly group: readonly string[];
  /** The leading keys of ORDER BY that are this relation's. */
  readonly order: readonly IndexKey[];
  /** ORDER BY stops after some rows (LIMIT). */
  readonly isLimited: boolean;
  /** Columns in conditions that no index position serves; an index that holds them saves a look into the table. */
  readonly filtered: readonly string[];
  /** Every column the statement reads of it. */
  readonly columns: readonly string[];
  /** All columns or the row itself are needed: no index-only scan. */
  readonly isWhole: boolean;
  /** Conditions that hold in every execution, as SQL over plain column names: a partial index may stand on them. */
  readonly predicates: readonly FixedPredicate[];
}

export interface TableWrite {
  readonly table: RelationName;
  readonly kind: 'insert' | 'update' | 'delete';
  /** SET columns of an update; empty otherwise. */
  readonly columns: readonly string[];
}

export interface StatementShape {
  readonly relations: readonly RelationUse[];
  readonly writes: readonly TableWrite[];
}

/** Words between the parts of the search. */
import type { IndexDefinition } from './model.ts';
import type { Costs, Planned } from './search-costs.ts';

/** One statement as the search sees it. */
export interface SearchStatement {
  /** Calls, so that cost × weight is what the workload pays. */
  readonly weight: number;
  /** `quoteRelation` of each table it reads, with the columns it reads of it. */
  readonly reads: ReadonlyMap<string, ReadonlySet<string>>;
  /** Indexes made for it. */
  readonly candidates: readonly IndexDefinition[];
}

/** The planner, asked what would be. Throws where a statement cannot be planned. */
export interface Oracle {
  plan(statement: number, indexes: readonly IndexDefinition[]): Promise<Planned>;
  /** Bytes; null where it cannot be judged: then it is no candidate. */
  size(index: IndexDefinition): Promise<number | null>;
}

export interface SearchLimits {
  readonly budgetBytes: number;
  readonly maxIndexesPerTable: number;
  /** Milliseconds of `now`; the best so far is given then. */
  readonly deadline: number;
  /** Questions to the oracle at most. */
  readonly maxPlans: number;
  /** Sets to give at most, 1 to 4; 1: the one for the whole budget. */
  readonly sets: number;
  /** A larger budget that is looked at besides, for candidates: its sets come apart. Missing: none. */
  readonly wide?: { readonly budgetBytes: number; readonly sets: number };
}

export interface SearchProblem {
  readonly statements: readonly SearchStatement[];
  readonly existing: readonly IndexDefinition[];
  readonly oracle: Oracle;
  readonly limits: SearchLimits;
  /** Cost units per index for keeping it up to date over the workload, and for changing anything at all. */
  readonly upkeep: (index: IndexDefinition) => number;
  readonly now: () => number;
  /** Told each time the set for the whole budget got better, with its weighted cost and upkeep. */
  readonly onBetter?: (objective: number) => void;
}

export interface FoundSet {
  readonly indexes: readonly IndexDefinition[];
  /** Weighted cost under it / without it; upkeep not counted. */
  readonly estimatedRatio: number;
  readonly estimatedBytes: number;
}

/** A candidate that has a size. */
export interface Item {
  readonly id: number;
  readonly index: IndexDefinition;
  readonly text: string;
  readonly table: string;
  readonly bytes: number;
  readonly upkeep: number;
  /** Statements of which some plan that was seen uses it, and saves something. */
  readonly serves: Set<number>;
}

/** What the parts of a running search share. */
export interface Running {
  readonly problem: SearchProblem;
  readonly items: Item[];
  readonly costs: Costs;
  /** Cost of each statement without any of them. */
  readonly base: readonly number[];
  /** Other items that make one superfluous. */
  readonly covering: (item: number) => readonly number[];
  /** Deadline passed or questions used up. */
  readonly isOver: () => boolean;
  /** The same running search with a part of what is left of its time and questions. */
  readonly within: (share: number) => Running;
}

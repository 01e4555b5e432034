/** What a proof is asked, and what its steps have found out so far. */
import type { ClusterPolicy } from '../policy.ts';
import type { FoundDatabase } from './databases.ts';
import type { CheckResult, ProofDepth, ReachedPoint, RecoveryTarget, Witness } from './model.ts';
import type { PlannedStop } from './proof-plan.ts';

export interface ProveQuestion {
  readonly policy: ClusterPolicy;
  /** Names the proof and its clone; the same id is the same proof. */
  readonly proofId: string;
  /** Workflow id, or a command's own name: the clone belongs to it. */
  readonly owner: string;
  readonly label: string | null;
  readonly repository: number;
  readonly depth: ProofDepth;
  readonly level: 'content' | 'structure';
  readonly target: RecoveryTarget | null;
  /** Newest moment that must be reached, when a caller has just made it sure to be archived. */
  readonly archivedLsn: string | null;
  /** Share of the restorable window, 0-1, whose moment is the target; null: `target` and the markers decide. */
  readonly randomShare: number | null;
  /** Set: the clone stays, running, in this folder. */
  readonly into: string | null;
  /** Why no marker could be made just now; left out: one was, or none was wanted. */
  readonly unmarked?: string;
}

export interface StepFault {
  readonly code: string;
  readonly message: string;
  readonly values?: Readonly<Record<string, string | number>>;
}

/** Everything a certificate needs that the steps found out. */
export interface ProofDraft {
  readonly fetchMs: number | null;
  readonly startMs: number;
  readonly replayMs: number;
  readonly checkMs: number;
  readonly reached: ReachedPoint | null;
  /** Stops whose target was reached, in order. */
  readonly stopsReached: readonly PlannedStop[];
  readonly newestWitness: Witness | null;
  readonly checks: readonly CheckResult[];
  readonly fault: StepFault | null;
  readonly restoredBytes: number;
  /** Databases found in the clone; empty where it never ran. */
  readonly databases: readonly FoundDatabase[];
}

export const emptyDraft: ProofDraft = {
  fetchMs: null,
  startMs: 0,
  replayMs: 0,
  checkMs: 0,
  reached: null,
  stopsReached: [],
  newestWitness: null,
  checks: [],
  fault: null,
  restoredBytes: 0,
  databases: [],
};

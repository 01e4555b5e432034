/** What the optimizer's steps are built from; constructed in `workers/` only. */
import type pg from 'pg';
import type { CloneRef } from '../../domain/backup/model.ts';
import type { Observe } from '../../domain/observation.ts';
import type { Discount, GainSample } from '../../domain/optimizer/accuracy.ts';
import type { RunFound } from '../../domain/optimizer/alternatives.ts';
import type { HistoryEntry } from '../../domain/optimizer/decision.ts';
import type {
  Bound,
  Decision,
  Experiment,
  IndexDefinition,
  Instant,
  NotJudged,
  OptimizerLimits,
  RecommendationEvent,
  RecommendationState,
  Statement,
} from '../../domain/optimizer/model.ts';
import type { Recommendation } from '../../domain/optimizer/recommendation.ts';
import type { StatementPlans } from '../../domain/optimizer/statement-plans.ts';
import type { TriedSet } from '../../domain/optimizer/tried-set.ts';
import type { StatementsSnapshot, Workload } from '../../domain/optimizer/workload.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { StepIo } from '../io.ts';
import type { ApplyStore, SourceWriter } from './apply/ports.ts';
import type { BindOptions, BoundWorkload } from './bind/bind.ts';
import type { ValueCapture } from './capture/capture.ts';
import type { HygieneStore } from './hygiene/store.ts';
import type { FileWorkload } from './workload/files.ts';

export interface LabRef {
  readonly policy: ClusterPolicy;
  readonly clone: CloneRef;
}

export interface LabOptions {
  readonly database: string;
  /** Start-up settings, on top of what keeps a clone's sessions from reaching out. */
  readonly settings: Readonly<Record<string, string>>;
}

/** A session of the clone's superuser over its private socket, ended afterwards; a server that died is started again first. */
export type LabSession = <T>(lab: LabRef, options: LabOptions, use: (client: pg.Client) => Promise<T>) => Promise<T>;

/** A read-only transaction on the source. Throws cluster-unreachable, privilege-missing. */
export type SourceSession = <T>(policy: ClusterPolicy, database: string, use: (client: pg.Client) => Promise<T>) => Promise<T>;

export type BindStatements = (client: pg.Client, statements: readonly Statement[], options: BindOptions) => Promise<BoundWorkload>;

export interface FinalistSet {
  readonly indexes: readonly IndexDefinition[];
  readonly estimatedRatio: number;
  readonly estimatedBytes: number;
  /** Id of the recommendation that proposes it and is still open. */
  readonly proposedBy?: string;
  /** Never to be recommended together, and after all others: single ones to choose from by execution. */
  readonly isPoolOnly?: boolean;
}

export interface SearchRequest {
  readonly bound: readonly Bound[];
  readonly limits: OptimizerLimits;
  readonly io: StepIo;
  readonly discount?: Discount;
  /** Sets that earlier runs proved and nobody has decided on, newest first. */
  readonly earlier?: readonly FinalistSet[];
}

/** What-if search on a lab's session: up to four sets worth building, best estimate first; after them, at most one of `earlier`. */
export type SearchSets = (
  client: pg.Client,
  question: SearchRequest,
) => Promise<{
  readonly sets: readonly FinalistSet[];
  /** More to choose from by execution. */
  readonly wider: readonly IndexDefinition[];
  readonly explains: number;
}>;

export interface RunHead {
  readonly id: string;
  readonly cluster: string;
  readonly database: string;
  /** Workflow id. */
  readonly owner: string;
  readonly source: 'pg_stat_statements' | 'files';
  readonly startedAt: Instant;
  readonly settings: Readonly<Record<string, string>>;
}

export interface StoredRun extends RunHead {
  readonly statements: readonly Statement[];
  readonly finalists: readonly FinalistSet[];
}

export interface RunEnd {
  readonly outcome: 'recommended' | 'nothing' | 'failed';
  readonly because: readonly string[];
  readonly endedAt: Instant;
}

/** `elsewhere`: it was in another state, and stays there. `decided`: that was decided before, by somebody else or in other words, and nothing has changed. */
export type Entered = { readonly kind: 'entered' | 'elsewhere' } | { readonly kind: 'decided'; readonly before: RecommendationEvent };

/** Runs, their statements, experiments and recommendations, in the control database. Every method may be repeated. */
export interface OptimizerStore extends HygieneStore {
  begin(head: RunHead, workload: Workload): Promise<void>;
  /** Throws internal where there is no such run. */
  load(run: string): Promise<StoredRun>;
  /** What a run's statements came from; null: there is no such run. */
  sourceOf(run: string): Promise<RunHead['source'] | null>;
  /** Statements that binding or measuring found no verdict for. */
  notJudged(run: string, statements: readonly NotJudged[]): Promise<void>;
  /** A look at pg_stat_statements, its texts left out; older ones of the cluster than the last few go. */
  saveSnapshot(run: string, place: 'begin' | 'end', at: { readonly cluster: string; readonly snapshot: StatementsSnapshot }): Promise<void>;
  /** `begin`: of this run. `last-run`: the newest end of another run of the cluster. null: there is none. */
  earlierSnapshot(run: string, which: 'begin' | 'last-run', cluster: string): Promise<StatementsSnapshot | null>;
  saveFinalists(run: string, sets: readonly FinalistSet[]): Promise<void>;
  /** Ids of open recommendations whose sets the run measured beside its own; none of a run that is not known. */
  proposalsMeasured(run: string): Promise<readonly string[]>;
  saveExperiment(run: string, experiment: Experiment, decision: Decision): Promise<void>;
  /** What experiments showed of the planner's estimates, newest first; of all clusters where null. */
  gains(cluster: string | null): Promise<readonly GainSample[]>;
  saveRecommendation(recommendation: Recommendation): Promise<void>;
  /** Replaces those that were kept. Throws where there is no such recommendation. */
  savePlans(recommendation: string, plans: readonly StatementPlans[]): Promise<void>;
  /** Of what became slower first, then of what saves the most; none of a recommendation of an earlier version. */
  plans(recommendation: string): Promise<readonly StatementPlans[]>;
  /** Sets of new indexes that a run built and measured; of one that was measured again the last time counts. */
  triedSets(run: string): Promise<readonly TriedSet[]>;
  /** Every recommendation of a run with its plans, and the settings that were tried: what may be alternatives to each other. */
  foundIn(run: string): Promise<RunFound>;
  /** `only`: where it is in this state at that moment. Of a state that comes again the first event stays. */
  enterState(recommendation: string, event: RecommendationEvent, only?: RecommendationState): Promise<Entered>;
  /**
   * Approved and applying in one, unless others of that database are applying or applied: gives their ids, and nothing has changed then.
   * Who approved first stays; another one, who has it carried out, is named with that.
   */
  approveAlone(recommendation: string, event: Omit<RecommendationEvent, 'state'>): Promise<readonly string[]>;
  /** Newest first. */
  inState(cluster: string, database: string, state: RecommendationState): Promise<readonly Recommendation[]>;
  /** Newest first; of everything where null. */
  history(of: { readonly cluster: string } | { readonly recommendation: string } | null, limit: number): Promise<readonly HistoryEntry[]>;
  concludeRun(run: string, end: RunEnd): Promise<void>;
  /** Newest first; of all clusters where null. */
  recommendations(cluster: string | null, limit: number): Promise<readonly Recommendation[]>;
  findRecommendation(id: string): Promise<Recommendation | null>;
}

export interface OptimizerDependencies {
  readonly store: OptimizerStore;
  readonly labSession: LabSession;
  readonly sourceSession: SourceSession;
  readonly sourceWriter: SourceWriter;
  readonly applyStore: ApplyStore;
  readonly bind: BindStatements;
  readonly search: SearchSets;
  /** Left out: no values are captured. */
  readonly capture?: ValueCapture;
  /** Texts of .sql files and logs; the values in them stay in the process. Throws usage. */
  readonly workloadFromFiles: (paths: readonly string[], database: string, linePrefix?: string) => Promise<FileWorkload>;
  readonly observe: Observe;
  readonly now: () => Date;
  readonly io: () => StepIo;
}

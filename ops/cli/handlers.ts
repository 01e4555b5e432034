/** Commands that need more than a Temporal client; `workers/assay.ts` hands them in, each loaded only when it is called. */
import type { RecoveryTarget } from '../../domain/backup/model.ts';
import type { BackupRestoreResult } from '../../domain/backup/requests.ts';
import type { AssayError } from '../../domain/errors.ts';
import type { ShapeAccuracy } from '../../domain/optimizer/accuracy.ts';
import type { HistoryEntry, RecommendationRecord } from '../../domain/optimizer/decision.ts';
import type { ExplainReport } from '../../domain/optimizer/explain-report.ts';
import type { HygieneReport } from '../../domain/optimizer/hygiene-report.ts';
import type { Queries, QueryOrder } from '../../domain/optimizer/queries.ts';
import type { Recommendation } from '../../domain/optimizer/recommendation.ts';
import type { Change } from '../../domain/plan.ts';
import type { AssayOptions } from '../client/connect.ts';

/** Options every command takes. */
export interface GlobalOptions {
  /** Policy file; undefined: ASSAY_POLICY, else ./assay.yaml. */
  readonly file?: string;
  /** Temporal server; undefined: ASSAY_TEMPORAL_ADDRESS, else the policy's. */
  readonly address?: string;
  readonly namespace?: string;
  readonly json: boolean;
}

/** A line for people while the command works; goes to stderr. */
export type Tell = (line: string) => void;

export interface DoctorLine {
  readonly cluster: string | null;
  readonly name: string;
  readonly outcome: 'ok' | 'warning' | 'fault';
  readonly line: string;
  readonly fix: string | null;
}

export interface PlanReport {
  readonly changes: readonly Change[];
  readonly runs: readonly {
    readonly schedule: string;
    readonly next: readonly string[];
    readonly clockChanges: readonly { readonly wallClock: string; readonly timeZone: string; readonly effect: 'skipped' | 'ambiguous' }[];
  }[];
  /** Clusters that did not answer. */
  readonly unseen: readonly string[];
  readonly notes: readonly string[];
}

export interface ApplyReport {
  readonly done: readonly Change[];
  /** Removals that nobody confirmed. */
  readonly refused: readonly Change[];
  /** Clusters that are not as the file says; the others are. */
  readonly failed: readonly FailedCluster[];
  /** Clusters that could not be looked at: nothing was made for them. */
  readonly unseen: readonly string[];
  readonly notes: readonly string[];
}

export interface FailedCluster {
  readonly cluster: string;
  readonly error: AssayError;
  readonly made: readonly Change[];
  readonly left: readonly Change[];
}

export interface RemoveReport {
  readonly changes: readonly Change[];
  readonly notes: readonly string[];
}

export interface InitRequest {
  /** Connection string of the cluster, `postgresql://USER@HOST:PORT/DATABASE`; undefined: the one found on this host. */
  readonly connection?: string;
  readonly name?: string;
  /** pgbackrest.conf to adopt; undefined: looked for in the usual places. */
  readonly engineConfig?: string;
  readonly stanza?: string;
  /** Make an Ed25519 key pair too. */
  readonly signingKey: boolean;
  /** Write over an existing policy file; default false. */
  readonly force?: boolean;
  readonly dryRun: boolean;
}

export interface InitReport {
  readonly file: string;
  readonly written: readonly string[];
  /** What was found and adopted, what is left to do. */
  readonly notes: readonly string[];
  /** The policy that was, or with --dry-run would be, written. */
  readonly text: string;
}

export interface ColdRestoreRequest {
  readonly cluster: string;
  readonly target: RecoveryTarget;
  /** Whole path. */
  readonly into: string;
  readonly repository?: number;
  readonly backup?: string;
}

export interface ExplainRequest {
  /** SQL, or the JSON of EXPLAIN. */
  readonly text: string;
  /** CLUSTER or CLUSTER/DATABASE of the policy. */
  readonly target?: string;
  /** Another server, as a URL; takes the place of the target. */
  readonly connection?: string;
  readonly analyze: boolean;
  /** Pages are wanted. */
  readonly html: boolean;
  readonly timeoutMs: number;
}

/** The engine's own commands, for a machine where nothing of Assay runs. */
export interface RestoreCommands {
  /** Each a list of arguments; the first one is the program. */
  readonly commands: readonly (readonly string[])[];
  /** In words, in order, `#` first where it is a comment. */
  readonly text: string;
  readonly notes: readonly string[];
}

export interface VerificationReport {
  readonly valid: boolean;
  readonly keys: readonly string[];
  readonly chains: readonly {
    readonly folder: string;
    readonly cluster: string;
    readonly certificates: number;
    readonly verdicts: { readonly proven: number; readonly failed: number; readonly inconclusive: number };
    readonly head: { readonly sequence: number; readonly hash: string; readonly issuedAt: string } | null;
  }[];
  readonly faults: readonly { readonly file: string; readonly reason: string }[];
  readonly notes: readonly string[];
}

export interface QueriesRequest {
  /** CLUSTER or CLUSTER/DATABASE. */
  readonly target: string;
  readonly by: QueryOrder;
  readonly limit: number;
  /** pg_stat_statements itself instead of the last run. */
  readonly live: boolean;
  readonly sinceLastRun: boolean;
}

/** What a run found about the indexes that are there. */
export interface StoredHygieneReport {
  readonly cluster: string;
  readonly database: string;
  readonly run: string;
  readonly report: HygieneReport;
}

export interface QueriesReport extends Queries {
  readonly cluster: string;
  readonly database: string;
  /** Whose verdicts are shown; null: there was none. */
  readonly run: string | null;
  readonly at: string;
  readonly notices: readonly string[];
}

export interface LocalHandlers {
  /** How to reach Temporal: options first, then the environment, then the policy. Throws usage, secret-unreadable. */
  connection(options: GlobalOptions): Promise<AssayOptions>;
  /** Names of the clusters in the policy file; empty where there is none. */
  clusters(options: GlobalOptions): Promise<readonly string[]>;
  /** Starts an embedded fleet; ends when it was stopped. */
  dev(options: GlobalOptions, tell: Tell): Promise<void>;
  worker(options: GlobalOptions, tell: Tell): Promise<void>;
  init(request: InitRequest, options: GlobalOptions): Promise<InitReport>;
  doctor(request: { readonly cluster?: string }, options: GlobalOptions): Promise<readonly DoctorLine[]>;
  plan(options: GlobalOptions): Promise<PlanReport>;
  apply(request: { readonly confirmRemovals: boolean; readonly tell?: Tell }, options: GlobalOptions, onChange: (change: Change) => void): Promise<ApplyReport>;
  /** `leaveSql`: without asking the cluster itself. */
  remove(
    request: { readonly cluster: string; readonly dryRun: boolean; readonly leaveSql?: boolean },
    options: GlobalOptions,
    onChange: (change: Change) => void,
  ): Promise<RemoveReport>;
  configShow(options: GlobalOptions): Promise<{ readonly text: string; readonly data: object }>;
  /** The exact commands of the engine; needs no Temporal, control database or worker. */
  restorePrint(request: ColdRestoreRequest, options: GlobalOptions): Promise<RestoreCommands>;
  /** The whole restore and proof in this process; needs the repository and the policy file only. */
  restoreCold(request: ColdRestoreRequest, options: GlobalOptions, tell: Tell): Promise<BackupRestoreResult>;
  /** Newest first, of all clusters where none is named; from the control database. */
  recommendations(request: { readonly cluster?: string }, options: GlobalOptions): Promise<readonly Recommendation[]>;
  /** Of one cluster, or of all together; from the control database. */
  accuracy(request: { readonly cluster?: string }, options: GlobalOptions): Promise<readonly ShapeAccuracy[]>;
  /** The heaviest statements of the last run, or of pg_stat_statements. Throws usage, control-unreachable, cluster-unknown, cluster-unreachable. */
  queries(request: QueriesRequest, options: GlobalOptions): Promise<QueriesReport>;
  /** What the last run found about the indexes that are there; from the control database. Throws usage, control-unreachable. */
  hygiene(request: { readonly target: string }, options: GlobalOptions): Promise<StoredHygieneReport>;
  /** Plans of the statements in a text, with findings and, where asked for, as pages. Throws usage, cluster-unknown, cluster-unreachable, refused-by-guard. */
  explain(request: ExplainRequest, options: GlobalOptions): Promise<ExplainReport & { readonly pages: readonly string[] }>;
  /** Throws usage where there is none of that id. */
  recommendation(request: { readonly id: string }, options: GlobalOptions): Promise<RecommendationRecord>;
  /** What became of recommendations, newest first, of all clusters where none is named; from the control database. */
  history(request: { readonly cluster?: string }, options: GlobalOptions): Promise<readonly HistoryEntry[]>;
  /** As one page that needs nothing but itself. */
  recommendationPage(record: RecommendationRecord, options: GlobalOptions): Promise<string>;
  verifyCertificates(request: { readonly path: string; readonly key: string }): Promise<VerificationReport>;
}

/**
 * An approved recommendation carried out on the source, and watched afterwards. In the order a workflow calls them:
 *
 *   checkEvidence → prepareApply → lookAtStatements (window 0, several times) → applyChange for each place
 *   → for each window: lookAtStatements several times, guardWindow → kept, or undoChange for each place in reverse
 *
 * `workflows/optimizer/guard.ts` makes the looks and waits between them.
 */
import type { ClusterPolicy } from '../../../domain/policy.ts';

export interface AboutRecommendation {
  readonly policy: ClusterPolicy;
  /** Its id. */
  readonly recommendation: string;
}

/** What was approved: the digest of the recommendation at that moment (domain/optimizer/digest.ts). */
export interface Approved extends AboutRecommendation {
  readonly digest: string;
}

export interface EvidenceCheck {
  readonly fresh: boolean;
  /** Why it is stale; empty where it is fresh. */
  readonly because: readonly string[];
}

export interface Prepared {
  /** Free bytes where the indexes will be; null: the worker is not beside the cluster. */
  readonly roomBytes: number | null;
  readonly neededBytes: number;
  /** What is worth knowing and no reason to refuse. */
  readonly notes: readonly string[];
}

export interface AppliedChange {
  readonly outcome: 'built' | 'already-there';
  readonly sizeBytes: number;
  readonly tookMs: number;
}

export interface UndoneChange {
  readonly outcome: 'dropped' | 'not-there';
}

export interface GuardVerdict {
  readonly verdict: 'keep' | 'roll-back' | 'undecided';
  readonly because: readonly string[];
}

export interface ApplySteps {
  /** Is the evidence still that of the source as it is? Only reads. Throws cluster-unreachable, privilege-missing. */
  checkEvidence(about: AboutRecommendation): Promise<EvidenceCheck>;

  /**
   * May it be carried out as it was approved? Only reads. Throws refused-by-guard (another digest, no room, a standby, a foreign index of that name)
   * and privilege-missing with the grant to make.
   */
  prepareApply(about: Approved): Promise<Prepared>;

  /**
   * Carries out the change at this place of `indexes`. Idempotent: what a killed attempt left half made is taken away first, what it finished is kept.
   * Retried by itself where a lock was in the way. Throws change-blocked (retryable), refused-by-guard, privilege-missing, disk-full, cluster-unreachable.
   * Where it fails for good, call undoChange for this place and all before it.
   */
  applyChange(about: Approved & { readonly place: number }): Promise<AppliedChange>;

  /** Takes away what applyChange made, and makes again what it dropped; nothing else. Idempotent. Throws as applyChange. */
  undoChange(about: AboutRecommendation & { readonly place: number }): Promise<UndoneChange>;

  /** One look at the counters of the experiment's statements, kept. Window 0 is before the change. The same window and look twice is one look. */
  lookAtStatements(about: AboutRecommendation & { readonly window: number; readonly look: number }): Promise<void>;

  /**
   * What the looks of the windows 0 to `window` say; kept. Undecided at most up to the policy's `guard.windows`, and one more where the last one was
   * disturbed (counters reset, server restarted). Reads the control database only.
   */
  guardWindow(about: AboutRecommendation & { readonly window: number }): Promise<GuardVerdict>;
}

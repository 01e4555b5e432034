/**
 * An approved recommendation carried out on the source, and watched afterwards. In the order a workflow calls them:
 *
 *   checkEvidence → prepareApply → lookAtStatements (window 0, several times) → applyChange for each place
 *   → for each window: lookAtStatements several times, guardWindow → kept, or undoChange for each place in reverse
 *
 * `workflows/optimizer/guard.ts` makes the looks and waits between them.
 */
import { AssayError } from '../../../domain/errors.ts';
import type { GuardVerdict } from '../../../domain/optimizer/guard.ts';
import { optimizerPolicyOf } from '../../../domain/optimizer/policy.ts';
import { isAdvised, kindOf, newBytes, type Recommendation, tableOfChange } from '../../../domain/optimizer/recommendation.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { Applying } from '../apply/applying.ts';
import { carryOut, sizeOf } from '../apply/carry-out.ts';
import { type EvidenceCheck, evidenceCheck } from '../apply/evidence.ts';
import { applyFailure } from '../apply/failure.ts';
import { lockWaits } from '../apply/locks.ts';
import { assertApproved, preparedFor } from '../apply/prepare.ts';
import { alone, assertPrimary } from '../apply/session.ts';
import { takeBack } from '../apply/take-back.ts';
import { type Ask, endEarlierAttempts, pidOf, watched } from '../apply/watch.ts';
import { parserReady } from '../bind/tree.ts';
import { judgeWindow } from '../guard/judge.ts';
import { lookAt } from '../guard/look.ts';
import type { OptimizerDependencies } from '../ports.ts';

export interface AboutRecommendation {
  readonly policy: ClusterPolicy;
  /** Its id. */
  readonly recommendation: string;
}

/** What was approved: the digest of the recommendation at that moment (activities/recommendation-digest.ts). */
export interface Approved extends AboutRecommendation {
  readonly digest: string;
}

export type { EvidenceCheck, GuardVerdict };

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

export interface ApplySteps {
  /**
   * Is the evidence still that of the source as it is? Not asked again of what is approved and somebody else's to carry out. Only reads. Throws cluster-unreachable; and where Assay carries it out, what stands in the
   * way of that: privilege-missing with the grant to make, refused-by-guard (no room, a standby, a foreign index of that name).
   */
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

export function applySteps(deps: OptimizerDependencies): ApplySteps {
  return {
    async checkEvidence({ policy, recommendation: id }) {
      const recommendation = await found(deps, id);
      const isOurs = optimizerPolicyOf(policy).apply === 'execute' && !recommendation.indexes.map(kindOf).some(isAdvised);
      // nothing follows from approving it again, and it does not go stale by that either: it may be carried out already
      if (recommendation.state === 'approved' && !isOurs) return { fresh: true, because: [] };
      await parserReady();
      return deps.sourceSession(policy, recommendation.database, async (client) => {
        const evidence = await evidenceCheck(client, { recommendation, policy, now: deps.now() });
        // found out after the approval it would be the end of the recommendation: now whoever approves is told, and can approve again
        if (evidence.fresh && isOurs) await preparedFor(client, { recommendation, policy, store: deps.applyStore });
        return evidence;
      });
    },

    async prepareApply({ policy, recommendation: id, digest }) {
      const recommendation = await found(deps, id);
      assertApproved(recommendation, { digest, policy });
      await parserReady();
      return deps.sourceSession(policy, recommendation.database, (client) => preparedFor(client, { recommendation, policy, store: deps.applyStore }));
    },

    async applyChange({ policy, recommendation: id, place, digest }) {
      const recommendation = await found(deps, id);
      assertApproved(recommendation, { digest, policy });
      const startedAt = deps.now().getTime();
      return onSource(deps, { policy, recommendation, place }, async (applying) => {
        const outcome = await carryOut(applying);
        const tookMs = deps.now().getTime() - startedAt;
        if (outcome === 'built') deps.observe({ kind: 'change-applied', cluster: policy.cluster, change: kindOf(applying.change), tookMs });
        return { outcome, sizeBytes: await sizeOf(applying), tookMs };
      });
    },

    async undoChange({ policy, recommendation: id, place }) {
      const recommendation = await found(deps, id);
      return onSource(deps, { policy, recommendation, place, isUndo: true }, async (applying) => ({ outcome: await takeBack(applying) }));
    },

    async lookAtStatements({ policy, recommendation: id, window, look }) {
      const recommendation = await found(deps, id);
      await deps.applyStore.saveLook(id, await lookAt(deps, { policy, recommendation, window, look }));
    },

    async guardWindow({ policy, recommendation: id, window }) {
      const recommendation = await found(deps, id);
      const { guard } = optimizerPolicyOf(policy);
      await parserReady();
      const verdict = judgeWindow({ recommendation, looks: await deps.applyStore.looks(id), window, guard });
      await deps.applyStore.saveVerdict(id, window, verdict);
      deps.observe({ kind: 'guard-verdict', cluster: policy.cluster, verdict: verdict.verdict });
      return verdict;
    },
  };
}

async function found(deps: OptimizerDependencies, id: string): Promise<Recommendation> {
  const recommendation = await deps.store.findRecommendation(id);
  if (recommendation === null) throw new AssayError('internal', { reason: `no recommendation ${id} in the control database` }, { retryable: false });
  return recommendation;
}

interface OnSource {
  readonly policy: ClusterPolicy;
  readonly recommendation: Recommendation;
  readonly place: number;
  /** What an earlier attempt still builds is ended, not waited for. */
  readonly isUndo?: boolean;
}

/** In the one session that may change this database. */
async function onSource<T>(deps: OptimizerDependencies, about: OnSource, use: (applying: Applying) => Promise<T>): Promise<T> {
  const { policy, recommendation, place, isUndo = false } = about;
  const { cluster, connection } = policy;
  const { database, id } = recommendation;
  const change = recommendation.indexes[place];
  if (change === undefined) throw new AssayError('internal', { reason: `recommendation ${id} has no change ${place}` }, { retryable: false });
  const io = deps.io();
  const waits = lockWaits(cluster, tableOfChange(change), { lockTimeoutMs: optimizerPolicyOf(policy).lockTimeoutMs, buildMs: change.buildMs });
  await parserReady();
  try {
    return await deps.sourceWriter(policy, { database, session: id }, async (client) => {
      await assertPrimary(client, cluster);
      // between two statements of theirs there is nothing to end: asked again until the lock is free
      await alone(client, io, isUndo ? () => endEarlierAttempts(client) : undefined);
      // a look at a size waits for locks as well
      await client.query(`/* assay optimizer */ set lock_timeout = ${waits.shortMs}`);
      const pid = await pidOf(client);
      const ask: Ask = (question) => deps.sourceSession(policy, database, question);
      const applying = { client, pid, ask, store: deps.applyStore, recommendation, place, change, waits, io };
      return watched({ pid, io, ask }, () => use(applying));
    });
  } catch (error) {
    if (io.signal.aborted) throw new AssayError('cancelled', { what: `the change ${change.name}` });
    throw applyFailure(error, { cluster, role: connection.user, what: `make the change ${change.name}`, neededBytes: 2 * newBytes([change]) });
  }
}

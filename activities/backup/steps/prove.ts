/** Steps of a proof, in the order the recipe calls them (workflows/backup/prove-recipe.ts). */

import type { CheckResult, CloneRef, ProofDepth, ReachedPoint, RecoveryTarget } from '../../../domain/backup/model.ts';
import { expiringLabels } from '../../../domain/backup/pins.ts';
import type { ProofSummary } from '../../../domain/backup/proof.ts';
import type { ProofDraft, ProveQuestion, StepFault } from '../../../domain/backup/proof-draft.ts';
import type { PlannedStop, ProofPlan } from '../../../domain/backup/proof-plan.ts';
import { AssayError, isAssayError } from '../../../domain/errors.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BackupDependencies } from '../ports.ts';
import { certify } from './certify.ts';
import { diagnose } from './diagnose.ts';
import { inspectRepository } from './inspect.ts';
import { planProof } from './plan.ts';

interface OfPlan {
  readonly policy: ClusterPolicy;
  readonly plan: ProofPlan;
}

interface OfClone {
  readonly policy: ClusterPolicy;
  readonly clone: CloneRef;
}

export interface Checked {
  readonly checks: readonly CheckResult[];
  readonly tookMs: number;
}

export interface CertifyRequest {
  readonly policy: ClusterPolicy;
  /** null where the repository could not even be read. */
  readonly plan: ProofPlan | null;
  readonly proofId: string;
  readonly repository: number;
  readonly draft: ProofDraft;
  readonly depth: ProofDepth;
  readonly level: 'content' | 'structure';
  readonly owner: string;
  /** Set: a restore for a person, proven as far as the markers on its way lead. */
  readonly into?: string | null;
  /** Why no marker could be made beforehand. */
  readonly unmarked?: string;
}

/** Room for WAL, temporary files and the checks themselves, on top of the data. */
export const HEADROOM = 1.15;

export function proveSteps(deps: BackupDependencies) {
  return {
    /** Which backup, which stops. Throws backup-unknown, target-unreachable, usage. */
    planProof: (question: ProveQuestion): Promise<ProofPlan> => planProof(deps, question).catch((error: unknown) => refused(deps, question, error)),

    /** Without restoring anything: is WAL complete up to the last stop, are both manifests the same, did the engine see broken pages. */
    inspectRepository: (request: OfPlan): Promise<readonly CheckResult[]> => inspectRepository(deps, request),

    /** What it needs is pinned, room checked, private folders made. Idempotent by proof. */
    openClone: (request: OfPlan & { owner: string; into: string | null }): Promise<CloneRef> => openClone(deps, request),

    async restoreClone({ policy, plan, clone }: OfPlan & OfClone): Promise<{ readonly bytes: number; readonly tookMs: number }> {
      const first = plan.stops[0];
      if (first === undefined) throw new AssayError('internal', { reason: 'a proof without a stop' });
      return deps
        .engineFor(policy)
        .restore(
          { label: plan.backup.label, repository: plan.repository, target: first.target, action: 'pause', ...deps.clones.restoreFolders(clone) },
          deps.io(),
        );
    },

    /** Starts the clone (or walks it on) and waits until recovery stands paused at the target. */
    async recoverClone({ policy, clone, target, first }: OfClone & { target: RecoveryTarget; first: boolean }) {
      const move = first ? deps.clones.start : deps.clones.walk;
      return move(policy, clone, target, deps.io());
    },

    /** Target reached exactly; where a marker was made there, every table of its database compared. */
    async compareContent(
      request: OfClone & { systemIdentifier: string; target: RecoveryTarget; marker: PlannedStop['marker']; reached: ReachedPoint },
    ): Promise<Checked> {
      const { policy, clone, marker, target, reached, systemIdentifier } = request;
      return timed(async () => {
        const arrived = await deps.checks.arrival(policy, clone, { target, reached, systemIdentifier });
        if (marker === null) return arrived;
        return [...arrived, ...(await deps.checks.content(policy, clone, await deps.markerStore.load(marker.id), reached, deps.io()))];
      });
    },

    /** What came back: the newest witness, and which databases there are. */
    async surveyClone({ policy, clone }: OfClone): Promise<Pick<ProofDraft, 'newestWitness' | 'databases'>> {
      return { newestWitness: await deps.checks.newestWitness(policy, clone), databases: await deps.checks.databases(policy, clone) };
    },

    /** Opens the clone for writing, then checks what needs that; leaves it stopped, since page checksums are read last. */
    checkStructure: ({ policy, clone, depth }: OfClone & { depth: ProofDepth }): Promise<Checked> =>
      timed(async () => {
        await deps.clones.promote(policy, clone, deps.io());
        return deps.checks.structure(policy, clone, { depth }, deps.io());
      }),

    /** Starts a promoted, checked clone again, to stay. */
    serveClone: ({ policy, clone }: OfClone): Promise<void> => deps.clones.serve(policy, clone, deps.io()),

    /** After a restore that did not get where it should: what in the repository is to blame. */
    diagnose: (request: OfPlan & { fault: StepFault }): Promise<readonly CheckResult[]> => diagnose(deps, request),

    /** Judges, signs, chains, stores. Idempotent by proof. */
    certify: (request: CertifyRequest): Promise<ProofSummary> => certify(deps, request),

    wipeClone: ({ clone }: OfClone): Promise<void> => deps.clones.wipe(clone),

    /** For a run that ends without a certificate: retention need not spare its backups any longer. Idempotent. */
    unpin: ({ policy, owner }: { policy: ClusterPolicy; owner: string }): Promise<void> => deps.evidence.unpin(policy.cluster, owner),
  };
}

export type ProveSteps = ReturnType<typeof proveSteps>;

async function timed(work: () => Promise<readonly CheckResult[]>): Promise<Checked> {
  const began = performance.now();
  const checks = await work();
  return { checks, tookMs: Math.round(performance.now() - began) };
}

/** Tells of a restore that no retry will ever begin. */
function refused(deps: BackupDependencies, { policy, into }: ProveQuestion, error: unknown): never {
  if (into !== null && isAssayError(error) && !error.retryable) deps.observe({ kind: 'restore-finished', cluster: policy.cluster, outcome: 'refused' });
  throw error;
}

async function openClone(deps: BackupDependencies, { policy, plan, owner, into }: OfPlan & { owner: string; into: string | null }): Promise<CloneRef> {
  await pinChain(deps, { policy, plan, owner });
  return deps.clones.open(policy, plan.proofId, owner, Math.ceil(plan.backup.databaseBytes * HEADROOM), into);
}

/** What is being expired, or was since the plan was made, cannot be begun from. Throws backup-expiring; nothing is pinned then. */
export async function pinChain(deps: BackupDependencies, { policy, plan, owner }: OfPlan & { owner: string }): Promise<void> {
  const { evidence } = deps;
  const labels = plan.chain.map((backup) => backup.label);
  await evidence.pin(policy.cluster, owner, labels);
  const expiring = expiringLabels(await evidence.pins(policy.cluster));
  const there = (await deps.engineFor(policy).info(plan.repository)).backups.map((backup) => backup.label);
  const lost = labels.find((label) => expiring.includes(label) || !there.includes(label));
  if (lost === undefined) return;
  await evidence.unpin(policy.cluster, owner);
  throw new AssayError('backup-expiring', { label: lost, cluster: policy.cluster });
}

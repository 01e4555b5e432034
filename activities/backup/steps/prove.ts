/** Steps of a proof, in the order the recipe calls them (workflows/backup/prove-recipe.ts). */
import { AssayError } from '../../../domain/errors.ts';
import { compareLsn } from '../../../domain/backup/lsn.ts';
import type { CheckResult, CloneRef, Marker, ProofDepth, ReachedPoint, RecoveryTarget } from '../../../domain/backup/model.ts';
import type { ProofSummary } from '../../../domain/backup/proof.ts';
import type { ProofDraft, ProveQuestion, StepFault } from '../../../domain/backup/proof-draft.ts';
import { chainOf, type PlannedStop, type ProofPlan, planStops } from '../../../domain/backup/proof-plan.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BackupDependencies } from '../ports.ts';
import { inspectRepository } from './inspect.ts';
import { diagnose } from './diagnose.ts';
import { certify } from './certify.ts';

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

export interface CertifyRequest extends OfPlan {
  readonly draft: ProofDraft;
  readonly depth: ProofDepth;
  readonly level: 'content' | 'structure';
  readonly owner: string;
}

/** Room for WAL, temporary files and the checks themselves, on top of the data. */
const HEADROOM = 1.15;

export function proveSteps(deps: BackupDependencies) {
  return {
    /** Which backup, which stops. Throws backup-unknown, target-unreachable. */
    planProof: (question: ProveQuestion): Promise<ProofPlan> => planProof(deps, question),

    /** Without restoring anything: is WAL complete up to the last stop, are both manifests the same, did the engine see broken pages. */
    inspectRepository: (request: OfPlan): Promise<readonly CheckResult[]> => inspectRepository(deps, request),

    /** Room checked, private folders made. Idempotent by proof. */
    async openClone({ policy, plan, owner, into }: OfPlan & { owner: string; into: string | null }): Promise<CloneRef> {
      await deps.evidence.pin(
        policy.cluster,
        owner,
        plan.chain.map((backup) => backup.label),
      );
      const clone = await deps.clones.open(policyInto(policy, into), cloneId(plan, into), owner, Math.ceil(plan.backup.databaseBytes * HEADROOM));
      deps.observe({ kind: 'clone-opened', cluster: policy.cluster, clone: clone.id });
      return clone;
    },

    async restoreClone({ policy, plan, clone }: OfPlan & OfClone): Promise<{ readonly bytes: number; readonly tookMs: number }> {
      const first = plan.stops[0];
      if (first === undefined) throw new AssayError('internal', { reason: 'a proof without a stop' });
      return deps.engineFor(policy).restore(
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
    async compareContent(request: OfClone & { target: RecoveryTarget; marker: PlannedStop['marker']; reached: ReachedPoint }): Promise<Checked> {
      const { policy, clone, marker, target, reached } = request;
      return timed(async () => {
        const arrived = await deps.checks.arrival(policy, clone, { target, reached });
        if (marker === null) return arrived;
        return [...arrived, ...(await deps.checks.content(policy, clone, await deps.markerStore.load(marker.id), reached, deps.io()))];
      });
    },

    /** What came back: the newest witness, and which databases there are. */
    async surveyClone({ policy, clone }: OfClone): Promise<Pick<ProofDraft, 'newestWitness' | 'databases'>> {
      return { newestWitness: await deps.checks.newestWitness(policy, clone), databases: await deps.checks.databases(policy, clone) };
    },

    /** Opens the clone for writing, then checks what needs that; leaves it stopped, since page checksums are read last. */
    async checkStructure({ policy, clone, depth, markers }: OfClone & { depth: ProofDepth; markers: readonly string[] }): Promise<Checked> {
      const loaded: Marker[] = [];
      for (const id of markers) loaded.push(await deps.markerStore.load(id));
      return timed(async () => {
        await deps.clones.promote(policy, clone, deps.io());
        return deps.checks.structure(policy, clone, { depth, markers: loaded }, deps.io());
      });
    },

    /** Starts a promoted, checked clone again, to stay. */
    serveClone: ({ policy, clone }: OfClone): Promise<void> => deps.clones.serve(policy, clone, deps.io()),

    /** After a restore that did not get where it should: what in the repository is to blame. */
    diagnose: (request: OfPlan & { fault: StepFault }): Promise<readonly CheckResult[]> => diagnose(deps, request),

    /** Judges, signs, chains, stores. Idempotent by proof. */
    certify: (request: CertifyRequest): Promise<ProofSummary> => certify(deps, request),

    async wipeClone({ policy, clone }: OfClone): Promise<void> {
      await deps.clones.wipe(clone);
      deps.observe({ kind: 'clone-wiped', cluster: policy.cluster, clone: clone.id, swept: false });
    },
  };
}

export type ProveSteps = ReturnType<typeof proveSteps>;

async function timed(work: () => Promise<readonly CheckResult[]>): Promise<Checked> {
  const began = performance.now();
  const checks = await work();
  return { checks, tookMs: Math.round(performance.now() - began) };
}

async function planProof(deps: BackupDependencies, question: ProveQuestion): Promise<ProofPlan> {
  const { policy, repository } = question;
  const startedAt = deps.now().toISOString();
  const info = await deps.engineFor(policy).info(repository);
  const backup = question.label === null ? newestBefore(info.backups, question.target) : info.backups.find((each) => each.label === question.label);
  if (backup === undefined) throw new AssayError('backup-unknown', { label: question.label ?? 'at all', cluster: policy.cluster });
  const markers = await deps.markerStore.between(policy.cluster, backup.stopLsn, null);
  const archivedLsn = question.archivedLsn ?? backup.stopLsn;
  return {
    proofId: question.proofId,
    repository,
    backup,
    chain: chainOf(backup.label, info.backups, policy.cluster),
    stops: planStops({ backup, target: question.target, level: question.level, markers, archivedLsn }),
    systemIdentifier: info.systemIdentifier,
    startedAt,
  };
}

type Backups = Awaited<ReturnType<ReturnType<BackupDependencies['engineFor']>['info']>>['backups'];

/** The newest backup that ended before the target; the oldest way to be sure is the engine's own, for names and transactions: the newest. */
function newestBefore(backups: Backups, target: RecoveryTarget | null): Backups[number] | undefined {
  return backups.findLast((backup) => {
    if (target?.kind === 'lsn') return compareLsn(backup.stopLsn, target.lsn) <= 0;
    if (target?.kind === 'time') return Date.parse(backup.stoppedAt) < Date.parse(target.at);
    return true;
  });
}

function policyInto(policy: ClusterPolicy, into: string | null): ClusterPolicy {
  if (into === null) return policy;
  return { ...policy, clone: { ...policy.clone, directory: into.slice(0, into.lastIndexOf('/')) || '/' } };
}

const cloneId = (plan: ProofPlan, into: string | null): string => (into === null ? plan.proofId.slice(0, 8) : into.slice(into.lastIndexOf('/') + 1));

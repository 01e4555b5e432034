/** Which backup a lab is made of: the newest that a restore has proven, never one that is only believed in. Pure. */
import { AssayError } from '../errors.ts';
import type { ClusterPolicy } from '../policy.ts';
import type { Instant } from './model.ts';
import type { ProofSummary } from './proof.ts';
import type { ProofPlan } from './proof-plan.ts';

export interface LabQuestion {
  readonly policy: ClusterPolicy;
  readonly repository: number;
  /** Names the lab and its clone; the same id is the same lab. */
  readonly labId: string;
  /** Workflow id: the clone belongs to it, and is swept once it has ended. */
  readonly owner: string;
  readonly maxProofAgeMs: number;
}

export interface LabPlan {
  /** Id of the proof that the lab rests on. */
  readonly proof: string;
  readonly provenAt: Instant;
  readonly plan: ProofPlan;
}

export interface LabChoice {
  readonly cluster: string;
  readonly proofs: readonly ProofSummary[];
  /** Backups that the repository holds now. */
  readonly labels: readonly string[];
  readonly maxProofAgeMs: number;
  readonly now: Instant;
}

/** Throws lab-unproven where there is none, or its proof is older than allowed. */
export function provenForLab({ cluster, proofs, labels, maxProofAgeMs, now }: LabChoice): ProofSummary {
  const proven = proofs.filter(({ verdict }) => verdict === 'proven');
  const there = proven.filter(({ backup }) => labels.includes(backup));
  const newest = there.toSorted((a, b) => Date.parse(b.finishedAt) - Date.parse(a.finishedAt))[0];
  if (newest === undefined) {
    const reason =
      proven.length === 0 ? 'none of its backups has been restored and proven yet' : 'its backups that were proven are no longer in the repository';
    throw new AssayError('lab-unproven', { cluster, reason });
  }
  const ageMs = Date.parse(now) - Date.parse(newest.finishedAt);
  if (ageMs <= maxProofAgeMs) return newest;
  const reason = `the newest proof, of ${newest.backup}, is ${hours(ageMs)} h old, ${hours(maxProofAgeMs)} h are allowed`;
  throw new AssayError('lab-unproven', { cluster, reason });
}

const hours = (ms: number) => Math.round(ms / 360_000) / 10;

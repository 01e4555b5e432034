/** Whether one may sleep: the judgement of `assay backup status`, for people and for exit codes. Pure. */
import type { ProofSummary } from './proof.ts';
import type { BackupStatus } from './status.ts';

export interface Standing {
  /** `fault`: something was found broken. `not-proven`: nothing broken was found, but the proof is missing, stale or could not be made. */
  readonly standing: 'good' | 'fault' | 'not-proven';
  /** Never empty; the worst first. */
  readonly because: readonly string[];
}

/** Clocks of two hosts may be that far apart; a proof from further ahead would stay fresh until its day comes. */
const MOST_SKEW_MS = 5 * 60_000;

/** `now` as milliseconds since the epoch. */
export function standingOf(status: BackupStatus, now: number): Standing {
  const faults = [...failedProofs(status), ...holes(status), ...pageErrors(status)];
  const doubts = doubtsOf(status, now);
  if (faults.length > 0) return { standing: 'fault', because: [...faults, ...doubts] };
  if (doubts.length > 0) return { standing: 'not-proven', because: doubts };
  return { standing: 'good', because: [`the newest proof is not older than the policy allows`] };
}

const failedProofs = ({ proofs, backups }: BackupStatus): string[] =>
  proofs
    .filter((proof) => proof.verdict === 'failed' && backups.some((backup) => backup.label === proof.backup))
    .map((proof) => `the proof of ${proof.backup} failed: ${proof.because[0] ?? proof.cause}`);

const holes = ({ gaps }: BackupStatus): string[] =>
  gaps.map(({ repository, segments, firstMissing }) => `repository ${repository} lacks ${segments} WAL segment(s) from ${firstMissing} on`);

const pageErrors = ({ backups }: BackupStatus): string[] =>
  backups.filter((backup) => backup.hasPageErrors).map((backup) => `the engine noticed damaged pages while it made ${backup.label}`);

function doubtsOf({ backups, proofs, provenAt, objectives, unreachable = [] }: BackupStatus, now: number): string[] {
  const doubts = unreachable.map(({ repository, reason }) => `what repository ${repository} holds is not known: ${reason}`);
  if (backups.length === 0) return [...doubts, 'there is no backup'];
  const newest = newestOf(proofs);
  if (newest === null) return [...doubts, 'no backup was ever proven'];
  if (newest.verdict === 'inconclusive') doubts.push(`the newest proof (${newest.backup}) could not be made: ${newest.because[0] ?? newest.cause}`);
  if (provenAt === null) doubts.push('no backup was ever proven');
  else if (Date.parse(provenAt) - now > MOST_SKEW_MS) doubts.push(`the newest proof is of the future (${provenAt}): some clock runs, or ran, ahead`);
  else if (now - Date.parse(provenAt) > objectives.proofAgeMs) doubts.push(`the newest proof is older than the policy allows (${provenAt})`);
  return doubts;
}

const newestOf = (proofs: readonly ProofSummary[]): ProofSummary | null =>
  proofs.reduce<ProofSummary | null>((newest, proof) => (newest === null || proof.finishedAt > newest.finishedAt ? proof : newest), null);

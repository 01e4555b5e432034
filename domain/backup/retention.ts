/**
 * Decides which backups may go, with a reason for each that goes and each that stays. Pure.
 * Never: the newest proven chain, what a kept backup builds on, what is pinned or named in the policy, what the window of days needs.
 * While no backup is proven, nothing goes: the oldest may be the only one that works.
 */

import type { RetentionPolicy } from '../policy.ts';
import { compareLsn } from './lsn.ts';
import type { BackupRecord, Instant } from './model.ts';
import type { ProofSummary } from './proof.ts';

export interface RetentionQuestion {
  /** All of one repository, any order. */
  readonly backups: readonly BackupRecord[];
  readonly policy: RetentionPolicy;
  /** Proofs of these backups; of several for one backup the newest that came to a conclusion counts. */
  readonly proofs: readonly Pick<ProofSummary, 'backup' | 'verdict' | 'finishedAt'>[];
  /** Labels that clones and restores in progress need. */
  readonly pinned: readonly string[];
  readonly now: Instant;
}

export interface Reasoned {
  readonly label: string;
  readonly because: readonly string[];
}

/** Both oldest first. */
export interface RetentionDecision {
  readonly keep: readonly Reasoned[];
  readonly expire: readonly Reasoned[];
}

const DAY_MS = 86_400_000;

/** Of several clocks the one that makes backups the youngest; those that could not be asked are left out. */
export const earliest = (clocks: readonly [Instant, ...(Instant | undefined)[]]): Instant =>
  clocks.reduce<Instant>((first, clock) => (clock !== undefined && Date.parse(clock) < Date.parse(first) ? clock : first), clocks[0]);

export function decideRetention(question: RetentionQuestion): RetentionDecision {
  const backups = [...question.backups].sort((a, b) => compareLsn(a.stopLsn, b.stopLsn) || (a.label < b.label ? -1 : 1));
  const reasons = new Map<string, string[]>(backups.map((backup) => [backup.label, []]));
  const keep = (labels: readonly string[], because: string) => {
    for (const label of labels) reasons.get(label)?.push(because);
  };
  const proven = conclusions(question, 'proven');
  const newestProven = backups.findLast((backup) => proven.has(backup.label));
  if (newestProven === undefined) keep(labelsOf(backups), 'no backup is proven yet: nothing goes');
  else keep([newestProven.label], 'the newest proven backup');
  keep(question.pinned, 'a clone or a restore in progress needs it');
  keep(question.policy.keep, 'the policy names it');
  keepNewestFulls(backups, question.policy.fulls, keep);
  keepWindow(backups, question, keep);
  keepForerunners(backups, reasons);
  const stays = backups.filter((backup) => reasonsFor(reasons, backup).length > 0);
  const goes = backups.filter((backup) => reasonsFor(reasons, backup).length === 0);
  return {
    keep: stays.map((backup) => ({ label: backup.label, because: reasonsFor(reasons, backup) })),
    expire: goes.map((backup) => ({ label: backup.label, because: goingBecause(backup, question) })),
  };
}

type Keep = (labels: readonly string[], because: string) => void;

/** At least one, whatever the policy says: the engine cannot go on without a full backup. */
function keepNewestFulls(backups: readonly BackupRecord[], fulls: number, keep: Keep): void {
  const wanted = Math.max(1, fulls);
  const newest = new Set(labelsOf(backups.filter((backup) => backup.type === 'full').slice(-wanted)));
  for (const backup of backups) {
    if (newest.has(backup.label)) keep([backup.label], `one of the ${wanted} newest full backups`);
    else if (newest.has(fullOf(backup))) keep([backup.label], `builds on ${fullOf(backup)}, one of the ${wanted} newest full backups`);
  }
}

/** Whatever stopped inside the window, and the newest sound one before it: from there every moment of the window can be rolled forward to. */
function keepWindow(backups: readonly BackupRecord[], question: RetentionQuestion, keep: Keep): void {
  const { days } = question.policy;
  const begin = Date.parse(question.now) - days * DAY_MS;
  const failed = conclusions(question, 'failed');
  keep(labelsOf(backups.filter((backup) => Date.parse(backup.stoppedAt) >= begin)), `inside the window of ${days} days`);
  const before = backups.filter((backup) => Date.parse(backup.stoppedAt) < begin);
  const anchor = before.findLast((backup) => !failed.has(backup.label) && !backup.references.some((label) => failed.has(label)));
  // where every older one failed its proof, none of them may be the one to give up
  if (anchor === undefined) keep(labelsOf(before), `no sound backup opens the window of ${days} days`);
  else keep([anchor.label], `opens the window of ${days} days`);
}

/** A backup without one it builds on is nothing. References are complete, but a chain may also be told by `prior` alone. */
function keepForerunners(backups: readonly BackupRecord[], reasons: Map<string, string[]>): void {
  for (const backup of backups.toReversed()) {
    if (reasonsFor(reasons, backup).length === 0) continue;
    const needed = new Set([...backup.references, ...(backup.prior === null ? [] : [backup.prior])]);
    for (const label of needed) reasons.get(label)?.push(`${backup.label} builds on it`);
  }
}

/** Labels whose newest conclusion is this one; an inconclusive proof concludes nothing. */
function conclusions({ proofs }: RetentionQuestion, verdict: 'proven' | 'failed'): ReadonlySet<string> {
  const newest = new Map<string, RetentionQuestion['proofs'][number]>();
  for (const proof of proofs) {
    const known = newest.get(proof.backup);
    if (proof.verdict === 'inconclusive') continue;
    if (known === undefined || Date.parse(proof.finishedAt) > Date.parse(known.finishedAt)) newest.set(proof.backup, proof);
  }
  return new Set([...newest.values()].filter((proof) => proof.verdict === verdict).map((proof) => proof.backup));
}

function goingBecause(backup: BackupRecord, { policy }: RetentionQuestion): readonly string[] {
  const because = [`stopped ${backup.stoppedAt}, before the window of ${policy.days} days, which a newer backup opens`];
  if (backup.type === 'full') because.push(`not one of the ${Math.max(1, policy.fulls)} newest full backups`);
  return because;
}

const labelsOf = (backups: readonly BackupRecord[]) => backups.map((backup) => backup.label);

const reasonsFor = (reasons: ReadonlyMap<string, string[]>, backup: BackupRecord): readonly string[] => reasons.get(backup.label) ?? [];

/** The full backup at the root: pgBackRest's label begins with it (`20261121-055709F_20261121-055821I`). */
const fullOf = (backup: BackupRecord) => backup.references.find((label) => !label.includes('_')) ?? backup.label;

/** What a certificate does not prove, said by the certificate itself: from what was really done, never left out because it reads badly. */
import { sayDuration, sayInstant } from './certificate-words.ts';
import type { CheckResult, NotCovered, NotCoveredReason } from './model.ts';
import type { Proof } from './proof.ts';

/** Whole sentences, the gravest first. */
export function notProven(proof: Proof): string[] {
  return [...ofVerdict(proof), ...ofContent(proof), ...ofChecks(proof), ...ofRecovery(proof), ...always(proof)];
}

function ofVerdict({ verdict }: Proof): string[] {
  switch (verdict.verdict) {
    case 'failed':
      return ['That this backup can be relied on: a fault was found. Whatever passed beside it is no reason to use it.'];
    case 'inconclusive':
      return ['Anything about this backup, good or bad: the test itself could not be made.'];
    case 'proven':
      return verdict.level === 'structure'
        ? ['That the rows are the right ones: no marker lay at this moment, so the clone was started and checked, not compared with the source.']
        : [];
  }
}

function ofContent({ verdict, markers }: Proof): string[] {
  const { coverage } = verdict;
  if (coverage.tablesCovered === 0) return notCoveredSentences(coverage.notCovered);
  const sentences = notCoveredSentences(coverage.notCovered);
  if (coverage.equalities.includes('hash'))
    sentences.push("Equality of every byte: tables compared by hash are equal as their types see it (1.0 and 1.00, '1 day' and '24 hours' are equal).");
  if (coverage.equalities.includes('text'))
    sentences.push("What the text form does not show: tables compared by text are equal as PostgreSQL prints them under Assay's settings.");
  if (coverage.oldestFingerprintMs > 0)
    sentences.push(
      `That every table was read at the marker: the oldest fingerprint used was ${sayDuration(coverage.oldestFingerprintMs)} old, and its table was taken for unchanged since.`,
    );
  if (new Set(markers.map((marker) => marker.database)).size > 1)
    sentences.push('One single moment for all databases: each was compared at its own marker, listed here; the same clone walked through them.');
  sentences.push('Safety from a deliberate forger: fingerprints are seeded 64-bit hashes, made to catch accidents and faults.');
  return sentences;
}

const REASONS: Record<NotCoveredReason, string> = {
  unlogged: 'unlogged tables, which no physical backup brings back',
  'foreign-table': 'foreign tables, whose rows live elsewhere',
  'large-objects': 'large objects',
  'row-security': 'tables behind row security that the reader may not pass',
  'no-privilege': 'tables the reader may not read',
  budget: 'tables left out by the fingerprint budget',
  'dropped-while-reading': 'tables dropped while they were read',
  'database-excluded': 'databases the policy leaves out',
  'created-after-marker': 'databases created after the newest marker, whose structure alone was checked',
  'unreadable-type': 'tables with a type that has no hash and no text form',
  temporary: 'temporary tables',
};

function notCoveredSentences(gaps: readonly NotCovered[]): string[] {
  const reasons = [...new Set(gaps.map((gap) => gap.reason))];
  return reasons.map((reason) => {
    const list = gaps.filter((gap) => gap.reason === reason);
    const names = list.slice(0, 3).map((gap) => (gap.object === null ? gap.database : `${gap.database}: ${gap.object}`));
    return `The content of ${REASONS[reason]} (${list.length > 3 ? `${names.join(', ')} and ${list.length - 3} more` : names.join(', ')}).`;
  });
}

function ofChecks(proof: Proof): string[] {
  const names = (outcome: CheckResult['outcome']) => [
    ...new Set(
      proof.checks.filter((check) => check.outcome === outcome).map((check) => (check.database === null ? check.name : `${check.name} in ${check.database}`)),
    ),
  ];
  const unusable = names('unusable');
  const nothing = names('not-applicable');
  return [
    ...(unusable.length === 0 ? [] : [`What these checks would have shown, which could not be made: ${unusable.join(', ')}.`]),
    ...(nothing.length === 0 ? [] : [`Anything through these checks, which had nothing to test: ${nothing.join(', ')}.`]),
    ...(proof.depth === 'plain' ? ['That every row is found through every index: that is checked (heapallindexed) by deep proofs only.'] : []),
    'The exact values of sequences: a server takes values in advance, so they are checked for not lying behind.',
  ];
}

function ofRecovery(proof: Proof): string[] {
  const { recoveryTime } = proof;
  if (recoveryTime === null) return ['Any recovery time: none was measured.'];
  return [
    recoveryTime.honest
      ? `The recovery time of another machine, or of this one under other load: it was measured once, on ${proof.host}.`
      : 'The real recovery time: the clone ran without fsync, which is faster than a recovery would be.',
  ];
}

function always(proof: Proof): string[] {
  const moment = proof.provenAt === null ? 'Any moment of the source.' : `Any moment other than ${sayInstant(proof.provenAt)}.`;
  return [
    moment,
    `The state of the repository after ${sayInstant(proof.finishedAt)}: files can be damaged or lost later. A proof ages.`,
    'Roles, passwords, tablespace options and server settings: they come back with a physical restore, but nothing compared them.',
    'That the source was right: a row that was wrong there is restored just as wrong.',
    'An honest worker: the signature proves who issued this document and that it was not changed since, not that its worker told the truth.',
    `That no newer certificate exists: removing the newest ones leaves a chain that still verifies. Keep its last hash somewhere else.`,
  ];
}

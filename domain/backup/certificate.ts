/**
 * The certificate: the signed, chained form of a proof. Pure; hashing and signing are done where the key is
 * (`activities/backup/evidence/`), verification needs only the file and the public key.
 */
import { canonicalJson, wellFormed } from './certificate-canonical.ts';
import { coverageEntry, markerCoverage, type StoredMarker } from './certificate-coverage.ts';
import { notProven } from './certificate-limits.ts';
import {
  type Certificate,
  type CertificateBody,
  type CertificateObjective,
  certificateBodySchema,
  certificateSchemaId,
  certificateVersion,
} from './certificate-schema.ts';
import type { BackupRecord, CheckResult, RecoveryTime } from './model.ts';
import type { Proof } from './proof.ts';

export interface CertificateInput {
  readonly proof: Proof;
  readonly sequence: number;
  /** Hash of the certificate before it; null for the first of a cluster. */
  readonly previous: string | null;
  readonly issuedAt: string;
  readonly findMarker: (id: string) => StoredMarker | undefined;
}

/** Throws ZodError where the proof itself is malformed: nothing that the schema does not know is ever signed. */
export function certificateBody({ proof, sequence, previous, issuedAt, findMarker }: CertificateInput): CertificateBody {
  const { verdict } = proof;
  const covered = markerCoverage(proof.markers, findMarker, { provenAt: proof.provenAt ?? proof.finishedAt, counted: verdict.coverage.counted });
  const body: CertificateBody = {
    id: proof.id,
    sequence,
    previous,
    issuedAt,
    cluster: {
      name: proof.cluster,
      environment: proof.environment,
      systemIdentifier: proof.systemIdentifier,
      timeline: proof.timeline,
      repository: proof.repository,
    },
    verdict: {
      outcome: verdict.verdict,
      level: verdict.verdict === 'proven' ? verdict.level : null,
      cause: verdict.verdict === 'proven' ? null : verdict.cause,
      because: [...verdict.because],
      findings: verdict.findings.map(({ check, cause, text }) => ({ check, cause, text })),
    },
    depth: proof.depth,
    provenAt: proof.provenAt,
    backups: proof.chain.map(backupEntry),
    target: { asked: proof.targets.at(-1) ?? null, walked: [...proof.targets], reached: reachedEntry(proof.reached) },
    markers: [...covered.markers],
    coverage: coverageEntry(verdict.coverage, covered),
    recovery: recoveryEntry(proof),
    checks: proof.checks.map(checkEntry),
    run: {
      madeBy: proof.madeBy,
      host: proof.host,
      startedAt: proof.startedAt,
      finishedAt: proof.finishedAt,
      proofMaxAgeMs: Math.round(proof.objectives.proofAgeMs),
    },
    versions: { ...proof.versions },
    notProven: notProven(proof),
  };
  return certificateBodySchema.parse(wellFormed(body));
}

function backupEntry(backup: BackupRecord): CertificateBody['backups'][number] {
  const { label, type, startedAt, stoppedAt, startLsn, stopLsn, timeline, databaseBytes, repositoryBytes, hasPageErrors, engineVersion } = backup;
  return { label, type, startedAt, stoppedAt, startLsn, stopLsn, timeline, databaseBytes, repositoryBytes, hasPageErrors, engineVersion };
}

function checkEntry({ name, outcome, database, because, cause, tookMs }: CheckResult): CertificateBody['checks'][number] {
  return { name, outcome, database, because: [...because], cause, tookMs: Math.round(tookMs) };
}

/** Fetch, start and replay: what a user waits for. Checks come after. */
export function recoveryMs(time: RecoveryTime): number {
  return Math.round(time.fetchMs + time.startMs + time.replayMs);
}

function reachedEntry(reached: Proof['reached']): CertificateBody['target']['reached'] {
  if (reached === null) return null;
  const { replayLsn, replayedAt, timeline, paused } = reached;
  return { replayLsn, replayedAt, timeline, paused };
}

function recoveryEntry({ recoveryTime, objectives, rpoMs, newestWitness, reached }: Proof): CertificateBody['recovery'] {
  const round = (ms: number | null) => (ms === null ? null : Math.round(ms));
  return {
    phases:
      recoveryTime === null
        ? null
        : {
            fetchMs: Math.round(recoveryTime.fetchMs),
            startMs: Math.round(recoveryTime.startMs),
            replayMs: Math.round(recoveryTime.replayMs),
            checkMs: Math.round(recoveryTime.checkMs),
          },
    honest: recoveryTime?.honest ?? null,
    // a recovery that did not arrive has phases, but no recovery time
    rto: objective(round(objectives.rtoMs), recoveryTime === null || reached === null ? null : recoveryMs(recoveryTime)),
    rpo: objective(round(objectives.rpoMs), round(rpoMs)),
    newestWitness: newestWitness === null ? null : { ...newestWitness },
  };
}

/** Met where measured ≤ objective. */
export function objective(objectiveMs: number | null, measuredMs: number | null): CertificateObjective {
  if (objectiveMs === null) return { objectiveMs, measuredMs, outcome: 'no-objective' };
  if (measuredMs === null) return { objectiveMs, measuredMs, outcome: 'not-measured' };
  return { objectiveMs, measuredMs, outcome: measuredMs <= objectiveMs ? 'met' : 'missed' };
}

/** The bytes that are hashed and signed, as text. The schema's name in front keeps the signature from meaning anything else. */
export function signedText(body: CertificateBody): string {
  return canonicalJson({ schema: certificateSchemaId, version: certificateVersion, body });
}

/** The file's exact text. Verification compares it byte for byte, so white space is no place to hide either. */
export function certificateText(certificate: Certificate): string {
  return `${JSON.stringify(certificate, null, 2)}\n`;
}

const NAME = /^(\d{6,})-([A-Za-z0-9._-]+)\.(json|html)$/;

/** `000042-<key>.json`; `key` comes from `fileKey` below. */
export function certificateFile(sequence: number, key: string, kind: 'json' | 'html'): string {
  return `${String(sequence).padStart(6, '0')}-${key}.${kind}`;
}

/** The sequence and key a file name claims; null for any other name. */
export function parseCertificateFile(name: string): { readonly sequence: number; readonly key: string; readonly kind: 'json' | 'html' } | null {
  const match = NAME.exec(name);
  return match === null ? null : { sequence: Number(match[1]), key: String(match[2]), kind: match[3] as 'json' | 'html' };
}

/** What of an id may stand in a file name; where that loses anything, `digest` of the id keeps two ids apart. */
export function fileKey(id: string, digest: (text: string) => string): string {
  const plain = id.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 80);
  return plain === id && !/^\.+$/.test(id) ? id : `${plain.replace(/^\.+/, '')}-${digest(id).slice(0, 8)}`;
}

/** From a proof to a signed certificate in its cluster's chain, as a document and as a page. */
import { stat } from 'node:fs/promises';
import { certificateBody, signedText } from '../../../domain/backup/certificate.ts';
import type { StoredMarker } from '../../../domain/backup/certificate-coverage.ts';
import { type Certificate, certificateSchemaId, certificateVersion } from '../../../domain/backup/certificate-schema.ts';
import type { Proof, ProofCoverage, ProofSummary } from '../../../domain/backup/proof.ts';
import { writeWhole } from '../../control/evidence-folder.ts';
import { appendCertificate, type ChainPlace } from './chain-files.ts';
import { certificatePage } from './page/page.ts';
import { sealedPage } from './page-seal.ts';
import { type Signer, sha256 } from './sign.ts';

export interface Issue {
  readonly proof: Proof;
  /** Folder of the cluster's chain. */
  readonly folder: string;
  readonly signer: Signer;
  readonly now: Date;
  readonly findMarker: (id: string) => StoredMarker | undefined;
}

export interface Issued {
  readonly certificate: Certificate;
  readonly json: string;
  readonly html: string;
}

/** Idempotent by proof id: a second call finds the first one's files, and writes the page where a crash left it out. */
export async function issueCertificate({ proof, folder, signer, now, findMarker }: Issue): Promise<Issued> {
  const make = (place: ChainPlace) => signCertificate(signer, { proof, ...place, issuedAt: now.toISOString(), findMarker });
  const { certificate, path } = await appendCertificate(folder, proof.id, make);
  return { certificate, json: path, html: await writePage(path, certificate, signer) };
}

export function signCertificate(signer: Signer, input: Parameters<typeof certificateBody>[0]): Certificate {
  const body = certificateBody(input);
  const text = signedText(body);
  return {
    schema: certificateSchemaId,
    version: certificateVersion,
    body,
    hash: sha256(text),
    signature: { algorithm: 'Ed25519', key: signer.key, value: signer.sign(text) },
  };
}

async function writePage(json: string, certificate: Certificate, signer: Signer): Promise<string> {
  const path = json.replace(/\.json$/, '.html');
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  if (!exists) await writeWhole(path, sealedPage(certificatePage(certificate), certificate.hash, signer), 0o640);
  return path;
}

/** What was certified: where a retry brought another account of the same proof, the certificate that exists stands. */
export function summaryOfIssued({ certificate, json, html }: Issued): ProofSummary {
  const { id, cluster, verdict, backups, run, coverage, recovery, provenAt } = certificate.body;
  return {
    id,
    cluster: cluster.name,
    backup: backups.at(-1)?.label ?? '',
    verdict: verdict.outcome,
    level: verdict.level,
    cause: verdict.cause,
    because: verdict.because,
    findings: verdict.findings.length,
    found: verdict.findings.map(({ text }) => text),
    coverage: coverageSummary(coverage, coverage.notCovered, coverage.notCoveredNotListed),
    recoveryTimeMs: recovery.rto.measuredMs,
    recoveryPointMs: recovery.rpo.measuredMs,
    provenAt,
    repository: cluster.repository,
    certificate: { json, html },
    finishedAt: run.finishedAt,
  };
}

export function summaryOf(proof: Proof, { json, html }: Pick<Issued, 'json' | 'html'>): ProofSummary {
  const { verdict, recoveryTime: time } = proof;
  const { coverage } = verdict;
  return {
    id: proof.id,
    cluster: proof.cluster,
    backup: proof.chain.at(-1)?.label ?? '',
    verdict: verdict.verdict,
    level: verdict.verdict === 'proven' ? verdict.level : null,
    cause: verdict.verdict === 'proven' ? null : verdict.cause,
    because: verdict.because,
    findings: verdict.findings.length,
    found: verdict.findings.map(({ text }) => text),
    coverage: coverageSummary({ ...coverage, share: coverage.bytes === 0 ? 0 : coverage.bytesCovered / coverage.bytes }, coverage.notCovered),
    recoveryTimeMs: time === null ? null : time.fetchMs + time.startMs + time.replayMs,
    recoveryPointMs: proof.rpoMs,
    provenAt: proof.provenAt,
    repository: proof.repository,
    certificate: { json, html },
    finishedAt: proof.finishedAt,
  };
}

const NAMED = 10;

function coverageSummary(
  { share, tables, tablesCovered }: Pick<ProofCoverage, 'share' | 'tables' | 'tablesCovered'>,
  left: readonly { readonly database: string; readonly object: string | null; readonly reason: string }[],
  notListed = 0,
): ProofCoverage {
  const notCovered = left.slice(0, NAMED).map(({ database, object, reason }) => `${database}${object === null ? '' : `: ${object}`} (${reason})`);
  return { share, tables, tablesCovered, notCovered, notCoveredNotListed: notListed + left.length - notCovered.length };
}

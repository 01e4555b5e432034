/** The control database's copy of a chain, and what happens where the two differ. */
import type { EntityManager } from '@mikro-orm/postgresql';
import { certificateText, signedText } from '../../../domain/backup/certificate.ts';
import { wellFormed } from '../../../domain/backup/certificate-canonical.ts';
import { type Certificate, certificateSchema } from '../../../domain/backup/certificate-schema.ts';
import type { Proof } from '../../../domain/backup/proof.ts';
import { AssayError } from '../../../domain/errors.ts';
import { CertificateEntity } from '../../../entities/certificate.ts';
import { ProofEntity } from '../../../entities/proof.ts';
import { makeFolder, writeWhole } from '../../control/evidence-folder.ts';
import { listChain, readCertificate } from './chain-files.ts';
import type { Issued } from './issue.ts';
import { certificatePage } from './page/page.ts';
import { sealedPage } from './page-seal.ts';
import { openVerifier, type Signer } from './sign.ts';

interface Chain {
  readonly cluster: string;
  readonly folder: string;
  readonly signer: Signer;
}

/**
 * Certificates the folder lost are written again, byte for byte; certificates issued without a control database (a cold start)
 * are taken over once their signature is ours. Throws certificate-invalid where both know a place and differ, or a signature is foreign.
 */
export async function reconcileChain(tx: EntityManager, chain: Chain): Promise<void> {
  const rows = await tx.find(CertificateEntity, { cluster: chain.cluster }, { orderBy: { sequence: 'asc' }, fields: ['proof', 'sequence', 'hash'] });
  const files = new Map((await listChain(chain.folder)).map((entry) => [entry.sequence, entry]));
  const recorded = new Set(rows.map((row) => row.sequence));
  const lost = rows.filter((row) => !files.has(row.sequence));
  if (lost.length > 0) await makeFolder(chain.folder, 0o750);
  for (const { proof } of lost) await writeAgain(tx, chain, proof);
  for (const entry of files.values()) {
    if (!recorded.has(entry.sequence)) await takeOver(tx, chain, entry.path);
  }
  const head = rows.at(-1);
  const headFile = head === undefined ? undefined : files.get(head.sequence);
  if (head !== undefined && headFile !== undefined && (await readCertificate(headFile.path)).hash !== head.hash) {
    throw new AssayError('certificate-invalid', { file: headFile.path, reason: `it is not the certificate ${head.hash} that was issued` });
  }
}

async function writeAgain(tx: EntityManager, { folder, signer }: Chain, proof: string): Promise<void> {
  const row = await tx.findOneOrFail(CertificateEntity, { proof }, { populate: ['document'], refresh: true });
  const certificate = certificateSchema.parse(JSON.parse(row.document));
  const json = `${folder}/${row.jsonPath.split('/').at(-1)}`;
  await writeWhole(json, row.document, 0o640);
  await writeWhole(json.replace(/\.json$/, '.html'), sealedPage(certificatePage(certificate), certificate.hash, signer), 0o640);
}

async function takeOver(tx: EntityManager, { cluster, signer }: Chain, path: string): Promise<void> {
  const certificate = await readCertificate(path);
  const { body, signature } = certificate;
  const ours = openVerifier(signer.publicKeyPem).verify({ text: signedText(body), key: signature.key, signature: signature.value });
  if (!ours || body.cluster.name !== cluster)
    throw new AssayError('certificate-invalid', { file: path, reason: 'it lies in this chain, but was not issued with its key' });
  await insertCertificate(tx, certificate, { json: path, html: path.replace(/\.json$/, '.html') });
}

/** Idempotent by proof id: what was recorded first stays, as the certificate does. */
export async function recordIssued(tx: EntityManager, proof: Proof, issued: Issued): Promise<void> {
  const { verdict, backups, run } = issued.certificate.body;
  const row = {
    id: proof.id,
    cluster: proof.cluster,
    repository: proof.repository,
    backup: backups.at(-1)?.label ?? '',
    verdict: verdict.outcome,
    level: verdict.level,
    cause: verdict.cause,
    depth: proof.depth,
    provenAt: issued.certificate.body.provenAt === null ? null : new Date(issued.certificate.body.provenAt),
    finishedAt: new Date(run.finishedAt),
    document: wellFormed(proof),
  };
  await tx.upsert(ProofEntity, row, { onConflictAction: 'ignore' });
  await insertCertificate(tx, issued.certificate, issued);
}

async function insertCertificate(tx: EntityManager, certificate: Certificate, { json, html }: Pick<Issued, 'json' | 'html'>): Promise<void> {
  const { body, hash } = certificate;
  const row = {
    proof: body.id,
    cluster: body.cluster.name,
    sequence: body.sequence,
    hash,
    previous: body.previous,
    jsonPath: json,
    htmlPath: html,
    issuedAt: new Date(body.issuedAt),
    document: certificateText(certificate),
  };
  await tx.upsert(CertificateEntity, row);
}

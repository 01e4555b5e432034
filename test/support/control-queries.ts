/** What tests ask the control database, newest first. */
import type { Control } from '../../activities/control/control-database.ts';
import type { BackupRecord, Instant } from '../../domain/backup/model.ts';
import type { Proof } from '../../domain/backup/proof.ts';
import { BackupEntity } from '../../entities/backup.ts';
import { CertificateEntity } from '../../entities/certificate.ts';
import { ProofEntity } from '../../entities/proof.ts';

export interface CertificateListing {
  readonly proof: string;
  readonly cluster: string;
  readonly sequence: number;
  readonly hash: string;
  readonly json: string;
  readonly html: string;
  readonly issuedAt: Instant;
}

export async function listProofs(control: Control, cluster: string, limit = 100): Promise<Proof[]> {
  const rows = await control.em().find(ProofEntity, { cluster }, { orderBy: { finishedAt: 'desc', id: 'asc' }, limit });
  return rows.map((row) => row.document);
}

/** null where there is none of that id. */
export async function findProof(control: Control, id: string): Promise<Proof | null> {
  return (await control.em().findOne(ProofEntity, { id }))?.document ?? null;
}

/** The newest proof of each cluster and repository. */
export async function newestProofs(control: Control): Promise<Proof[]> {
  const rows = await control
    .em()
    .execute<{ document: Proof }[]>(
      'select distinct on (cluster, repository) document from assay_control.proof order by cluster, repository, finished_at desc, id',
    );
  return rows.map((row) => row.document);
}

export async function listBackups(control: Control, cluster: string): Promise<BackupRecord[]> {
  const rows = await control.em().find(BackupEntity, { cluster }, { orderBy: { stoppedAt: 'desc', label: 'desc' } });
  return rows.map((row) => row.record);
}

export async function listCertificates(control: Control, cluster: string, limit = 100): Promise<CertificateListing[]> {
  const rows = await control.em().find(CertificateEntity, { cluster }, { orderBy: { sequence: 'desc' }, limit });
  return rows.map((row) => ({
    proof: row.proof,
    cluster: row.cluster,
    sequence: row.sequence,
    hash: row.hash,
    json: row.jsonPath,
    html: row.htmlPath,
    issuedAt: row.issuedAt.toISOString(),
  }));
}

/** The exact text of a certificate; null where there is none. */
export async function certificateDocument(control: Control, proof: string): Promise<string | null> {
  return (await control.em().findOne(CertificateEntity, { proof }, { populate: ['document'] }))?.document ?? null;
}

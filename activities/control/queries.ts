/** What lists, pages and gauges ask the control database. Read only; newest first unless said otherwise. */
import type { BackupRecord, Instant, ProofDepth, RecoveryTime } from '../../domain/backup/model.ts';
import type { Proof } from '../../domain/backup/proof.ts';
import { BackupEntity } from '../../entities/backup.ts';
import { CertificateEntity } from '../../entities/certificate.ts';
import { ProofEntity } from '../../entities/proof.ts';
import type { Control } from './control-database.ts';

/** A proof as the gauges remember it; times are Unix seconds. */
export interface ProofGauge {
  readonly cluster: string;
  readonly repository: number;
  readonly verdict: Proof['verdict']['verdict'];
  readonly depth: ProofDepth;
  readonly judgedAtSeconds: number;
  /** Moment of the source that was proven; null where none was. */
  readonly provenAtSeconds: number | null;
  readonly rpoSeconds: number | null;
  readonly recoveryTime: RecoveryTime | null;
}

export interface CertificateListing {
  readonly proof: string;
  readonly cluster: string;
  readonly sequence: number;
  readonly hash: string;
  readonly json: string;
  readonly html: string;
  readonly issuedAt: Instant;
}

/** Enough to set every gauge again at start: the newest of each kind, the newest moment proven, and the last ones in a row. */
export async function gaugeProofs(control: Control): Promise<ProofGauge[]> {
  const rows = await control.em().execute<{ document: Proof }[]>(
    `select document from (
       select document, finished_at,
         row_number() over (partition by cluster, repository order by finished_at desc) as in_row,
         row_number() over (partition by cluster, repository, depth, verdict order by finished_at desc) as of_kind,
         row_number() over (partition by cluster, repository order by (verdict = 'proven') desc, proven_at desc nulls last) as moment
       from assay_control.proof) ranked
     where in_row <= 20 or of_kind = 1 or moment = 1 order by finished_at`,
  );
  return rows.map(({ document }) => gaugeOf(document));
}

function gaugeOf(proof: Proof): ProofGauge {
  return {
    cluster: proof.cluster,
    repository: proof.repository,
    verdict: proof.verdict.verdict,
    depth: proof.depth,
    judgedAtSeconds: Date.parse(proof.finishedAt) / 1_000,
    provenAtSeconds: proof.provenAt === null ? null : Date.parse(proof.provenAt) / 1_000,
    rpoSeconds: proof.rpoMs === null ? null : proof.rpoMs / 1_000,
    recoveryTime: proof.recoveryTime,
  };
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

/** What the gauges of proofs are set by when a worker starts: the control database remembers what was measured before. */
import type { ProofDepth, RecoveryTime } from '../../domain/backup/model.ts';
import type { Proof } from '../../domain/backup/proof.ts';
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

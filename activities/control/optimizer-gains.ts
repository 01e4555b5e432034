/** What the stored experiments tell about the planner's estimates. Read only. */
import type { GainSample } from '../../domain/optimizer/accuracy.ts';
import type { Control } from './control-database.ts';

/** The newest: databases change, and so does the host of the labs. */
const MOST = 20_000;

/** Newest first; of all clusters where null. Experiments of earlier versions say nothing. */
export async function readGains(control: Control, cluster: string | null): Promise<readonly GainSample[]> {
  return control.em().execute<GainSample[]>(
    `select r.cluster, r.database, s.value->>'statement' as statement, s.value->'plan'->>'shape' as shape,
        (s.value->'plan'->>'estimatedRatio')::float8 as "estimatedRatio", (s.value->>'ratio')::float8 as "measuredRatio"
      from assay_control.experiment e join assay_control.optimizer_run r on r.id = e.run
        cross join lateral jsonb_array_elements(e.document->'statements') s
      where s.value->'plan' is not null and (? is null or r.cluster = ?)
      order by e.measured_at desc, e.id, statement limit ${MOST}`,
    [cluster, cluster],
  );
}

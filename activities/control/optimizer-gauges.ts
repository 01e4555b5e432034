/** What the gauges of the optimizer ask the control database: it knows what workers forget when they start anew. */
import type { RecommendationCounts } from '../../domain/observation.ts';
import type { RecommendationState } from '../../domain/optimizer/model.ts';
import type { Control } from './control-database.ts';

interface StateRow {
  readonly cluster: string;
  readonly state: RecommendationState;
  readonly count: number;
  readonly oldest: Date;
}

interface LastRow {
  readonly cluster: string;
  readonly state: RecommendationState;
  readonly at: Date;
}

interface ClusterRow {
  readonly cluster: string;
  readonly collected: Date | null;
  readonly ratio: number | null;
  readonly regressed: Date | null;
}

/** By cluster; one without runs and recommendations is missing. Read only. */
export async function gaugeRecommendations(control: Control): Promise<ReadonlyMap<string, RecommendationCounts>> {
  const em = control.em();
  const standing = await em.execute<StateRow[]>(STANDING);
  const last = await em.execute<LastRow[]>(LAST);
  const clusters = await em.execute<ClusterRow[]>(CLUSTERS);
  return new Map(
    clusters.map(({ cluster, collected, ratio, regressed }) => {
      const own = standing.filter((row) => row.cluster === cluster);
      return [
        cluster,
        {
          states: Object.fromEntries(own.map(({ state, count }) => [state, count])),
          oldestAt: Object.fromEntries(own.map(({ state, oldest }) => [state, instant(oldest)])),
          lastAt: Object.fromEntries(last.filter((row) => row.cluster === cluster).map(({ state, at }) => [state, instant(at)])),
          collectedAt: collected === null ? null : instant(collected),
          regressedAt: regressed === null ? null : instant(regressed),
          ratio,
        },
      ];
    }),
  );
}

const instant = (at: Date) => new Date(at).toISOString();

/** A recommendation comes into its first state when it is made, whether or not an event says so. */
const STANDING = `
  select r.cluster, r.state, count(*)::int as count, min(coalesce(e.at, r.created_at)) as oldest
  from assay_control.recommendation r
  left join assay_control.recommendation_event e on e.recommendation = r.id and e.state = r.state
  group by r.cluster, r.state`;

const LAST = `
  select cluster, state, max(at) as at from (
    select r.cluster, e.state, e.at from assay_control.recommendation_event e join assay_control.recommendation r on r.id = e.recommendation
    union all select cluster, 'proposed', created_at from assay_control.recommendation) came
  group by cluster, state`;

/** Files are no look at the server. */
const CLUSTERS = `
  select cluster,
    (select max(started_at) from assay_control.optimizer_run l where l.cluster = c.cluster and l.source = 'pg_stat_statements') as collected,
    (select (document #>> '{experiment,total,ratio}')::float8 from assay_control.recommendation n where n.cluster = c.cluster
       order by created_at desc, id limit 1) as ratio,
    (select max(v.at) from assay_control.optimizer_verdict v join assay_control.recommendation o on o.id = v.recommendation
       where o.cluster = c.cluster and v.verdict = 'roll-back') as regressed
  from (select cluster from assay_control.recommendation union select cluster from assay_control.optimizer_run) c`;

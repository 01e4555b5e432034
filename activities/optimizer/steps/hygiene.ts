/** The indexes that are there: looked at on the source, what should go or be built anew measured on the lab, and recommended by itself. */
import { type HygieneFinding, indexKey } from '../../../domain/optimizer/hygiene.ts';
import { type HygieneReport, type HygieneSummary, summaryOfHygiene } from '../../../domain/optimizer/hygiene-report.ts';
import { decideHygiene } from '../../../domain/optimizer/hygiene-verdict.ts';
import type { Decision, Experiment, OptimizerLimits } from '../../../domain/optimizer/model.ts';
import { type Recommendation, type RecommendedIndex, tableOfChange } from '../../../domain/optimizer/recommendation.ts';
import { rebuildOf, removalOf } from '../../../domain/optimizer/removals.ts';
import { judgeStatement, judgeTotal } from '../../../domain/optimizer/verdict.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { lookAtIndexes } from '../hygiene/look.ts';
import { type Proven, proveFindings } from '../hygiene/prove.ts';
import { onLab, type Prepared } from '../lab/session.ts';
import type { OptimizerDependencies } from '../ports.ts';
import { tableSizes } from '../table-sizes.ts';
import { refusedBefore } from './decide.ts';
import { type MeasureRequest, recordExperiment } from './measure.ts';

export interface HygieneRequest {
  readonly policy: ClusterPolicy;
  readonly database: string;
  readonly run: string;
  readonly limits: OptimizerLimits;
}

export interface ProveHygieneRequest extends Omit<MeasureRequest, 'finalist'> {
  /** Id for the recommendation, where there is something to recommend. */
  readonly recommendation: string;
  /** Label of the backup the lab was made of. */
  readonly backup: string;
}

export function hygieneSteps(deps: OptimizerDependencies) {
  return {
    /** Reads the source; findings go to the control database, counts come back. Throws cluster-unreachable, privilege-missing. */
    async lookAtIndexes({ policy, database, run, limits: { protectedTables } }: HygieneRequest): Promise<HygieneSummary> {
      const [of, io] = [{ cluster: policy.cluster, database }, deps.io()];
      const now = deps.now().toISOString();
      const hasNamedStandby = (policy.proof.fingerprint.standby ?? null) !== null;
      const beat = (tables: number) => io.beat({ phase: 'hygiene', tables });
      const looking = { of, store: deps.store, now, protectedTables, hasNamedStandby, beat };
      const report = await deps.sourceSession(policy, database, (client) => lookAtIndexes(client, looking));
      await deps.store.saveHygiene({ ...of, run, report });
      return summaryOfHygiene(report);
    },

    /** Measures what was found on the lab. Experiment and recommendation go to the control database, counts come back. Idempotent by their ids. */
    async proveHygiene(request: ProveHygieneRequest): Promise<HygieneSummary> {
      const stored = await deps.store.findHygiene({ run: request.run });
      if (stored === null) throw new TypeError('the indexes of the source are looked at first');
      return onLab(deps, request, {
        indexesOf: () => [],
        work: async (prepared) => {
          const proven = await proveFindings(prepared, stored.report.findings);
          const found = judged(request, prepared, proven);
          const report = withKept(stored.report, proven);
          await deps.store.saveHygiene({ ...stored, report });
          const idea = found.decision.verdict === 'accepted' ? await recommendationOf(deps, { request, prepared, ...found }) : null;
          const refused = idea === null ? null : await refusedBefore(deps.store, idea);
          const decision: Decision = refused === null ? found.decision : { verdict: 'rejected', because: [refused] };
          await recordExperiment(deps, { ...request, finalist: 0 }, { experiment: found.experiment, decision });
          const isRecommended = idea !== null && refused === null;
          if (isRecommended) await recommend(deps, idea);
          return { ...summaryOfHygiene(report), recommendation: isRecommended ? idea.id : null, because: decision.because };
        },
      });
    },
  };
}

interface Judged {
  readonly experiment: Experiment;
  readonly decision: Decision;
  readonly changes: readonly RecommendedIndex[];
}

function judged({ experiment: id, proof }: ProveHygieneRequest, { units }: Prepared, { removals: { gone, times }, rebuilds }: Proven): Judged {
  const dropped = gone.flatMap(
    ({ finding, sizeBytes }) => removalOf(finding.index, { because: finding.because, freesBytes: sizeBytes, ...groundsOf(finding) }) ?? [],
  );
  const rebuilt = rebuilds.flatMap(({ finding, freesBytes, buildMs }) => {
    const change = rebuildOf(finding.index, { because: finding.because, freesBytes });
    return change === null ? [] : [{ ...change, buildMs }];
  });
  const changes = [...dropped, ...rebuilt];
  const [statements, total] = [times.statements.map(judgeStatement), judgeTotal(times.statements)];
  const experiment: Experiment = {
    ...{ id, proofId: proof, statements, total, wallTotal: judgeTotal(times.statements.map(({ wall }) => wall)), notJudged: times.notJudged },
    changes: changes.map(({ sql, sizeBytes, buildMs }) => ({ sql, sizeBytes, buildMs, leaveOneOut: null })),
  };
  const freesBytes = changes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const executed = new Set(units.map(({ bound }) => bound.statement.id)).size;
  const decision = decideHygiene({ dropped: dropped.length, rebuilt: rebuilt.length, freesBytes, statements, total, executed });
  return { experiment, decision, changes };
}

const groundsOf = ({ rests }: HygieneFinding) => (rests === undefined ? {} : { rests });

/** What the lab spoke against is kept, and why. */
function withKept(report: HygieneReport, { kept }: Proven): HygieneReport {
  const reasons = new Map([...kept].map(([{ table, index }, reason]) => [indexKey(table.schema, index.name), reason]));
  const findings = report.findings.map((finding) => {
    const reason = reasons.get(indexKey(finding.table.schema, finding.index.name));
    return reason === undefined ? finding : { ...finding, change: null, kept: reason };
  });
  return { ...report, findings };
}

interface Recommending extends Judged {
  readonly request: ProveHygieneRequest;
  readonly prepared: Prepared;
}

async function recommendationOf({ now }: OptimizerDependencies, recommending: Recommending): Promise<Recommendation> {
  const { request, prepared, experiment, decision, changes } = recommending;
  const { stored, session } = prepared;
  const judgedStatements = new Set(experiment.statements.map(({ statement }) => statement));
  return {
    ...{ id: request.recommendation, run: request.run, cluster: stored.cluster, database: stored.database, createdAt: now().toISOString() },
    ...{ state: 'proposed', experiment, backup: request.backup, indexes: changes, decision },
    tables: await tableSizes(session.client, changes.map(tableOfChange)),
    texts: Object.fromEntries(stored.statements.filter(({ id }) => judgedStatements.has(id)).map(({ id, text }) => [id, text])),
  };
}

async function recommend(deps: OptimizerDependencies, recommendation: Recommendation): Promise<void> {
  await deps.store.saveRecommendation(recommendation);
  const { cluster, id, indexes, experiment } = recommendation;
  deps.observe({ kind: 'recommendation-made', cluster, recommendation: id, indexes: indexes.length, ratio: experiment.total.ratio });
}

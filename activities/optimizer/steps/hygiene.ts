/** The indexes that are there: looked at on the source, what should go or be built anew measured on the lab, and recommended by itself. */
import { type HygieneFinding, indexKey } from '../../../domain/optimizer/hygiene.ts';
import { type HygieneReport, type HygieneSummary, summaryOfHygiene } from '../../../domain/optimizer/hygiene-report.ts';
import { decideHygiene } from '../../../domain/optimizer/hygiene-verdict.ts';
import type { Decision, Experiment, OptimizerLimits } from '../../../domain/optimizer/model.ts';
import type { RecommendedIndex } from '../../../domain/optimizer/recommendation.ts';
import { rebuildOf, removalOf } from '../../../domain/optimizer/removals.ts';
import { judgeStatement, judgeTotal } from '../../../domain/optimizer/verdict.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { lookAtIndexes } from '../hygiene/look.ts';
import { type Proven, proveFindings } from '../hygiene/prove.ts';
import { asDecided } from '../hygiene/refused.ts';
import { onLab, type Prepared } from '../lab/session.ts';
import type { OptimizerDependencies } from '../ports.ts';
import { type RecommendRequest, recordAndRecommend } from './recommend.ts';

export interface HygieneRequest {
  readonly policy: ClusterPolicy;
  readonly database: string;
  readonly run: string;
  readonly limits: OptimizerLimits;
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
      const report = await asDecided(deps.store, of, await deps.sourceSession(policy, database, (client) => lookAtIndexes(client, looking)));
      await deps.store.saveHygiene({ ...of, run, report });
      return summaryOfHygiene(report);
    },

    /** Measures what was found on the lab. Experiment and recommendation go to the control database, counts come back. Idempotent by their ids. */
    async proveHygiene(request: RecommendRequest): Promise<HygieneSummary> {
      const looked = await deps.store.findHygiene({ run: request.run });
      if (looked === null) throw new TypeError('the indexes of the source are looked at first');
      // somebody may have decided meanwhile
      const stored = { ...looked, report: await asDecided(deps.store, looked, looked.report) };
      return onLab(deps, request, {
        indexesOf: () => [],
        work: async (prepared) => {
          const proven = await proveFindings(prepared, stored.report.findings);
          const found = judged(request, prepared, proven);
          const report = withKept(stored.report, proven);
          await deps.store.saveHygiene({ ...stored, report });
          const { recommendation, decision } = await recordAndRecommend(deps, { request, prepared, ...found });
          return { ...summaryOfHygiene(report), recommendation, because: decision.because };
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

function judged({ experiment: id, proof }: RecommendRequest, { units }: Prepared, { removals: { gone, times }, rebuilds }: Proven): Judged {
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

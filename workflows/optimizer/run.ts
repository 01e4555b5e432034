/**
 * One run of the optimizer, from what ran to what is recommended.
 *
 *   observe the workload → lease a lab ─ search what-if → choose by executing → build and measure each set → settle the best one
 *   → measure what should go, other texts of statements, statistics, and settings ─ wipe the lab → recommendations
 *
 * Nothing is executed on the source but reads of catalogues and statistics.
 */
import { CancellationScope, isCancellation, patched, sleep, uuid4, workflowInfo } from '@temporalio/workflow';
import type { OnLab } from '../../activities/optimizer/steps/search.ts';
import type { OptimizerSteps } from '../../activities/optimizer/steps.ts';
import { AssayError } from '../../domain/errors.ts';
import { bestFirst, repairable } from '../../domain/optimizer/experiment.ts';
import { limitsOf, limitsUnder, POOL_BUDGETS } from '../../domain/optimizer/limits.ts';
import type { OptimizerLimits } from '../../domain/optimizer/model.ts';
import { optimizerPolicyOf } from '../../domain/optimizer/policy.ts';
import {
  type ExperimentSummary,
  type OptimizerRunInput,
  type OptimizerRunResult,
  recommendedBy,
  type SearchSummary,
  type WorkloadSummary,
} from '../../domain/optimizer/requests.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { policyOf, repositoryOf, surroundings } from '../backup/around.ts';
import { type Lab, withLab } from '../backup/lab.ts';
import type { Surroundings } from '../backup/prove-recipe.ts';
import { backupSteps } from '../backup/steps.ts';
import { handedOver } from './hand-over.ts';
import { lookAtIndexes, proveHygiene } from './hygiene.ts';
import { usageFailure } from './refused.ts';
import { proveRewrites } from './rewrites.ts';
import { proveSettings } from './settings.ts';
import { proveStatistics } from './statistics.ts';
import { optimizerSteps } from './steps.ts';

export async function optimizerRun(input: OptimizerRunInput): Promise<OptimizerRunResult> {
  const around = surroundings(`indexes for ${input.cluster}`);
  usageFailure(() => limitsOf(input.limits));
  const policy = await policyOf(input);
  const limits = usageFailure(() => limitsUnder(policy.optimizer?.limits, input.limits));
  const steps = optimizerSteps(policy.host);
  const site: Site = { steps, around, policy, limits, run: uuid4() };
  const startedAt = workflowInfo().startTime.toISOString();
  const conclude = (outcome: 'recommended' | 'nothing' | 'failed', because: readonly string[]) =>
    CancellationScope.nonCancellable(() => steps.concludeRun({ policy, run: site.run, outcome, because, startedAt }));
  try {
    const result = await runOf(site, input);
    const told = recommendedBy(result);
    // a step that failed may have made one all the same
    const made = patched('whatever-it-made') ? [...new Set([...told, ...(await proposedBy(site))])] : told;
    await conclude(made.length === 0 ? 'nothing' : 'recommended', result.because);
    if (made.length > 0 && patched('recommendation-of-its-own')) await handedOver(input, made);
    around.report('done', result.because.join('; '));
    return result;
  } catch (error) {
    const made = patched('whatever-it-made') ? await proposedBy(site) : [];
    await handedOver(input, made);
    // what ended the run is what its caller must see, even where nobody is left to tell
    const kept = made.length === 0 ? [] : [`proposed before that: ${made.join(', ')}`];
    await conclude('failed', [isCancellation(error) ? 'it was cancelled' : (around.faultOf(error)?.message ?? 'it did not finish'), ...kept]).catch(
      () => undefined,
    );
    throw error;
  }
}

/** What the control database has of this run. None where it does not answer: what a run tells of itself is enough for those that end well. */
const proposedBy = ({ steps, policy, run }: Site): Promise<readonly string[]> =>
  CancellationScope.nonCancellable(() => steps.proposedBy({ cluster: policy.cluster, run })).catch(() => []);

interface Site {
  readonly steps: OptimizerSteps;
  readonly around: Surroundings;
  readonly policy: ClusterPolicy;
  readonly limits: OptimizerLimits;
  readonly run: string;
}

async function runOf(site: Site, input: OptimizerRunInput): Promise<OptimizerRunResult> {
  const { around, policy, limits, run } = site;
  const database = input.database ?? optimizerPolicyOf(policy).database ?? policy.connection.database;
  usageFailure(() => assertCovered(policy, database));
  const workload = await observed(site, input, database);
  const hygiene = patched('hygiene') ? await lookAtIndexes(site, { policy, database, run, limits }) : null;
  const about = { run, cluster: input.cluster, database, workload, ...(hygiene === null ? {} : { hygiene }) };
  if (workload.statements === 0) return { ...about, ...nothingFound(workload) };
  const request = {
    policy,
    repository: repositoryOf(policy, input.repository),
    maxProofAgeMs: input.maxProofAgeMs ?? policy.objectives.proofAgeMs,
    // the indexes of all finalists are built side by side
    extraBytes: POOL_BUDGETS * limits.budgetBytes,
  };
  return withLab({ steps: backupSteps(policy.host), around }, request, async (lab) => {
    const on: OnLab = { policy, clone: lab.clone, run, limits, workload: input.workload ?? null };
    const found = await onLab(site, lab, on);
    const tidied = hygiene === null ? {} : { hygiene: await proveHygiene(site, hygiene, { on, lab }) };
    const written = patched('rewrites')
      ? { rewrites: await proveRewrites(site, { on, lab, beside: found.recommendation === null ? [] : [found.recommendation] }) }
      : {};
    const counted = patched('statistics') ? { statistics: await proveStatistics(site, { on, lab }) } : {};
    const beside = [found, counted.statistics].flatMap((part) => part?.recommendation ?? []);
    const set = patched('settings') ? { settings: await proveSettings(site, { on, lab, beside, rewrites: written.rewrites?.recommendations ?? [] }) } : {};
    return { ...about, proof: lab.proof, backup: lab.backup, ...found, ...tidied, ...written, ...counted, ...set };
  });
}

async function observed({ steps, around, policy, limits, run }: Site, input: OptimizerRunInput, database: string): Promise<WorkloadSummary> {
  const { windowMs = 0, since = 'reset', workload = null } = input;
  around.report('observing', `what runs in ${input.cluster}/${database}`);
  if (windowMs > 0 && workload === null) {
    await steps.noteWorkload({ policy, database, run });
    around.report('observing', `what runs in ${input.cluster}/${database} for ${Math.round(windowMs / 1000)} s`);
    await sleep(windowMs);
  }
  const owner = workflowInfo().workflowId;
  return steps.observeWorkload({ policy, database, run, owner, limits, workload, since: windowMs > 0 ? 'begin' : since });
}

type Found = Pick<OptimizerRunResult, 'search' | 'experiments' | 'recommendation' | 'because'>;

async function onLab({ steps, around }: Site, lab: Lab, on: OnLab): Promise<Found> {
  around.report('searching', 'sets of indexes, by what-if planning on the lab');
  const search = await steps.searchSets(on);
  const experiments: ExperimentSummary[] = [];
  if (search.sets === 0) return { search, experiments, recommendation: null, because: [`no set of indexes makes ${search.bound} statement(s) cheaper`] };
  let { sets } = search;
  if (sets > 1 && patched('choose-by-execution')) {
    around.report('choosing', `among the indexes of all ${sets} sets, by executing`);
    const isKept = patched('side-by-side');
    sets = (await steps.chooseSet(isKept ? { ...on, isKept } : on)).sets;
    if (isKept) experiments.push(...(await sideBySide({ steps, around }, on, { sets, proof: lab.proof })));
  }
  for (let finalist = experiments.length; sets > 1 && finalist < sets; finalist += 1) {
    around.report('measuring', `set ${finalist + 1} of ${sets}, really built`);
    experiments.push(await steps.measureFinalist({ ...on, finalist, experiment: uuid4(), proof: lab.proof }));
  }
  const order = sets > 1 ? [...bestFirst(experiments), ...(patched('repair') ? repairable(experiments) : [])] : [0];
  for (const finalist of order) {
    around.report('settling', `set ${finalist + 1} of ${sets}: what each index adds`);
    const recommendation = uuid4();
    const settled = await steps.settleFinalist({ ...on, finalist, experiment: uuid4(), proof: lab.proof, recommendation, backup: lab.backup });
    experiments.push(settled.experiment);
    if (settled.isRecommended) return { search, experiments, recommendation, because: settled.experiment.decision.because };
  }
  return { search, experiments, recommendation: null, because: whyNot(experiments) };
}

/** None where they cannot all be built: then each is measured by itself. */
async function sideBySide({ steps, around }: Pick<Site, 'steps' | 'around'>, on: OnLab, { sets, proof }: { readonly sets: number; readonly proof: string }) {
  around.report('measuring', `${sets} sets side by side, really built`);
  const experiments = Array.from({ length: sets }, () => uuid4());
  return (await steps.measureFinalists({ ...on, experiments, proof })) ?? [];
}

function assertCovered({ cluster, excludedDatabases }: ClusterPolicy, database: string): void {
  if (!excludedDatabases.includes(database)) return;
  throw new AssayError('usage', { reason: `database ${database} of ${cluster} is excluded by the policy`, hint: 'name another: CLUSTER/DATABASE' });
}

const whyNot = (experiments: readonly ExperimentSummary[]): readonly string[] => [
  ...new Set(experiments.flatMap(({ decision }) => (decision.verdict === 'rejected' ? decision.because : []))),
];

function nothingFound({ notJudged }: WorkloadSummary): Found & Pick<OptimizerRunResult, 'proof' | 'backup'> {
  const search: SearchSummary = { bound: 0, sets: 0, explains: 0 };
  const left = Object.entries(notJudged).map(([reason, count]) => `${count} ${reason}`);
  const because = [left.length === 0 ? 'no statement was seen' : `no statement can be judged: ${left.join(', ')}`];
  return { proof: '', backup: '', search, experiments: [], recommendation: null, because };
}

/** The optimizer agent as another service sees it. Each call with a key is made once, however often it is repeated. */
import { WithStartWorkflowOperation } from '@temporalio/client';
import { AssayError } from '../../domain/errors.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import {
  type DecisionAnswer,
  type DecisionRequest,
  faultOfDecision,
  type RecommendationInput,
  type RecommendationResult,
  recommendationMessages,
} from '../../domain/optimizer/decision.ts';
import { type OptimizerRunInput, type OptimizerRunResult, optimizerWorkflows } from '../../domain/optimizer/requests.ts';
import { asAssayError } from './failures.ts';
import { progressOf, type RunProgress } from './progress-of.ts';
import { type ClientContext, findRequest, outlast, type Request, startRequest } from './request.ts';
import { checkNames } from './verbs.ts';
import { requireFleet } from './workers-there.ts';

export interface OptimizerClient {
  /** Looks at the workload, measures sets of indexes on a lab, and recommends what was proven to help. Nothing to recommend is a result, not an error. */
  run(input: OptimizerRunInput): Promise<OptimizerRunResult>;
  /** Starts or joins without waiting. */
  start(input: OptimizerRunInput): Promise<Request<'optimize'>>;
  find(cluster: string, key: string): Promise<Request<'optimize'>>;
  /**
   * Approves or refuses; answers once it is known what follows. Only the digest that was looked at is taken.
   * Throws refused-by-guard (another digest, decided before, another one of that database under way), cluster-unreachable, no-worker.
   */
  decide(decision: Decision): Promise<DecisionAnswer>;
  /** A recommendation's own workflow: until it is decided, and carried out where the policy says so. Throws usage where there is none. */
  recommendation(cluster: string, id: string): Promise<RecommendationRequest>;
}

export interface Decision extends DecisionRequest {
  readonly cluster: string;
  readonly recommendation: string;
}

export interface RecommendationRequest {
  readonly workflowId: string;
  result(): Promise<RecommendationResult>;
  progress(): Promise<RunProgress>;
}

export function optimizerClient(context: ClientContext): OptimizerClient {
  return {
    run: async (input) => (await startRequest(context, 'optimize', input)).result(),
    start: (input) => startRequest(context, 'optimize', input),
    find: (cluster, key) => findRequest(context, 'optimize', cluster, key),
    decide: (decision) => decided(context, decision),
    recommendation: (cluster, id) => recommendationRequest(context, cluster, id),
  };
}

/** Where no workflow waits with it any more (Temporal was set up anew, say), one is started for it. */
async function decided(context: ClientContext, { cluster, recommendation, ...request }: Decision): Promise<DecisionAnswer> {
  const { client, address, workerPatienceMs } = context;
  checkNames(cluster, recommendation, 'optimize');
  const fault = faultOfDecision(request);
  if (fault !== null) throw new AssayError('usage', { reason: fault, hint: 'take it from `assay optimizer show`' });
  const workflowId = workflowIds.optimizerRecommendation(cluster, recommendation);
  try {
    if (workerPatienceMs > 0) await requireFleet(client, workerPatienceMs);
    const input: RecommendationInput = { cluster, recommendation };
    const startWorkflowOperation = new WithStartWorkflowOperation(optimizerWorkflows.recommendation, {
      workflowId,
      taskQueue: fleetQueue,
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
      staticSummary: `Recommendation for ${cluster}`,
    });
    // what the workflow of this name answers
    return (await client.workflow.executeUpdateWithStart(recommendationMessages.decide, { args: [request], startWorkflowOperation })) as DecisionAnswer;
  } catch (error) {
    throw asAssayError(error, { address, what: workflowId });
  }
}

async function recommendationRequest({ client, address }: ClientContext, cluster: string, id: string): Promise<RecommendationRequest> {
  checkNames(cluster, id, 'optimize');
  const workflowId = workflowIds.optimizerRecommendation(cluster, id);
  const asked = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw asAssayError(error, { address, what: workflowId });
    }
  };
  const handle = client.workflow.getHandle(workflowId);
  await asked(() => handle.describe());
  return {
    workflowId,
    result: () => asked(() => outlast<RecommendationResult>(handle)),
    progress: () => asked(() => progressOf(client, workflowId)),
  };
}

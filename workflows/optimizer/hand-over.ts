/** From a run to the workflows of what it recommends: each of its own, which outlives the run. */
import { CancellationScope, ParentClosePolicy, startChild } from '@temporalio/workflow';
import { workflowIds } from '../../domain/ids.ts';
import { type OptimizerRunInput, optimizerWorkflows } from '../../domain/optimizer/requests.ts';
import type { optimizerRecommendation } from './recommendation.ts';

/** Whatever becomes of the run meanwhile: a proposal without its workflow would never expire, nor give way to a newer one. Those that have one keep it. */
export const handedOver = (input: OptimizerRunInput, recommendations: readonly string[]): Promise<void> =>
  CancellationScope.nonCancellable(async () => {
    for (const recommendation of recommendations) await started(input, recommendation);
  });

async function started(input: OptimizerRunInput, recommendation: string): Promise<void> {
  const { cluster, policy } = input;
  const { requestKey: _key, windowMs: _window, ...again } = input;
  try {
    await startChild<typeof optimizerRecommendation>(optimizerWorkflows.recommendation, {
      workflowId: workflowIds.optimizerRecommendation(cluster, recommendation),
      args: [{ cluster, recommendation, again, ...(policy === undefined ? {} : { policy }) }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `Recommendation for ${cluster}`,
    });
  } catch (error) {
    // @temporalio/workflow does not export the class
    if (!(error instanceof Error) || error.name !== 'WorkflowExecutionAlreadyStartedError') throw error;
  }
}

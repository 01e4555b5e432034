/** The optimizer agent as another service sees it. Each call with a key is made once, however often it is repeated. */
import type { OptimizerRunInput, OptimizerRunResult } from '../../domain/optimizer/requests.ts';
import { type ClientContext, findRequest, type Request, startRequest } from './request.ts';

export interface OptimizerClient {
  /** Looks at the workload, measures sets of indexes on a lab, and recommends what was proven to help. Nothing to recommend is a result, not an error. */
  run(input: OptimizerRunInput): Promise<OptimizerRunResult>;
  /** Starts or joins without waiting. */
  start(input: OptimizerRunInput): Promise<Request<'optimize'>>;
  find(cluster: string, key: string): Promise<Request<'optimize'>>;
}

export function optimizerClient(context: ClientContext): OptimizerClient {
  return {
    run: async (input) => (await startRequest(context, 'optimize', input)).result(),
    start: (input) => startRequest(context, 'optimize', input),
    find: (cluster, key) => findRequest(context, 'optimize', cluster, key),
  };
}

/** One request to the fleet: started or joined by its key, watched, waited for. A request outlives whoever made it. */
import { randomUUID } from 'node:crypto';
import { type Client, WorkflowExecutionAlreadyStartedError, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { AssayError } from '../../domain/errors.ts';
import { fleetQueue } from '../../domain/ids.ts';
import { asAssayError, isConnectionError } from './failures.ts';
import { progressOf, type RunProgress } from './progress-of.ts';
import { freshKey, type InputOf, type RequestRef, type ResultOf, refOf, requestDigest, type Verb, verbs } from './verbs.ts';
import { requireFleet } from './workers-there.ts';

export interface Request<V extends Verb> extends RequestRef {
  /** Somebody had made the same request before: nothing new was started. */
  readonly joined: boolean;
  /** Waits for the end, also over a restart of the Temporal server. Throws what the run threw, temporal-unreachable after a minute without an answer. */
  result(): Promise<ResultOf<V>>;
  progress(): Promise<RunProgress>;
  /** Asks the run to stop and clean up. */
  cancel(): Promise<void>;
}

export interface ClientContext {
  readonly client: Client;
  readonly address: string;
  /** How long to wait for a worker before a request is made; 0 makes it anyway, durably. */
  readonly workerPatienceMs: number;
}

const SERVER_AWAY_MS = 60_000;

/** Starts it, or joins the run (going on or over) that has the same key. Throws refused-by-guard where that run was asked for something else, no-worker. */
export async function startRequest<V extends Verb>(context: ClientContext, verb: V, input: InputOf<V>): Promise<Request<V>> {
  const key = 'name' in input ? input.name : (input.requestKey ?? freshKey());
  const ref = refOf(verb, input.cluster, key);
  const asked = 'name' in input ? input : { ...input, requestKey: key };
  const memo = { assayRequest: requestDigest(asked), assayCaller: randomUUID() };
  try {
    if (context.workerPatienceMs > 0) await requireFleet(context.client, context.workerPatienceMs);
    const handle = await startOrFind(context.client, ref, { args: [asked], memo });
    const first = (await handle.describe()).memo ?? {};
    // runs of schedules and of plain Temporal calls carry no memo: their key is all there is to go by
    if (first.assayRequest !== undefined && first.assayRequest !== memo.assayRequest) throw otherRequest(ref);
    return requestOf(context, ref, first.assayCaller !== memo.assayCaller);
  } catch (error) {
    throw asAssayError(error, { address: context.address, what: ref.workflowId });
  }
}

/** A request made earlier, here or elsewhere. Throws usage where there is none. */
export async function findRequest<V extends Verb>(context: ClientContext, verb: V, cluster: string, key: string): Promise<Request<V>> {
  const ref = refOf(verb, cluster, key);
  try {
    await context.client.workflow.getHandle(ref.workflowId).describe();
    return requestOf(context, ref, true);
  } catch (error) {
    throw asAssayError(error, { address: context.address, what: `request ${ref.workflowId}` });
  }
}

/** The request of this key, whatever it asked for; null where there is none. A backup comes before the proof it led to. */
export async function findAnyRequest(context: ClientContext, cluster: string, key: string): Promise<Request<Verb> | null> {
  for (const verb of ['run', 'prove', 'restore', 'expire', 'fingerprint', 'restorePoint', 'optimize'] as const) {
    const ref = refOf(verb, cluster, key);
    try {
      await context.client.workflow.getHandle(ref.workflowId).describe();
      return requestOf(context, ref, true);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw asAssayError(error, { address: context.address, what: ref.workflowId });
    }
  }
  return null;
}

function requestOf<V extends Verb>(context: ClientContext, ref: RequestRef, joined: boolean): Request<V> {
  const handle = context.client.workflow.getHandle(ref.workflowId);
  const asked = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw asAssayError(error, { address: context.address, what: ref.workflowId });
    }
  };
  return {
    ...ref,
    joined,
    result: () => asked(() => outlast<ResultOf<V>>(handle)),
    progress: () => asked(() => progressOf(context.client, ref.workflowId)),
    cancel: () => asked(async () => void (await handle.cancel())),
  };
}

async function startOrFind(client: Client, ref: RequestRef, what: { args: [object]; memo: Record<string, unknown> }): Promise<WorkflowHandle> {
  const { workflow, summary } = verbs[ref.verb];
  try {
    return await client.workflow.start(workflow, {
      workflowId: ref.workflowId,
      taskQueue: fleetQueue,
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      staticSummary: summary(ref.cluster),
      ...what,
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return client.workflow.getHandle(ref.workflowId);
    throw error;
  }
}

/** A server that is restarted meanwhile is no end of the request: asks again until it has been away for a minute. */
export async function outlast<T>(handle: WorkflowHandle): Promise<T> {
  let awaySince: number | null = null;
  for (;;) {
    try {
      return (await handle.result()) as T; // what the workflow of this name returns, by its public type
    } catch (error) {
      const now = Date.now();
      if (!isConnectionError(error) || (awaySince !== null && now - awaySince > SERVER_AWAY_MS)) throw error;
      awaySince ??= now;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}

const otherRequest = ({ key, workflowId }: RequestRef) =>
  new AssayError('refused-by-guard', {
    what: `a second use of key ${key}`,
    reason: `${workflowId} was started with other options`,
    hint: 'the same key means the same request: give another key, or the same options',
  });

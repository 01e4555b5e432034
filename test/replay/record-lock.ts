/** Histories of the lock while somebody holds it for long: one that goes on in a new run, the run it goes on in, and one from before it could. */
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import type { LockCarried } from '../../workflows/backup/lock.ts';

type Save = (name: string, history: object) => void;
type Lock = Awaited<ReturnType<typeof hold>>;

const LOOK_AGAIN_MS = 100;
const MANY = 1_000_000;
const FEW = 30;

export async function recordLock(client: Client, save: Save): Promise<void> {
  const long = await hold(client, 'long', { lookAgainMs: LOOK_AGAIN_MS, maxEvents: FEW });
  await until(async () => (await long.newest()).runId !== long.firstRun);
  await long.release();
  save('clusterLock-continued', await historyOf(client, long, long.firstRun));
  save('clusterLock-carried', await historyOf(client, long, (await long.newest()).runId));
  const old = await hold(client, 'old', { lookAgainMs: LOOK_AGAIN_MS, maxEvents: MANY });
  await until(async () => (await old.newest()).historyLength > 2 * FEW);
  await old.release();
  // it never went on, as all those that began before: read with a small limit, it must not do so now either
  save('clusterLock-began-before', withLimit(await historyOf(client, old, old.firstRun), FEW));
}

/** A lock that somebody holds who says nothing, and for whom no worker is needed. */
async function hold(client: Client, cluster: string, limits: LockCarried) {
  const { workflowId, firstExecutionRunId: runId } = await client.workflow.start('holder', { workflowId: `${cluster}-holder`, taskQueue: 'nobody-polls' });
  const id = workflowIds.clusterLock(cluster);
  const lock = await client.workflow.signalWithStart('clusterLock', {
    workflowId: id,
    taskQueue: fleetQueue,
    args: [cluster, [], limits],
    signal: 'requestLock',
    signalArgs: [{ workflowId, runId }],
  });
  return {
    id,
    firstRun: lock.signaledRunId,
    newest: () => lock.describe(),
    async release() {
      await lock.signal('releaseLock', { workflowId, runId });
      await lock.result();
      await client.workflow.getHandle(workflowId).terminate();
    },
  };
}

const historyOf = async (client: Client, { id }: Lock, runId: string): Promise<object> =>
  JSON.parse(historyToJSON(await client.workflow.getHandle(id, runId).fetchHistory())) as object;

interface Started {
  readonly events: readonly [{ readonly workflowExecutionStartedEventAttributes: { readonly input: { readonly payloads: { data: string }[] } } }];
}

function withLimit(history: object, maxEvents: number): object {
  const carried = (history as Started).events[0].workflowExecutionStartedEventAttributes.input.payloads[2];
  if (carried !== undefined) carried.data = Buffer.from(JSON.stringify({ lookAgainMs: LOOK_AGAIN_MS, maxEvents })).toString('base64');
  return history;
}

async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 50));
}

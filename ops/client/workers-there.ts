/** Whether somebody is there to do the work: a request without a worker would wait without a word. */
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { AssayError } from '../../domain/errors.ts';
import { fleetQueue } from '../../domain/ids.ts';

/** The server's numbers of enum TaskQueueType. */
const queueTypes = { workflow: 1, activity: 2 } as const;

const LOOK_AGAIN_MS = 500;
/** A worker asks anew at least once a minute; the server remembers one that was killed for five. */
const ALIVE_MS = 90_000;
/** A free worker takes a step within moments. */
const UNTAKEN_MS = 10_000;
/** Stands for the name of a host where any will do. */
const ANY_HOST = 'any that a cluster names';

type QueueKind = keyof typeof queueTypes;

async function pollersOf(client: Client, queue: string, kind: QueueKind) {
  const answer = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: queue },
    taskQueueType: queueTypes[kind],
  });
  return answer.pollers ?? [];
}

/** A worker that was just started or restarted gets the time to come. One killed minutes ago still counts: the request waits for the next. Throws no-worker. */
export async function requireFleet(client: Client, patienceMs: number): Promise<void> {
  const until = Date.now() + patienceMs;
  while ((await pollersOf(client, fleetQueue, 'workflow')).length === 0) {
    if (Date.now() >= until) throw new AssayError('no-worker', { queue: fleetQueue, host: ANY_HOST });
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** The queue a run waits for because nobody polls it, and since when; null while all is well. */
export interface Stalled {
  readonly queue: string;
  readonly host: string;
  readonly step: string;
  readonly sinceMs: number;
}

/** Looks at the steps a run has handed out; one that nobody took while nobody polls its queue is a stall. `now`: milliseconds since the epoch. */
export async function stallOf(client: Client, description: WorkflowExecutionDescription, now: number): Promise<Stalled | null> {
  const { pendingWorkflowTask: task, pendingActivities } = description.raw;
  if (task?.state === SCHEDULED) {
    const stalled = await stalledAt(
      client,
      { queue: description.taskQueue, kind: 'workflow', step: 'the workflow', sinceMs: now - millis(task.scheduledTime, now) },
      now,
    );
    if (stalled !== null) return stalled;
  }
  for (const { state, activityType, activityId, scheduledTime } of pendingActivities ?? []) {
    const sinceMs = now - millis(scheduledTime, now);
    if (state !== SCHEDULED || sinceMs < UNTAKEN_MS) continue;
    const queue = await queueOfStep(client, description, String(activityId));
    const stalled = queue === null ? null : await stalledAt(client, { queue, kind: 'activity', step: activityType?.name ?? 'a step', sinceMs }, now);
    if (stalled !== null) return stalled;
  }
  return null;
}

async function stalledAt(client: Client, at: { queue: string; kind: QueueKind; step: string; sinceMs: number }, now: number): Promise<Stalled | null> {
  const { queue, kind, step, sinceMs } = at;
  if (sinceMs < UNTAKEN_MS) return null;
  const pollers = await pollersOf(client, queue, kind);
  if (pollers.some(({ lastAccessTime }) => now - millis(lastAccessTime, now) < ALIVE_MS)) return null;
  return { queue, host: queue.split('@')[1] ?? ANY_HOST, step, sinceMs };
}

/** PENDING_ACTIVITY_STATE_SCHEDULED and PENDING_WORKFLOW_TASK_STATE_SCHEDULED alike. */
const SCHEDULED = 1;

const millis = (at: { seconds?: unknown } | null | undefined, fallback: number) => (at?.seconds === undefined ? fallback : Number(at.seconds) * 1000);

/** Only the history says which queue a step was sent to. */
async function queueOfStep(client: Client, { workflowId, runId }: WorkflowExecutionDescription, activityId: string): Promise<string | null> {
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const sent = (history.events ?? []).map((event) => event.activityTaskScheduledEventAttributes).findLast((step) => step?.activityId === activityId);
  return sent?.taskQueue?.name ?? null;
}

/** Whether somebody is there to do the work: a request without a worker would wait without a word. */
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { AssayError } from '../../domain/errors.ts';
import { fleetQueue } from '../../domain/ids.ts';

/** The server's numbers of enum TaskQueueType. */
const queueTypes = { workflow: 1, activity: 2 } as const;

const LOOK_AGAIN_MS = 500;

/** Polled within the last minutes. */
export async function isPolled(client: Client, queue: string, kind: keyof typeof queueTypes): Promise<boolean> {
  const answer = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: queue },
    taskQueueType: queueTypes[kind],
  });
  return (answer.pollers ?? []).length > 0;
}

/** A worker that was just started or restarted gets the time to come. Throws no-worker. */
export async function requireFleet(client: Client, patienceMs: number): Promise<void> {
  const until = Date.now() + patienceMs;
  while (!(await isPolled(client, fleetQueue, 'workflow'))) {
    if (Date.now() >= until) throw new AssayError('no-worker', { queue: fleetQueue, host: 'any name' });
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

/** Looks at the steps a run has handed out; one that nobody took while nobody polls its queue is a stall. */
export async function stallOf(client: Client, description: WorkflowExecutionDescription, now: number): Promise<Stalled | null> {
  const { pendingWorkflowTask: task, pendingActivities } = description.raw;
  if (task?.state === SCHEDULED && !(await isPolled(client, description.taskQueue, 'workflow'))) {
    return stalled(description.taskQueue, 'the workflow', now - millis(task.scheduledTime, now));
  }
  for (const activity of pendingActivities ?? []) {
    if (activity.state !== SCHEDULED) continue;
    const step = activity.activityType?.name ?? 'a step';
    const queue = await queueOfStep(client, description, String(activity.activityId));
    if (queue !== null && !(await isPolled(client, queue, 'activity'))) return stalled(queue, step, now - millis(activity.scheduledTime, now));
  }
  return null;
}

/** PENDING_ACTIVITY_STATE_SCHEDULED and PENDING_WORKFLOW_TASK_STATE_SCHEDULED alike. */
const SCHEDULED = 1;

const stalled = (queue: string, step: string, sinceMs: number): Stalled => ({ queue, host: queue.split('@')[1] ?? 'any name', step, sinceMs });

const millis = (at: { seconds?: unknown } | null | undefined, fallback: number) => (at?.seconds === undefined ? fallback : Number(at.seconds) * 1000);

/** Only the history says which queue a step was sent to. */
async function queueOfStep(client: Client, { workflowId, runId }: WorkflowExecutionDescription, activityId: string): Promise<string | null> {
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const sent = (history.events ?? []).map((event) => event.activityTaskScheduledEventAttributes).findLast((step) => step?.activityId === activityId);
  return sent?.taskQueue?.name ?? null;
}

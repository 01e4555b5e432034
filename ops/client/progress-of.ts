/** How far a run has come: its own answer, the bytes its engine reports, and whom it waits for. */
import { type Client, type WorkflowExecutionDescription, WorkflowNotFoundError } from '@temporalio/client';
import { backupWorkflows, type Progress, queries } from '../../domain/backup/requests.ts';
import { stepWords } from './step-words.ts';
import { type Stalled, stallOf } from './workers-there.ts';

export interface RunProgress extends Progress {
  readonly running: boolean;
  /** Nobody polls the queue the run waits for. */
  readonly stalled: Stalled | null;
}

const QUERY_MS = 3_000;

/** Never waits long: where no worker answers, Temporal's own record does. Throws WorkflowNotFoundError. */
export async function progressOf(client: Client, workflowId: string): Promise<RunProgress> {
  const description = await client.workflow.getHandle(workflowId).describe();
  const startedAt = description.startTime.toISOString();
  if (description.status.name !== 'RUNNING') {
    return { phase: 'ended', detail: description.status.name.toLowerCase(), startedAt, running: false, stalled: null };
  }
  const child = await childProof(client, description);
  if (child?.running) return { ...child, startedAt };
  const stalled = await stallOf(client, description, Date.now());
  const told = stalled === null ? await ask(client, description) : null;
  const beat = await lastBeat(client, description);
  // a step that beats has its worker: one that is too busy to answer is not waited for
  const unsaid = isBeating(description.raw.pendingActivities ?? [], Date.now())
    ? { phase: 'working', detail: '' }
    : { phase: 'waiting', detail: 'for a worker' };
  return { ...unsaid, startedAt, ...told, ...beat, running: true, stalled };
}

/** A backup's proof is a run of its own: what it does is what the caller waits for. */
async function childProof(client: Client, { raw }: WorkflowExecutionDescription): Promise<RunProgress | null> {
  const child = (raw.pendingChildren ?? []).find((each) => each.workflowTypeName === backupWorkflows.prove);
  if (!child?.workflowId) return null;
  try {
    return await progressOf(client, child.workflowId);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null; // asked for, not begun yet
    throw error;
  }
}

async function ask(client: Client, { workflowId, runId }: WorkflowExecutionDescription): Promise<Progress | null> {
  try {
    return await client.withDeadline(Date.now() + QUERY_MS, () => client.workflow.getHandle(workflowId, runId).query<Progress>(queries.progress));
  } catch {
    return null; // busy, between two workers, or not yet begun: the next look will tell
  }
}

/** Of a worker that is there; one that was killed is noticed within as long. */
const BEATING_MS = 20_000;

/** `steps` as Temporal describes them; seconds are its 64-bit numbers. */
export const isBeating = (steps: readonly { readonly lastHeartbeatTime?: { readonly seconds?: unknown } | null }[], nowMs: number): boolean =>
  steps.some(({ lastHeartbeatTime: at }) => at != null && nowMs - Number(at.seconds) * 1_000 < BEATING_MS);

/** What the step that runs now says of itself. */
async function lastBeat(client: Client, { raw }: WorkflowExecutionDescription): Promise<Pick<Progress, 'doneBytes' | 'totalBytes' | 'step'>> {
  const payload = (raw.pendingActivities ?? []).flatMap((activity) => activity.heartbeatDetails?.payloads ?? []).at(0);
  if (payload === undefined) return {};
  const { payloadCodecs, payloadConverter } = client.options.loadedDataConverter;
  let payloads = [payload];
  for (const codec of payloadCodecs.toReversed()) payloads = await codec.decode(payloads);
  const beat = payloads[0] === undefined ? null : payloadConverter.fromPayload<Readonly<Record<string, unknown>> | null>(payloads[0]);
  const { doneBytes, totalBytes } = beat ?? {};
  if (typeof doneBytes === 'number' && typeof totalBytes === 'number' && totalBytes > 0) return { doneBytes, totalBytes };
  const step = beat ? stepWords(beat) : null; // a beat may be empty
  return step === null ? {} : { step };
}

/** Makes one request of the fleet for a command: shows it with --dry-run, starts or joins it, follows it, says how to come back. */
import type { ExitStatus } from '../../domain/errors.ts';
import { isAssayError } from '../../domain/errors.ts';
import { fleetQueue } from '../../domain/ids.ts';
import { shellWord } from '../../domain/shell-word.ts';
import type { AssayClient } from '../client/connect.ts';
import type { Request } from '../client/request.ts';
import { freshKey, type InputOf, type RequestRef, type ResultOf, refOf, type Verb, verbs } from '../client/verbs.ts';
import { firstInterrupt, follow, type Interrupt } from './follow.ts';
import type { Outcome } from './outcome.ts';
import type { Paint } from './paint.ts';
import type { Session } from './session.ts';

/** Options that every request takes. */
export interface RequestOptions {
  readonly request?: string;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
}

export interface Asked<V extends Verb> {
  readonly verb: V;
  readonly input: InputOf<V>;
  readonly options: RequestOptions;
  /** How its end reads and what it exits with. */
  readonly ended: (result: ResultOf<V>) => Ending;
}

export interface Ending {
  readonly exit: 0 | ExitStatus;
  text(paint: Paint): string;
}

/** Exit status of a command that left before the end: nothing is proven yet. */
const LEFT: ExitStatus = 3;

export async function makeRequest<V extends Verb>(session: Session, asked: Asked<V>): Promise<Outcome> {
  const key = 'name' in asked.input ? asked.input.name : (asked.options.request ?? freshKey());
  const input = 'name' in asked.input ? asked.input : { ...asked.input, requestKey: key };
  const ref = refOf(asked.verb, input.cluster, key);
  const client = await session.client();
  if (asked.options.dryRun) return shown(client.server, { ref, input, existing: await client.backup.findAny(input.cluster, key) });
  // before it is made: whoever presses Ctrl-C from here on is told how to come back, once it is known that it was made
  const interrupt = firstInterrupt(session.terminal);
  try {
    session.tell(`request ${key} (${ref.workflowId})`);
    const request = await client.backup.start(asked.verb, input).catch((error: unknown) => {
      // whether there is a worker is looked at first
      if (isAssayError(error, 'no-worker')) session.tell('nothing was asked of the fleet');
      throw error;
    });
    if (request.joined) session.tell(`joined the request that was made before with key ${key}`);
    if (asked.options.wait === false) return left(request, 'goes on', 0);
    return await followRequest(session, request, { ended: asked.ended, interrupt });
  } finally {
    interrupt.stop();
  }
}

interface Waiting<V extends Verb> {
  readonly ended: (result: ResultOf<V>) => Ending;
  readonly interrupt?: Interrupt;
}

/** Waits for a request, however it was found. */
export async function followRequest<V extends Verb>(
  session: Session,
  request: Request<V>,
  { ended, interrupt = firstInterrupt(session.terminal) }: Waiting<V>,
): Promise<Outcome> {
  try {
    const followed = await follow(request, { terminal: session.terminal, quiet: session.options.quiet, interrupt });
    if (followed.kind === 'detached') return left(request, 'detached: it goes on without you', LEFT);
    const { exit, text } = ended(followed.result);
    return { exit, data: { request: named(request), ...followed.result }, text };
  } catch (error) {
    if (isAssayError(error, 'no-worker')) session.tell(`the request waits; ${comeBack(request)}`);
    throw error;
  }
}

/** What names a request in JSON. */
const named = ({ verb, cluster, key, workflowId, joined }: Request<Verb>) => ({ verb, cluster, key, workflowId, joined });

export const comeBack = ({ cluster, key }: RequestRef): string => `come back with: assay backup show ${cluster} --request ${shellWord(key)}`;

function left(request: Request<Verb>, how: string, exit: Outcome['exit']): Outcome {
  const text = `${how}\n  ${comeBack(request)}\n  stop it with: assay backup cancel ${request.cluster} --request ${shellWord(request.key)}\n`;
  return { exit, data: { request: named(request), state: 'running' }, text: () => text };
}

interface Shown {
  readonly ref: RequestRef;
  readonly input: object;
  readonly existing: Request<Verb> | null;
}

/** --dry-run: exactly what would be sent, and whether it would be new. */
function shown({ address, namespace }: AssayClient['server'], { ref, input, existing }: Shown): Outcome {
  const { workflow } = verbs[ref.verb];
  const joins = existing !== null && existing.workflowId === ref.workflowId;
  const call = `temporal workflow start --address ${shellWord(address)} --namespace ${shellWord(namespace)} --type ${workflow}`;
  const command = `${call} --task-queue ${fleetQueue} --workflow-id ${shellWord(ref.workflowId)} --input ${shellWord(JSON.stringify(input))}`;
  return {
    exit: 0,
    data: { dryRun: true, request: { ...ref, joined: joins }, workflow, taskQueue: fleetQueue, input },
    text: (paint) =>
      `${joins ? 'would join the request that was made before with this key' : 'would start'} ${paint.strong(ref.workflowId)}; the same from a shell:\n  ${command}\n`,
  };
}

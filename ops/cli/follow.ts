/** Waits for a request while showing how far it is. Ctrl-C leaves it running: the work belongs to the fleet, not to the terminal. */
import { AssayError, isAssayError } from '../../domain/errors.ts';
import type { RunProgress } from '../client/progress-of.ts';
import { progressView } from './progress-view.ts';
import type { Terminal } from './terminal.ts';

export type Followed<T> = { readonly kind: 'result'; readonly result: T } | { readonly kind: 'detached' };

/** What can be waited for: a request, or another run of the fleet. */
export interface Followable<T> {
  result(): Promise<T>;
  progress(): Promise<RunProgress>;
}

const LOOK_MS = 1_000;
/** A worker that is restarted or deployed comes back within this. */
const STALL_PATIENCE_MS = 60_000;
/** What a shell reports for a process that Ctrl-C ended. */
const INTERRUPTED = 130;

export interface Following {
  readonly terminal: Terminal;
  readonly quiet: boolean;
  readonly stallPatienceMs?: number;
  /** Ctrl-C as it is watched since before the request was made; left out: from here on. */
  readonly interrupt?: Interrupt;
}

/** Throws what the run threw; no-worker where nobody has taken its next step for a minute (the request waits on). */
export async function follow<T>(request: Followable<T>, following: Following): Promise<Followed<T>> {
  const { terminal, quiet, stallPatienceMs = STALL_PATIENCE_MS, interrupt = firstInterrupt(terminal) } = following;
  const view = progressView(terminal, quiet);
  const ended = request.result().then((result) => ({ kind: 'result', result }) as const);
  ended.catch(() => {}); // thrown by the race below, unless the caller left first
  try {
    for (;;) {
      const tick = timer(LOOK_MS);
      const first = await Promise.race([ended, interrupt.happened, tick.over]);
      tick.stop();
      if (first !== null) return first;
      const progress = await Promise.race([ended, interrupt.happened, look(request)]);
      if (progress === null) continue;
      if ('kind' in progress) return progress;
      if (progress.running) view.show(progress);
      const { stalled } = progress;
      if (stalled !== null && stalled.sinceMs > stallPatienceMs) throw new AssayError('no-worker', { queue: stalled.queue, host: stalled.host });
    }
  } finally {
    view.end();
    interrupt.stop();
  }
}

/** null while the server does not answer: whether it has been away for too long is for `result` to say. */
async function look(request: Followable<unknown>): Promise<RunProgress | null> {
  try {
    return await request.progress();
  } catch (error) {
    if (isAssayError(error, 'temporal-unreachable')) return null;
    throw error;
  }
}

export interface Interrupt {
  readonly happened: Promise<{ readonly kind: 'detached' }>;
  readonly stop: () => void;
}

/** The first Ctrl-C detaches, the second ends the process whatever it waits for. */
export function firstInterrupt(terminal: Terminal): Interrupt {
  let stop = () => {};
  let count = 0;
  const happened = new Promise<{ kind: 'detached' }>((resolve) => {
    stop = terminal.onInterrupt(() => {
      count += 1;
      if (count === 1) resolve({ kind: 'detached' });
      else terminal.exit(INTERRUPTED);
    });
  });
  // after detaching the listener stays: the connection may take a moment to close, and a second Ctrl-C must still end it
  return { happened, stop: () => count === 0 && stop() };
}

function timer(ms: number): { over: Promise<null>; stop: () => void } {
  let handle: NodeJS.Timeout | undefined;
  const over = new Promise<null>((resolve) => {
    handle = setTimeout(resolve, ms, null);
  });
  return { over, stop: () => clearTimeout(handle) };
}

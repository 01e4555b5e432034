/** Waiting for the world, with patience, heartbeat and cancellation. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AssayError } from '../domain/errors.ts';
import type { StepIo } from './io.ts';

export interface Wait {
  readonly everyMs: number;
  readonly patienceMs: number;
  readonly io: StepIo;
  /** Shown as progress. */
  readonly waitingFor: string;
}

/** The first answer that is not null; null when patience ran out. Throws cancelled when the step should stop. */
export async function untilTrue<T>(wait: Wait, look: () => Promise<T | null>): Promise<T | null> {
  const end = Date.now() + wait.patienceMs;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (Date.now() >= end) return null;
    if (wait.io.signal.aborted) throw new AssayError('cancelled', { what: `waiting for ${wait.waitingFor}` });
    wait.io.beat({ waitingFor: wait.waitingFor });
    await sleep(wait.everyMs, undefined, { signal: wait.io.signal }).catch(() => {});
  }
}

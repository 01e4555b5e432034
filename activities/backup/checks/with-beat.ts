/** Long questions to a server: shows that the step lives, and lets go when it should stop. */
import { AssayError } from '../../../domain/errors.ts';
import type { StepIo } from '../../io.ts';

const BEAT_MS = 1_000;

/** Beats every second while `work` runs. Throws cancelled as soon as the step should stop: the clone, and what still runs in it, is wiped then. */
export async function withBeat<T>(io: StepIo, phase: string, work: () => Promise<T>): Promise<T> {
  let stop = () => {};
  const cancelled = new Promise<never>((_, reject) => {
    stop = () => reject(new AssayError('cancelled', { what: phase }));
    if (io.signal.aborted) stop();
    else io.signal.addEventListener('abort', stop, { once: true });
  });
  const beat = setInterval(() => io.beat({ phase }), BEAT_MS);
  const working = work();
  // abandoned when cancelled: its own end is of no interest then
  working.catch(() => {});
  try {
    return await Promise.race([working, cancelled]);
  } finally {
    clearInterval(beat);
    io.signal.removeEventListener('abort', stop);
  }
}

/** What an activity hands its step: Temporal's heartbeat and cancellation, behind our own small interface. */
import { Context } from '@temporalio/activity';
import type { StepIo } from '../activities/io.ts';

/** What each running step told last: a beat of ours must not wipe it out. */
const told = new WeakMap<Context, unknown>();

export function activityIo(): StepIo {
  const context = Context.current();
  return {
    signal: context.cancellationSignal,
    beat(progress) {
      told.set(context, progress);
      context.heartbeat(progress);
    },
    previous: context.info.heartbeatDetails,
  };
}

/** For a step that has nothing new to tell: shows that its worker lives, and lets a cancellation in. */
export const beatAgain = (context: Context): void => context.heartbeat(told.get(context) ?? context.info.heartbeatDetails);

/** For commands that work without Temporal: progress goes to whoever waits at the terminal. */
export function coldIo(onProgress: (progress: unknown) => void = () => {}): () => StepIo {
  const signal = new AbortController().signal;
  return () => ({ signal, beat: onProgress, previous: undefined });
}

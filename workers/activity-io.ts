/** What an activity hands its step: Temporal's heartbeat and cancellation, behind our own small interface. */
import { Context } from '@temporalio/activity';
import type { StepIo } from '../activities/io.ts';

export function activityIo(): StepIo {
  const context = Context.current();
  return {
    signal: context.cancellationSignal,
    beat: (progress) => context.heartbeat(progress),
    previous: context.info.heartbeatDetails,
  };
}

/** For commands that work without Temporal: progress goes to whoever waits at the terminal. */
export function coldIo(onProgress: (progress: unknown) => void = () => {}): () => StepIo {
  const signal = new AbortController().signal;
  return () => ({ signal, beat: onProgress, previous: undefined });
}

/** What a step needs from whoever runs it: an activity under Temporal, or a command that works without it. */
export interface StepIo {
  /** Aborted when the step should stop; child processes are ended then. */
  readonly signal: AbortSignal;
  /** Shows progress; under Temporal it is the heartbeat. Never holds rows or secrets. */
  beat(progress: unknown): void;
  /** The newest progress of the attempt before this one; undefined at the first. */
  readonly previous: unknown;
}

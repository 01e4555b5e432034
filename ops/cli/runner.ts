/** Turns "session, arguments, options → outcome" into a commander action. */
import type { Command } from 'commander';
import type { Outcome } from './outcome.ts';
import type { Session } from './session.ts';

/** Arguments and options are what the command's own definition says: commander gives them untyped. */
export type Runner = <A extends readonly (string | undefined)[], O extends object>(
  work: (session: Session, args: A, options: O) => Promise<Outcome | null>,
) => (...given: unknown[]) => Promise<void>;

export interface RunnerPorts {
  /** Made from the options of all levels. */
  session(options: Record<string, unknown>): Session;
  /** null: the command said all it had to say itself. */
  finish(outcome: Outcome | null, session: Session): void;
}

export function runnerOf({ session, finish }: RunnerPorts): Runner {
  return <A extends readonly (string | undefined)[], O extends object>(work: (session: Session, args: A, options: O) => Promise<Outcome | null>) =>
    async (...given: unknown[]): Promise<void> => {
      const command = given.at(-1) as Command; // commander's convention: …arguments, options, command
      const here = session(command.optsWithGlobals());
      finish(await work(here, given.slice(0, -2) as unknown as A, command.opts<O>()), here);
    };
}

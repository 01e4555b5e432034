/** `stanza-create`, once every repository has answered at all. */
import type { StepIo } from '../../../io.ts';
import { ask, type Engine, work } from './command.ts';
import { logFileOf } from './run-files.ts';

/** Somebody waits for the answer: a dead endpoint is known after four times this. */
const REACH_IO_TIMEOUT_S = 5;
const LONGEST_MS = 60_000;

/** Idempotent. The engine itself tries a dead endpoint for minutes before it says a word, so it is asked for something small first. */
export async function createStanza(engine: Engine, io: StepIo): Promise<void> {
  await Promise.all(engine.config.repositories.map((repository) => ask(engine, { name: 'repo-ls', repository }, REACH_IO_TIMEOUT_S)));
  const log = logFileOf(engine, 'stanza-create', engine.policy.cluster);
  await work(engine, { name: 'stanza-create', repository: 0 }, { log, deadlineMs: LONGEST_MS }, io);
}

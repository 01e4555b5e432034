/** The engine's own check of its repository: its words and its exit status, both, since 2.45 exits 0 on damage it names. */

import type { StepIo } from '../../../io.ts';
import { run } from '../../../process.ts';
import { argvOf, type Engine } from './command.ts';
import { clean } from './failure.ts';
import { readInfo } from './info.ts';

/** `status`: `ok` or `error` as printed; `error` too where it ended without one. Never throws for a damaged backup or segment. */
export async function verifyRepository(
  engine: Engine,
  repository: number,
  io: StepIo,
): Promise<{ readonly status: string; readonly exit: number; readonly text: string }> {
  // a repository that does not answer is no finding of a check
  await readInfo(engine, repository);
  const options = ['--output=text', '--verbose', '--log-level-console=off', '--log-level-stderr=error', '--log-level-file=off'];
  const deadlineMs = engine.policy.engine.timeoutMs;
  const result = await run({ argv: argvOf(engine, { name: 'verify', repository, options }), as: engine.user, accept: 'any', deadlineMs }, io);
  const text = clean(`${result.stdout}\n${result.stderr}`.trim(), engine.config.secrets);
  return { status: /^status: (\w+)/m.exec(result.stdout)?.[1] ?? 'error', exit: result.status, text };
}

/** A restore where nothing of the fleet is left: the engine's own commands, or the whole of it in this process. */
import type { ResultOf } from '../client/verbs.ts';
import type { ColdRestoreRequest } from './handlers.ts';
import type { Ending } from './make-request.ts';
import type { Outcome } from './outcome.ts';
import { plain } from './paint.ts';
import type { Session } from './session.ts';

export async function restorePrinted({ handlers, options }: Session, request: ColdRestoreRequest): Promise<Outcome> {
  const printed = await handlers.restorePrint(request, options);
  return { exit: 0, data: { dryRun: true, ...printed }, text: () => `${comments(printed.notes)}${printed.text.trimEnd()}\n` };
}

/** As the shell takes them: what is printed can be piped into one. */
const comments = (notes: readonly string[]): string => notes.map((note) => `# ${plain(note)}\n`).join('');

export async function restoreInThisProcess(
  { handlers, options, tell }: Session,
  request: ColdRestoreRequest,
  ended: (result: ResultOf<'restore'>) => Ending,
): Promise<Outcome> {
  const result = await handlers.restoreCold(request, options, tell);
  return { data: result, ...ended(result) };
}

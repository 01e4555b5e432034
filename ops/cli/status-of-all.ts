/** `assay backup status`: one cluster, or all of the policy file. One that does not answer hides no other. */
import { standingOf } from '../../domain/backup/standing.ts';
import type { BackupStatus } from '../../domain/backup/status.ts';
import { AssayError, type ExitStatus, reasonOf } from '../../domain/errors.ts';
import { errorObject, errorText, type Outcome } from './outcome.ts';
import type { Paint } from './paint.ts';
import type { Session } from './session.ts';
import { statusText } from './show-status.ts';

type Answer = { readonly cluster: string; readonly status: BackupStatus } | { readonly cluster: string; readonly error: AssayError };

/** Throws what went wrong where only one cluster was asked for; usage where none is known. */
export async function statusOfAll(session: Session, cluster: string | undefined): Promise<Outcome> {
  const clusters = cluster === undefined ? await session.handlers.clusters(session.options) : [cluster];
  if (clusters.length === 0) throw new AssayError('usage', { reason: 'no cluster is named', hint: 'name one, or give a policy file with --file' });
  const answers = await Promise.all(clusters.map((each) => ask(session, each)));
  const [only] = answers;
  if (answers.length === 1 && only !== undefined && 'error' in only) throw only.error;
  const now = session.terminal.now();
  return {
    exit: worst(answers, now),
    data: { clusters: answers.map((answer) => asData(answer, now)) },
    text: (paint) => answers.map((answer) => asText(answer, paint)).join('\n'),
  };
}

async function ask(session: Session, cluster: string): Promise<Answer> {
  const client = await session.client();
  try {
    return { cluster, status: await client.backup.status(cluster) };
  } catch (error) {
    return { cluster, error: error instanceof AssayError ? error : new AssayError('internal', { reason: reasonOf(error) }, { cause: error }) };
  }
}

const asData = (answer: Answer, now: Date) =>
  'error' in answer ? { cluster: answer.cluster, ...errorObject(answer.error) } : { ...answer.status, ...standingOf(answer.status, now.getTime()) };

const asText = (answer: Answer, paint: Paint) =>
  'error' in answer ? `${answer.cluster}\n${errorText(answer.error, paint)}` : statusText(answer.status, paint);

/** A fault that was found weighs most, then what could not be asked, then what is not proven. */
function worst(answers: readonly Answer[], now: Date): 0 | ExitStatus {
  const exits = answers.map((answer): 0 | ExitStatus => {
    if ('error' in answer) return answer.error.exit;
    const { standing } = standingOf(answer.status, now.getTime());
    return standing === 'good' ? 0 : standing === 'fault' ? 1 : 3;
  });
  return ([1, 4, 5, 2, 3] as const).find((exit) => exits.includes(exit)) ?? 0;
}

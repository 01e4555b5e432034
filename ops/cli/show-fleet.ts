/** Plan, apply, doctor, init and verified certificates, as people read them. */
import type { Change } from '../../domain/plan.ts';
import { moment } from './figures.ts';
import type { ApplyReport, DoctorLine, FailedCluster, InitReport, PlanReport, VerificationReport } from './handlers.ts';
import { type Paint, plain } from './paint.ts';
import { table } from './table.ts';

const signs = { add: '+', change: '~', remove: '-' } as const;

/** One change: what, why, and the exact SQL where there is some. */
export function changeText({ kind, subject, cluster, what, why, sql }: Change, paint: Paint): string {
  const sign = kind === 'add' ? paint.good(signs[kind]) : kind === 'remove' ? paint.bad(signs[kind]) : paint.doubt(signs[kind]);
  if (sql === undefined) return `  ${sign} ${plain(cluster)}: ${subject} ${plain(what)}\n      ${plain(why)}\n`;
  const lines = `${sql.trim()};`.split('\n').map((line) => `      ${paint.dim(plain(line))}\n`);
  return `  ${sign} ${plain(cluster)}: ${subject}, ${plain(why)}\n${lines.join('')}`;
}

export const asTheFileSays = ({ unseen }: { readonly unseen: readonly string[] }): string =>
  unseen.length === 0
    ? 'Everything is as the file says.'
    : `As far as could be seen, everything is as the file says; ${unseen.map(plain).join(', ')} did not answer.`;

export function planText({ changes, runs, unseen, notes }: PlanReport, paint: Paint): string {
  const todo =
    changes.length === 0
      ? `${asTheFileSays({ unseen })}\n`
      : `${changes.map((change) => changeText(change, paint)).join('')}\n${changes.length} change(s); \`assay apply\` makes them.\n`;
  const rows = runs.map(({ schedule, next }) => [plain(schedule), next.map((at) => moment(at, paint.zone)).join(', ')]);
  const clocks = runs.flatMap(({ schedule, clockChanges }) =>
    clockChanges.map((each) => `${plain(schedule)}: ${each.wallClock} ${each.timeZone} is ${each.effect}`),
  );
  return [
    todo,
    rows.length === 0 ? '' : `\n${table(['SCHEDULE', 'NEXT RUNS'], rows, paint)}\n`,
    clocks.length === 0 ? '' : `\n${paint.doubt('The clock changes:')}\n${listed(clocks)}`,
    notesText(notes),
  ].join('');
}

/** What was made, what was not and why. */
export function appliedText({ done, refused, failed, unseen, notes }: ApplyReport, paint: Paint): string {
  const made =
    done.length === 0 && failed.length > 0 ? 'Nothing was changed.' : done.length === 0 ? asTheFileSays({ unseen }) : `${done.length} change(s) made.`;
  const dropped = [...new Set(refused.map(({ cluster }) => cluster))].map(plain).join(', ');
  const left = dropped === '' ? '' : `left as they are: ${dropped} (not in the file any more); \`assay apply --yes\` takes them away\n`;
  // why a cluster failed stands with it already
  const others = notes.filter((note) => !failed.some(({ error }) => note.includes(error.message)));
  return `${made}\n${left}${failed.map((each) => failedText(each, paint)).join('')}${notesText(others)}`;
}

function failedText({ cluster, error, made, left }: FailedCluster, paint: Paint): string {
  const what = (changes: readonly Change[]) => [...new Set(changes.map(({ subject }) => subject))].map((subject) => of(changes, subject)).join(', ');
  const stands =
    made.length === 0
      ? `nothing was changed for ${plain(cluster)}`
      : `made for ${plain(cluster)}: ${what(made)}; not made: ${what(left)}. \`assay apply\` goes on from there`;
  return `\n${paint.bad(`${plain(cluster)} is not as the file says:`)} ${plain(error.message)}\n  ${paint.dim('→')} ${plain(error.hint)}\n  ${stands}\n`;
}

const of = (changes: readonly Change[], subject: Change['subject']) => {
  const [first, ...more] = changes.filter((change) => change.subject === subject);
  const counted = { sql: 'SQL statement', schedule: 'schedule' } as const;
  return subject in counted ? `${more.length + 1} ${counted[subject as keyof typeof counted]}(s)` : plain(first?.what ?? '');
};

export const notesText = (notes: readonly string[]): string => (notes.length === 0 ? '' : `\nNotes:\n${listed(notes.map(plain))}`);

const listed = (lines: readonly string[]) => `${lines.map((line) => `  · ${line}`).join('\n')}\n`;

export function doctorText(lines: readonly DoctorLine[], paint: Paint): string {
  const sign = { ok: paint.good('ok'), warning: paint.doubt('warning'), fault: paint.bad('fault') };
  const text = lines.map(({ cluster, name, outcome, line, fix }) => {
    const head = `${sign[outcome]}  ${cluster === null ? '' : `${plain(cluster)} `}${paint.strong(name)}: ${plain(line)}\n`;
    return fix === null ? head : `${head}    → ${plain(fix)}\n`;
  });
  const count = (outcome: DoctorLine['outcome']) => lines.filter((each) => each.outcome === outcome).length;
  return `${text.join('')}\n${count('fault')} fault(s), ${count('warning')} warning(s), ${count('ok')} fine\n`;
}

export function initText({ file, written, notes, text }: InitReport, paint: Paint): string {
  const body = written.length === 0 ? `${paint.dim(`# would be written to ${file}`)}\n${text}\n` : written.map((path) => `wrote ${plain(path)}\n`).join('');
  return `${body}${notesText(notes)}\nNext: \`assay doctor\`, then \`assay plan\`.\n`;
}

export function verificationText({ valid, keys, chains, faults, notes }: VerificationReport, paint: Paint): string {
  const rows = chains.map(({ cluster, certificates, verdicts, head, folder }) => [
    plain(cluster),
    String(certificates),
    `${verdicts.proven} proven, ${verdicts.failed} failed, ${verdicts.inconclusive} inconclusive`,
    head === null ? '' : `${head.sequence} ${head.hash.slice(0, 16)}`,
    plain(folder),
  ]);
  return [
    valid ? paint.good('genuine, and none missing up to the head') : paint.bad('NOT to be relied on'),
    `, key ${keys.join(', ')}\n`,
    faults.map(({ file, reason }) => `  ${paint.bad('✗')} ${plain(file)}: ${plain(reason)}\n`).join(''),
    rows.length === 0 ? '' : `${table(['CLUSTER', 'CERTIFICATES', 'VERDICTS', 'HEAD', 'FOLDER'], rows, paint)}\n`,
    // whoever took the newest away left a chain that is whole
    valid && chains.some(({ head }) => head !== null)
      ? '\nKeep the head elsewhere: only beside it does it show where newer certificates were taken away.\n'
      : '',
    notesText(notes),
  ].join('');
}

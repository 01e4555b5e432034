/** Runs and recommendations of the optimizer, as people read them. */
import { percent, withTexts } from '../../domain/optimizer/finding-words.ts';
import { MADE_UP, madeUpOf, moreValues, sayMadeUp } from '../../domain/optimizer/made-up-values.ts';
import type { StatementVerdict } from '../../domain/optimizer/model.ts';
import { freedBytes, indexesBeside, kindOf, type Recommendation, type RecommendedIndex, takenBytes } from '../../domain/optimizer/recommendation.ts';
import type { OptimizerRunResult } from '../../domain/optimizer/requests.ts';
import { sayRewrite } from '../../domain/optimizer/rewrite.ts';
import { sayAdvice } from '../../domain/optimizer/setting.ts';
import type { Interval } from '../../domain/optimizer/statistics.ts';
import { bytes, duration, when } from './figures.ts';
import { settingsLines } from './optimizer-alternatives.ts';
import { hygieneLines, rewritesLines, statisticsLines } from './optimizer-hygiene.ts';
import { type Paint, plain } from './paint.ts';
import { facts, table } from './table.ts';

export function optimizerRunText(result: OptimizerRunResult, paint: Paint): string {
  const { workload, search, experiments, recommendation, because } = result;
  const unbound = search.notBound ? [`${search.notBound} without a plan`] : [];
  const left = [...Object.entries(workload.notJudged).map(([reason, count]) => `${count} ${reason}`), ...unbound];
  const rows: [string, string][] = [
    ['run', plain(result.run)],
    ['database', `${plain(result.cluster)}/${plain(result.database)}`],
    ['workload', `${workload.statements} statement(s), ${workload.calls} calls, ${duration(workload.totalMs)} in all`],
    ...(left.length === 0 ? [] : [['no verdict', left.join(', ')] as [string, string]]),
    ...(result.backup === '' ? [] : [['lab', `backup ${plain(result.backup)}, proof ${plain(result.proof)}`] as [string, string]]),
    ['search', `${search.bound} statement(s) planned with values, ${search.sets} set(s) worth building, ${search.explains} plans asked for`],
  ];
  const notices = [...workload.notices, ...(search.notices ?? [])].map((each) => `  ${paint.doubt('!')} ${plain(each)}\n`).join('');
  const measured = experiments.length === 0 ? '' : `\n${experimentsTable(result, paint)}`;
  const reasons = because.map((each) => `  · ${plain(each)}\n`).join('');
  const end =
    recommendation === null
      ? `${paint.strong('Nothing to recommend:')}\n${reasons}`
      : `${paint.good('Recommendation')} ${recommendation}\n${reasons}  see it with: assay optimizer show ${recommendation}\n`;
  return `${facts(rows, paint)}\n${notices}${measured}\n${end}${hygieneLines(result.hygiene, result.cluster, paint)}${statisticsLines(result.statistics, paint)}${rewritesLines(result.rewrites, paint)}${settingsLines(result.settings, paint)}`;
}

/** Histories hold no texts: a run's result names statements so. */
const STATEMENT_ID = /(?<=: |, )-?[\da-f]{8,}\b/;

type Tried = Pick<OptimizerRunResult, 'experiments' | 'cluster' | 'recommendation' | 'workload'>;

function experimentsTable({ experiments, cluster, recommendation, workload }: Tried, paint: Paint): string {
  // the last one is the set as it is recommended
  const recommended = recommendation === null ? undefined : experiments.at(-1)?.id;
  const rows = experiments.map(({ id, indexes, sizeBytes, total, faster, slower, decision }) => [
    plain(id),
    String(indexes),
    bytes(sizeBytes),
    share(total),
    `${faster} faster, ${slower} slower`,
    decision.verdict === 'accepted' ? paint.good(id === recommended ? 'accepted, recommended' : 'accepted') : paint.doubt('rejected'),
  ]);
  const refused = experiments.filter(({ decision }) => decision.verdict === 'rejected');
  const why = refused.map(({ id, decision }) => `  ${paint.doubt('·')} ${plain(id.slice(0, 8))}: ${plain(decision.because.join('; '))}\n`);
  const [statement] = refused.flatMap(({ decision }) => decision.because.join(' ').match(STATEMENT_ID) ?? []);
  const more = statement === undefined ? '' : `  what a statement is: assay optimizer queries ${plain(cluster)} --statement ${statement}\n`;
  const isMadeUpVeto = refused.some(({ decision }) => decision.because.some((each) => each.includes(MADE_UP)));
  const capture = isMadeUpVeto ? `  ${paint.doubt('!')} ${moreValues(workload.capturesValues === true)}\n` : '';
  return `${table(['EXPERIMENT', 'INDEXES', 'SIZE', 'TIME LEFT', 'STATEMENTS', 'VERDICT'], rows, paint)}\n${why.join('')}${more}${capture}`;
}

export function recommendationsText(all: readonly Recommendation[], paint: Paint): string {
  if (all.length === 0) return 'no recommendation was made yet: `assay optimizer run CLUSTER` makes one\n';
  const rows = all.map(({ id, cluster, database, state, indexes, experiment, createdAt }) => [
    id,
    `${plain(cluster)}/${plain(database)}`,
    state,
    String(indexes.length),
    roomOf(indexes),
    share(experiment.total) + (isMadeUp(experiment) ? paint.doubt(' ~') : ''),
    when(createdAt, paint),
  ]);
  // of clusters whose runs look for values there is something else to say than of others
  const waysOut = new Set(all.flatMap(({ experiment, capturesValues }) => (isMadeUp(experiment) ? [moreValues(capturesValues === true)] : [])));
  const mark = waysOut.size === 0 ? '' : `  ${paint.doubt('~')} measured with values made up from statistics. ${[...waysOut].join('. ')}\n`;
  return `${table(['RECOMMENDATION', 'DATABASE', 'STATE', 'INDEXES', 'SIZE', 'TIME LEFT', 'MADE'], rows, paint)}\n${mark}`;
}

/** Of what it moves nothing was measured with values that were really sent. */
function isMadeUp({ statements }: Recommendation['experiment']): boolean {
  const { moved, madeUp } = madeUpOf(statements);
  return madeUp > 0 && madeUp === moved;
}

/** What a removal gives back is no size of zero, and what builds nothing has none. */
function roomOf(indexes: Recommendation['indexes']): string {
  const [takes, frees] = [takenBytes(indexes), freedBytes(indexes)];
  if (takes === 0 && frees > 0) return `frees ${bytes(frees)}`;
  return takes === 0 && !isBuilt(indexes) ? '-' : bytes(takes);
}

function sizeWords(indexes: Recommendation['indexes']): string {
  const [takes, frees] = [takenBytes(indexes), freedBytes(indexes)];
  const freed = frees === 0 ? [] : [`${bytes(frees)} freed`];
  if (takes > 0 || isBuilt(indexes)) return [`${bytes(takes)} really`, ...freed].join(', ');
  if (freed.length > 0) return freed.join();
  return indexes.some((change) => kindOf(change) === 'create-statistics')
    ? 'none to speak of: statistics are a row of the catalogue'
    : 'none on disk: nothing is built';
}

const isBuilt = (indexes: Recommendation['indexes']): boolean =>
  indexes.some((change) => kindOf(change) === 'create-index') || indexesBeside(indexes).length > 0;

export function recommendationText(recommendation: Recommendation, paint: Paint): string {
  const { id, cluster, database, state, createdAt, experiment, backup, indexes, decision, texts } = recommendation;
  const rows: [string, string][] = [
    ['recommendation', id],
    ['database', `${plain(cluster)}/${plain(database)}`],
    ['state', state],
    ['made', when(createdAt, paint)],
    ['evidence', `experiment ${plain(experiment.id)} on a copy of backup ${plain(backup)}, proof ${plain(experiment.proofId)}`],
    ['time left', share(experiment.total)],
    ['size', sizeWords(indexes)],
  ];
  const because = decision.because.map((each) => `  · ${plain(withTexts(each, texts))}\n`).join('');
  const doubt = [sayMadeUp(experiment.statements, recommendation.capturesValues)]
    .flatMap((said) => (said === null ? [] : [`  ${paint.doubt('!')} ${said}\n`]))
    .join('');
  const sql = indexes.map((change) => `${paint.strong(lines(change.sql))}\n  ${paint.dim(changeFigures(change, recommendation))}\n`);
  return `${facts(rows, paint)}\n${because}${doubt}\n${sql.join('')}\n${statementsTable(experiment.statements, texts, paint)}\n`;
}

/** One statement a line, none of which can move the terminal. */
const lines = (sql: string): string => sql.split('\n').map(plain).join('\n');

function changeFigures(change: RecommendedIndex, { database, texts }: Pick<Recommendation, 'database' | 'texts'>): string {
  const { sizeBytes, buildMs, leaveOneOut, because } = change;
  const why = because === undefined ? [] : [plain(because)];
  const kind = kindOf(change);
  if (change.kind === 'rewrite') return [...why, ...sayRewrite(change.rewrite).map(plain)].join('\n  ');
  if (change.kind === 'setting') return [...why, ...sayAdvice(change.advice, database).map((sentence) => plain(withTexts(sentence, texts)))].join('\n  ');
  if (kind === 'create-statistics') return ['statistics on columns that go together', ...why].join('; ');
  if (kind !== 'create-index') return [`frees ${kind === 'reindex' ? 'about ' : ''}${bytes(sizeBytes)}`, ...why].join('; ');
  const worth = leaveOneOut === null ? '' : `, without it ${leaveOneOut.toFixed(2)} × the time`;
  return [`${bytes(sizeBytes)}, built in ${duration(buildMs)}${worth}`, ...why].join('; ');
}

function statementsTable(statements: readonly StatementVerdict[], texts: Recommendation['texts'], paint: Paint): string {
  const room = Math.max(30, paint.columns - 60);
  const rows = statements
    .toSorted((a, b) => a.ratio - b.ratio)
    .map((each) => [judgedWord(each, paint), share(each), each.bindingSource, shortened(texts[each.statement] ?? each.statement, room)]);
  return table(['STATEMENT IS', 'TIME LEFT', 'VALUES', 'TEXT'], rows, paint);
}

function judgedWord({ judged }: StatementVerdict, paint: Paint): string {
  return judged === 'faster' ? paint.good(judged) : judged === 'slower' ? paint.bad(judged) : judged;
}

/** `31.2 % (29.8–33.0)`. */
const share = ({ ratio, low, high }: Interval): string => `${percent(ratio)} % (${percent(low)}–${percent(high)})`;

function shortened(text: string, room: number): string {
  const line = plain(text).replaceAll(/\s+/g, ' ').trim();
  return line.length <= room ? line : `${line.slice(0, room - 1)}…`;
}

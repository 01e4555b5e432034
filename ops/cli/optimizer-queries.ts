/** `assay optimizer queries`. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AssayError } from '../../domain/errors.ts';
import { percent } from '../../domain/optimizer/finding-words.ts';
import { type QueryLine, type QueryOrder, queryOrders } from '../../domain/optimizer/queries.ts';
import { bytes, duration, when } from './figures.ts';
import type { QueriesReport } from './handlers.ts';
import { type Paint, plain } from './paint.ts';
import type { Runner } from './runner.ts';
import { facts, table } from './table.ts';

interface QueriesOptions {
  readonly by: QueryOrder;
  readonly limit: number;
  readonly live?: boolean;
  readonly sinceLastRun?: boolean;
  readonly statement?: string;
}

export function addQueries(optimizer: Command, run: Runner): void {
  optimizer
    .command('queries')
    .summary('the statements that take most, with what is known of each')
    .description(
      'Of the last run, from the control database; with --live of pg_stat_statements as it is now. Each statement with its verdict under the best set of indexes that was measured, or why it has none. Texts carry no values.',
    )
    .argument(
      '<cluster>',
      'CLUSTER or CLUSTER/DATABASE (default: the database of the last run; with --live `optimizer.database` of the policy, else that of its connection)',
    )
    .addOption(new Option('--by <what>', 'order: executed time, shared blocks, temporary blocks, WAL, calls').choices(queryOrders).default('time'))
    .addOption(new Option('--limit <number>', 'statements shown').argParser(count).default(20))
    .option('--statement <id>', 'this one only, with its whole text; its id as a run or `--json` names it')
    .option('--live', 'look at pg_stat_statements instead of the last run')
    .option('--since-last-run', "with --live: count only what ran since this cluster's last run")
    .action(
      run<[string], QueriesOptions>(async ({ handlers, options }, [target], { by, limit, live = false, sinceLastRun = false, statement }) => {
        const wanted = statement === undefined ? limit : Number.MAX_SAFE_INTEGER;
        const report = await handlers.queries({ target, by, limit: wanted, live: live || sinceLastRun, sinceLastRun }, options);
        const lines = statement === undefined ? report.lines : [theOne(report, statement)];
        const shown: QueriesReport = { ...report, lines };
        return { exit: 0, data: { ...shown }, text: (paint) => `${queriesText(shown, paint)}${statement === undefined ? '' : wholeText(lines, paint)}` };
      }),
    );
}

export function queriesText(report: QueriesReport, paint: Paint): string {
  const { cluster, database, run, at, by, lines, statements, notices } = report;
  const head = facts(
    [
      ['database', `${plain(cluster)}/${plain(database)}`],
      ['looked at', when(at, paint)],
      ...(run === null ? [] : [['run', run] as [string, string]]),
      ['shown', `${lines.length} of ${statements} statement(s), by ${by}`],
    ],
    paint,
  );
  const said = notices.map((each) => `  ${paint.doubt('!')} ${plain(each)}\n`).join('');
  if (lines.length === 0) return `${head}\n${said}no statement was seen\n`;
  const room = Math.max(30, paint.columns - 88);
  const rows = lines.map((line) => [
    `${(line.share * 100).toFixed(1)} %`,
    String(line.calls),
    line.meanMs < 10 ? `${line.meanMs.toFixed(2)} ms` : duration(line.meanMs),
    bytes(line.blocks * BLOCK),
    bytes(line.tempBlocks * BLOCK),
    bytes(line.walBytes),
    verdictOf(line, paint),
    shortened(line.text ?? `statement ${line.statement}, whose text is not kept`, room),
  ]);
  const legend = 'VERDICT: time left under the best set of indexes that was measured, and where the values came from.';
  return `${head}\n${said}\n${table(['SHARE', 'CALLS', 'MEAN', 'READ', 'TEMP', 'WAL', 'VERDICT', 'TEXT'], rows, paint)}\n\n${paint.dim(legend)}\n`;
}

const BLOCK = 8192;

function verdictOf({ verdict, reason }: QueryLine, paint: Paint): string {
  if (verdict === null) return paint.dim(shortened(reason ?? '', 40));
  const left = `${verdict.judged}: ${percent(verdict.ratio)} % (${verdict.bindingSource})`;
  return verdict.judged === 'faster' ? paint.good(left) : verdict.judged === 'slower' ? paint.bad(left) : left;
}

/** Throws usage where the report has no such statement. */
function theOne({ cluster, lines }: QueriesReport, id: string): QueryLine {
  const line = lines.find(({ statement }) => statement === id);
  if (line !== undefined) return line;
  throw new AssayError('usage', { reason: `no statement ${id} is known of ${cluster}`, hint: `list them with \`assay optimizer queries ${cluster} --json\`` });
}

function wholeText(lines: readonly QueryLine[], paint: Paint): string {
  const said = lines.flatMap(({ text, verdict, reason }) => [text ?? '', ...(verdict === null && reason !== null ? [`no verdict: ${reason}`] : [])]);
  return `\n${said.map((each) => each.split('\n').map(plain).join('\n')).join(`\n${paint.dim('·')} `)}\n`;
}

function shortened(text: string, room: number): string {
  const line = plain(text).replaceAll(/\s+/g, ' ').trim();
  return line.length <= room ? line : `${line.slice(0, room - 1)}…`;
}

function count(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('a number from 1 on is needed.');
  return number;
}

/** `assay optimizer hygiene`, and what a run says of the indexes that are there. */
import type { Command } from 'commander';
import type { HygieneFinding } from '../../domain/optimizer/hygiene.ts';
import type { HygieneSummary } from '../../domain/optimizer/hygiene-report.ts';
import type { RewritesSummary, StatisticsSummary } from '../../domain/optimizer/requests.ts';
import { bytes, when } from './figures.ts';
import type { StoredHygieneReport } from './handlers.ts';
import { type Paint, plain } from './paint.ts';
import type { Runner } from './runner.ts';
import { facts, table } from './table.ts';

export function addHygiene(optimizer: Command, run: Runner): void {
  optimizer
    .command('hygiene')
    .summary('indexes that are there and bring nothing: unused, double, invalid, bloated')
    .description(
      'Of the last run: each index that should go or be built anew, why, and what keeps it where something does, a refusal too. What is proposed is a recommendation once it was measured on a restored copy. Reads the control database.',
    )
    .argument('<cluster>', 'CLUSTER or CLUSTER/DATABASE (default: the database of the last run)')
    .action(
      run<[string], object>(async ({ handlers, options }, [target]) => {
        const found = await handlers.hygiene({ target }, options);
        return { exit: 0, data: { ...found }, text: (paint) => hygieneText(found, paint) };
      }),
    );
}

export function hygieneText({ cluster, database, run, report }: StoredHygieneReport, paint: Paint): string {
  const { at, tables, indexes, indexBytes, findings, found, notices } = report;
  const head = facts(
    [
      ['database', `${plain(cluster)}/${plain(database)}`],
      ['looked at', when(at, paint)],
      ['run', run],
      ['indexes', `${indexes} on ${tables} table(s), ${bytes(indexBytes)}`],
      ['found', counts(found)],
    ],
    paint,
  );
  const said = notices.map((each) => `  ${paint.doubt('!')} ${plain(each)}\n`).join('');
  if (findings.length === 0) return `${head}\n${said}every index earns its place, as far as the counters tell\n`;
  const rows = findings.map((finding) => [
    doing(finding, paint),
    plain(`${finding.table.schema}.${finding.table.relation}`),
    plain(finding.index.name),
    bytes(finding.change === null ? finding.index.sizeBytes : Math.round(finding.freesBytes)),
    plain(finding.kept === null ? finding.because : `${finding.because}; ${finding.kept}`),
  ]);
  return `${head}\n${said}\n${table(['DO', 'TABLE', 'INDEX', 'SIZE', 'BECAUSE'], rows, paint)}\n`;
}

/** Lines beside a run's own; none where an earlier version made the result. */
export function hygieneLines(hygiene: HygieneSummary | undefined, cluster: string, paint: Paint): string {
  if (hygiene === undefined) return '';
  const { indexes, tables, found, notices, recommendation, because } = hygiene;
  const said = [...notices, ...because].map((each) => `  · ${plain(each)}\n`).join('');
  const head = `\n${paint.strong('Indexes that are there:')} ${indexes} on ${tables} table(s), ${counts(found)}\n${said}`;
  if (recommendation !== null) return `${head}${recommended(recommendation, paint)}`;
  return Object.keys(found).length === 0 ? head : `${head}  see them with: assay optimizer hygiene ${plain(cluster)}\n`;
}

/** Likewise of statistics on columns that go together; nothing where no count was wrong. */
export function statisticsLines(statistics: StatisticsSummary | undefined, paint: Paint): string {
  if (statistics === undefined || statistics.ideas === 0) return '';
  const { ideas, recommendation, because } = statistics;
  const head = `\n${paint.strong('Columns that go together:')} ${ideas} wrong count(s) pointed to them\n${because.map((each) => `  · ${plain(each)}\n`).join('')}`;
  return recommendation === null ? head : `${head}${recommended(recommendation, paint)}`;
}

/** Likewise of other texts of statements; nothing where none was tried. */
export function rewritesLines(rewrites: RewritesSummary | undefined, paint: Paint): string {
  if (rewrites === undefined || rewrites.tried === 0) return '';
  const { tried, recommendations, because } = rewrites;
  const head = `\n${paint.strong('Other texts of statements:')} tried for ${tried}\n${because.map((each) => `  · ${plain(each)}\n`).join('')}`;
  return `${head}${recommendations.map((id) => recommended(id, paint)).join('')}`;
}

const recommended = (id: string, paint: Paint): string => `${paint.good('Recommendation')} ${id}\n  see it with: assay optimizer show ${id}\n`;

const counts = (found: HygieneSummary['found']): string =>
  Object.entries(found)
    // whether it is long enough to call it unused, its own line says
    .map(([kind, count]) => `${count} ${kind === 'unused' ? 'not read so far' : kind}`)
    .join(', ') || 'nothing found';

function doing({ change, refused }: HygieneFinding, paint: Paint): string {
  if (refused) return paint.dim('refused');
  if (change === null) return paint.dim('keep');
  return change === 'drop-index' ? paint.doubt('drop') : paint.doubt('rebuild');
}

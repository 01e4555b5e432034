/** `assay optimizer run|explain|recommendations|show`; decisions on them are in optimizer-decisions.ts. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AssayError, reasonOf } from '../../domain/errors.ts';
import type { RecommendationRecord } from '../../domain/optimizer/decision.ts';
import { limitsOf } from '../../domain/optimizer/limits.ts';
import type { OptimizerLimits } from '../../domain/optimizer/model.ts';
import { type Recommendation, recommendationSql, undoSql } from '../../domain/optimizer/recommendation.ts';
import { type OptimizerRunInput, type OptimizerRunResult, recommendedBy } from '../../domain/optimizer/requests.ts';
import { endings } from './backup-requests.ts';
import { makeRequest, type RequestOptions } from './make-request.ts';
import { addAccuracy } from './optimizer-accuracy.ts';
import { alternativesText } from './optimizer-alternatives.ts';
import { addDecisions, decisionText } from './optimizer-decisions.ts';
import { addExplain, writtenPages } from './optimizer-explain.ts';
import { addHygiene } from './optimizer-hygiene.ts';
import { addQueries } from './optimizer-queries.ts';
import { asRequest } from './options.ts';
import type { Outcome } from './outcome.ts';
import type { Runner } from './runner.ts';
import type { Session } from './session.ts';
import { recommendationsText, recommendationText } from './show-optimizer.ts';

interface RunOptions extends RequestOptions {
  readonly workload?: readonly string[];
  readonly out?: string;
  readonly budget?: number;
  readonly repeats?: number;
  readonly maxStatements?: number;
  readonly protect?: readonly string[];
  readonly window?: number;
  readonly sinceLastRun?: boolean;
}

export function addOptimizerCommands(optimizer: Command, run: Runner): void {
  addRun(optimizer, run);
  addExplain(optimizer, run);
  addAccuracy(optimizer, run);
  addQueries(optimizer, run);
  addHygiene(optimizer, run);
  optimizer
    .command('recommendations')
    .summary('what was recommended, newest first')
    .description('Reads the control database.')
    .argument('[cluster]', 'name of the cluster (default: all)')
    .action(
      run<[string | undefined], object>(async ({ handlers, options }, [cluster]) => {
        const recommendations = await handlers.recommendations(cluster === undefined ? {} : { cluster }, options);
        return { exit: 0, data: { recommendations }, text: (paint) => recommendationsText(recommendations, paint) };
      }),
    );
  optimizer
    .command('show')
    .summary('one recommendation with its evidence, and its SQL')
    .description('Shows what is proposed, what was measured for each statement, and with --out writes the SQL files. Reads the control database.')
    .argument('<id>', 'recommendation, or the beginning of its id')
    .option('--out <directory>', 'write the change and its undo there, as SQL files')
    .option('--html <file>', 'write it as a page for whoever approves it')
    .action(
      run<[string], { out?: string; html?: string }>(async ({ handlers, options }, [id], { out, html }) => {
        const record = await handlers.recommendation({ id }, options);
        const { recommendation } = record;
        const pages = html === undefined ? [] : await writtenPages(html, [await handlers.recommendationPage(record, options)]);
        return shown(record, [...(out === undefined ? [] : await written(recommendation, out)), ...pages]);
      }),
    );
  addDecisions(optimizer, run);
}

function addRun(optimizer: Command, run: Runner): void {
  asRequest(optimizer.command('run').summary('find indexes for a database, and measure them on a restored copy'))
    .argument('<cluster>', 'CLUSTER or CLUSTER/DATABASE (default: `optimizer.database` of the policy, else that of its connection)')
    .description(
      'Looks at what runs, searches indexes for it, builds the best sets on a restored copy of the newest proven backup, measures them, and recommends what was proven to help; other texts of statements and settings for single ones likewise. Changes nothing.',
    )
    .option(
      '--workload <path>',
      "file or folder of .sql and server logs (.log, .csv, .json, also .1 and .gz) on the cluster's host, instead of pg_stat_statements; may be repeated",
      collected,
    )
    .addOption(new Option('--window <time>', 'count only what runs in this time from now on: 10m, 1h').argParser(time).conflicts(['workload', 'sinceLastRun']))
    .addOption(new Option('--since-last-run', "count only what ran since this cluster's last run").conflicts('workload'))
    .option('--out <directory>', 'write all that is recommended there, each with its undo, as SQL files')
    .addOption(new Option('--budget <size>', 'room for all new indexes together: 500MB, 2GB (default: 1GB)').argParser(size))
    .addOption(new Option('--repeats <number>', 'executions of each statement with and without a set (default: 5)').argParser(Number))
    .addOption(new Option('--max-statements <number>', 'statements looked at, those that take most (default: 100)').argParser(Number))
    .option('--protect <table>', 'schema.table that gets no index; may be repeated', collected)
    .action(
      run<[string], RunOptions>(async (session, [target], options) => {
        const input = inputOf(target, options);
        const outcome = await makeRequest(session, { verb: 'optimize', input, options, ended: endings.optimize(input.cluster) });
        return withFiles(session, outcome, options.out);
      }),
    );
}

function inputOf(target: string, { workload, budget, repeats, maxStatements, protect, window, sinceLastRun }: RunOptions): OptimizerRunInput {
  const slash = target.indexOf('/');
  const limits: Partial<OptimizerLimits> = {
    ...(budget === undefined ? {} : { budgetBytes: budget }),
    ...(repeats === undefined ? {} : { repeats }),
    ...(maxStatements === undefined ? {} : { maxStatements }),
    ...(protect === undefined ? {} : { protectedTables: protect }),
  };
  // said here, before anything is asked of the fleet
  limitsOf(limits);
  return {
    cluster: slash === -1 ? target : target.slice(0, slash),
    ...(slash === -1 ? {} : { database: target.slice(slash + 1) }),
    ...(window === undefined ? {} : { windowMs: window }),
    ...(sinceLastRun ? { since: 'last-run' as const } : {}),
    ...(workload === undefined ? {} : { workload: workload.map((path) => resolve(path)) }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
}

/** The SQL lies in the control database: it is written where that is within reach. A request that nobody waits for has made nothing yet. */
export async function withFiles(session: Pick<Session, 'handlers' | 'options'>, outcome: Outcome, out: string | undefined): Promise<Outcome> {
  if (out === undefined || !('workload' in outcome.data)) return outcome;
  const files: string[] = [];
  for (const id of recommendedBy(outcome.data as unknown as OptimizerRunResult)) {
    const { recommendation } = await session.handlers.recommendation({ id }, session.options);
    files.push(...(await written(recommendation, out)));
  }
  return { ...outcome, data: { ...outcome.data, files }, text: (paint) => `${outcome.text(paint)}${named(files)}` };
}

function shown(record: RecommendationRecord, files: readonly string[]): Outcome {
  const { recommendation } = record;
  const sql = recommendationSql(recommendation);
  return {
    exit: 0,
    data: { ...record, sql, undo: undoSql(recommendation), files },
    text: (paint) =>
      `${recommendationText(recommendation, paint)}\n${alternativesText(record.alternatives ?? [], recommendation.texts, paint)}${decisionText(record, paint)}${named(files)}`,
  };
}

/** Throws usage where the folder cannot be written. */
async function written(recommendation: Recommendation, out: string): Promise<readonly string[]> {
  const folder = resolve(out);
  const files = [
    { path: join(folder, `assay-${recommendation.id}.sql`), text: recommendationSql(recommendation) },
    { path: join(folder, `assay-${recommendation.id}.undo.sql`), text: undoSql(recommendation) },
  ];
  try {
    await mkdir(folder, { recursive: true });
    for (const { path, text } of files) await writeFile(path, text);
  } catch (cause) {
    throw new AssayError('usage', { reason: `cannot write to ${folder}: ${reasonOf(cause)}`, hint: 'name a folder that you may write to' }, { cause });
  }
  return files.map(({ path }) => path);
}

const named = (files: readonly string[]): string => files.map((path) => `wrote ${path}\n`).join('');

const collected = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

const UNITS: Readonly<Record<string, number>> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

function size(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([KMGT]?B)$/i.exec(text) ?? [];
  const factor = UNITS[unit?.toUpperCase() ?? ''];
  if (number === undefined || factor === undefined) throw new InvalidArgumentError('a size is needed, such as 500MB or 2GB.');
  return Math.round(Number(number) * factor);
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

function time(text: string): number {
  const [, number, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const factor = SECONDS[unit ?? ''];
  if (number === undefined || factor === undefined) throw new InvalidArgumentError('a time is needed, such as 30s, 10m or 1h.');
  return Number(number) * factor * 1_000;
}

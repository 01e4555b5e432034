/** `assay optimizer explain`: a statement's plan as a tree, with what is wrong in its place. */
import { readFile, writeFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { text as wholeOf } from 'node:stream/consumers';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AssayError, reasonOf } from '../../domain/errors.ts';
import type { ExplainReport } from '../../domain/optimizer/explain-report.ts';
import { planText } from './optimizer-plan-view.ts';
import type { Outcome } from './outcome.ts';
import { type Paint, plain } from './paint.ts';
import type { Runner } from './runner.ts';

interface ExplainOptions {
  readonly connection?: string;
  readonly analyze?: boolean;
  readonly html?: string;
  readonly timeout?: number;
}

const TIMEOUT_SECONDS = 60;

export function addExplain(optimizer: Command, run: Runner): void {
  optimizer
    .command('explain')
    .summary('the plan of a statement as a tree, and what is wrong with it')
    .description(
      'Plans each statement of a file and shows its tree: what each node takes by itself, and findings in their place. Reads a plan as well (EXPLAIN with FORMAT JSON); then no server is needed.',
    )
    .argument('<file>', 'SQL, or the JSON of EXPLAIN; - for stdin')
    .argument(
      '[cluster]',
      'CLUSTER or CLUSTER/DATABASE to plan on (default: `optimizer.database` of the policy, else that of its connection); nothing is executed there',
    )
    .option('--connection <url>', 'another server, such as a restored copy: postgresql://USER@HOST:PORT/DATABASE')
    .option('--analyze', 'execute and measure, in transactions that are rolled back; only with --connection')
    .option('--html <file>', 'write the plan as a page, too; further statements as FILE-2.html, FILE-3.html')
    .addOption(new Option('--timeout <seconds>', `for one statement (default: ${TIMEOUT_SECONDS})`).argParser(seconds))
    .action(
      run<[string, string | undefined], ExplainOptions>(
        async ({ handlers, options: global }, [file, target], { connection, analyze = false, html, timeout }) => {
          const request = { text: await textOf(file), analyze, html: html !== undefined, timeoutMs: (timeout ?? TIMEOUT_SECONDS) * 1_000 };
          const { pages, ...report } = await handlers.explain(
            { ...request, ...(target === undefined ? {} : { target }), ...(connection === undefined ? {} : { connection }) },
            global,
          );
          return outcomeOf(report, html === undefined ? [] : await writtenPages(html, pages));
        },
      ),
    );
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number of seconds is needed.');
  return value;
}

async function textOf(file: string): Promise<string> {
  if (file === '-') return wholeOf(process.stdin);
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AssayError('usage', { reason: `cannot read ${file}: ${reasonOf(cause)}`, hint: 'name a file of SQL, or - for stdin' }, { cause });
  });
}

/** Further pages as FILE-2, FILE-3. Throws usage where one cannot be written. */
export async function writtenPages(html: string, pages: readonly string[]): Promise<readonly string[]> {
  const ending = extname(html) || '.html';
  const stem = resolve(html).slice(0, extname(html) === '' ? undefined : -ending.length);
  const files = pages.map((page, at) => ({ page, path: `${stem}${at === 0 ? '' : `-${at + 1}`}${ending}` }));
  try {
    for (const { path, page } of files) await writeFile(path, page);
  } catch (cause) {
    throw new AssayError('usage', { reason: `cannot write ${html}: ${reasonOf(cause)}`, hint: 'name a file in a folder that you may write to' }, { cause });
  }
  return files.map(({ path }) => path);
}

/** Where not one statement could be explained, the command failed. */
function outcomeOf(report: ExplainReport, files: readonly string[]): Outcome {
  const failed = report.statements.length === 0;
  return { exit: failed ? 1 : 0, data: { ...report, files }, text: (paint) => reportText(report, files, paint) };
}

function reportText({ statements, notExplained }: ExplainReport, files: readonly string[], paint: Paint): string {
  const trees = statements.map(({ title, text, source, plan, findings }) => {
    const head = `${title}${source === 'captured' ? '' : ` (${source} values)`}`;
    return `${paint.strong(plain(head))}  ${paint.dim(shortened(plain(text), paint.columns - head.length - 2))}`
      .trimEnd()
      .concat('\n', planText(plan, findings, paint));
  });
  const left = notExplained.map(
    ({ statement, reason, detail }) => `${paint.doubt('no plan:')} ${plain(statement)}: ${plain(reason)}${detail === '' ? '' : `, ${plain(detail)}`}\n`,
  );
  return [trees.join('\n'), left.join(''), files.map((path) => `wrote ${path}\n`).join('')].filter((part) => part !== '').join('\n');
}

function shortened(text: string, length: number): string {
  const line = text.replaceAll(/\s+/g, ' ');
  const room = Math.max(20, length);
  return line.length <= room ? line : `${line.slice(0, room - 1)}…`;
}

/** What a run of vitest tells whoever started it: which files failed, and whether anything beside tests did. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Reporter } from 'vitest/node';

/** Environment variable with the folder of the report; nothing is told without. */
export const REPORT_FOLDER = 'ASSAY_TEST_REPORT';

export interface RunReport {
  /** Files in which something failed. */
  readonly failed: readonly string[];
  /** Something that no test was asked about: an error outside of all, processes or folders that were left behind. */
  readonly isMore: boolean;
}

const TESTS = 'tests.json';
const MORE = 'more';

/** Of vitest. */
export class RunReporter implements Reporter {
  onTestRunEnd(...[modules, errors]: Parameters<NonNullable<Reporter['onTestRunEnd']>>): void {
    if (errors.length > 0) tellMore();
    const failed = modules.filter((module) => module.state() === 'failed').map(({ moduleId }) => relative(process.cwd(), moduleId));
    tell(TESTS, JSON.stringify(failed));
  }
}

/** More than tests went wrong. */
export const tellMore = (): void => tell(MORE, '');

/** null: the run did not come to its end. */
export function readReport(folder: string): RunReport | null {
  const file = join(folder, TESTS);
  return existsSync(file) ? { failed: JSON.parse(readFileSync(file, 'utf8')) as readonly string[], isMore: existsSync(join(folder, MORE)) } : null;
}

function tell(name: string, text: string): void {
  const folder = process.env[REPORT_FOLDER];
  if (folder) writeFileSync(join(folder, name), text);
}

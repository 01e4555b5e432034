/**
 * `node test/support/run.ts [what vitest takes]`: vitest; where CI is set, the few files that failed run once more, from their beginning. A test that is
 * tried again within its file (`retry`) meets what its first try left; a file makes its servers anew. Both tries stay in the output, and what fails
 * twice fails; so does a run in which more went wrong than tests: an error of no test, something left behind.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REPORT_FOLDER, type RunReport, readReport } from './run-report.ts';

/** More at once is no accident of a busy machine. */
const MOST = 3;

process.exitCode = suite(process.argv.slice(2));

function suite(asked: readonly string[]): number {
  const first = vitest(asked);
  const { failed, isMore } = first.report ?? { failed: [], isMore: true };
  if (first.code !== 1 || !process.env.CI || isMore || failed.length === 0 || failed.length > MOST || asked.some((word) => word.startsWith('--bail'))) {
    return first.code;
  }
  process.stdout.write(`\n== once more, from the beginning: ${failed.join(', ')}\n`);
  const config = asked.flatMap((word, place) => (word === '--config' ? [word, asked[place + 1] ?? ''] : []));
  return vitest([...config, ...failed]).code;
}

/** `report`: null where vitest did not come to its end. */
function vitest(asked: readonly string[]): { readonly code: number; readonly report: RunReport | null } {
  const folder = mkdtempSync(join(tmpdir(), 'vitest-report-'));
  try {
    const env = { ...process.env, [REPORT_FOLDER]: folder };
    const { status, error } = spawnSync('vitest', ['run', ...asked], { stdio: 'inherit', env });
    if (error !== undefined) throw error;
    // ended by a signal: no exit code of its own
    return { code: status ?? 2, report: readReport(folder) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

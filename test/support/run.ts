/**
 * `node test/support/run.ts [what vitest takes]`: vitest; where CI is set, the few files that failed run once more, from their beginning. A test that is
 * tried again within its file (`retry`) meets what its first try left; a file makes its servers anew. Both tries stay in the output, and what fails
 * twice fails.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/** More at once is no accident of a busy machine. */
const MOST = 3;

interface Report {
  readonly testResults: readonly { readonly name: string; readonly status: 'passed' | 'failed' }[];
}

const folder = mkdtempSync(join(tmpdir(), 'vitest-report-'));
process.exitCode = suite(process.argv.slice(2));
rmSync(folder, { recursive: true, force: true });

function suite(asked: readonly string[]): number {
  const first = vitest(asked);
  if (first.code === 0 || !process.env.CI || first.failed.length === 0 || first.failed.length > MOST) return first.code;
  process.stdout.write(`\n== once more, from the beginning: ${first.failed.join(', ')}\n`);
  const config = asked.flatMap((word, place) => (word === '--config' ? [word, asked[place + 1] ?? ''] : []));
  return vitest([...config, ...first.failed]).code;
}

/** `failed`: its files in which something failed; none where vitest itself did. */
function vitest(asked: readonly string[]): { readonly code: number; readonly failed: readonly string[] } {
  const report = join(folder, 'report.json');
  const { status } = spawnSync('vitest', ['run', ...asked, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`], { stdio: 'inherit' });
  return { code: status ?? 1, failed: failedIn(report) };
}

function failedIn(report: string): readonly string[] {
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
    return testResults.filter(({ status }) => status === 'failed').map(({ name }) => relative(process.cwd(), name));
  } catch {
    return [];
  }
}

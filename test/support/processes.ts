/** Which processes a test run started, by a mark in the environment that every child inherits. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Environment variable that marks everything one run started. */
export const RUN_MARKER = 'ASSAY_TEST_RUN';

export interface RunningProcess {
  readonly pid: number;
  readonly command: string;
}

/** Living processes that carry this mark; the vitest processes themselves are not among them. */
export function processesMarked(mark: string): readonly RunningProcess[] {
  const listed = existsSync('/proc/self/environ') ? fromProc(mark) : fromPs(mark);
  return listed.filter(({ pid, command }) => pid !== process.pid && !/\bvitest\b|esbuild.*--service/.test(command));
}

function fromProc(mark: string): RunningProcess[] {
  const found: RunningProcess[] = [];
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (!readFileSync(`/proc/${name}/environ`, 'utf8').split('\0').includes(`${RUN_MARKER}=${mark}`)) continue;
      found.push({ pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() });
    } catch {
      // ended meanwhile, or another user's: not one of ours
    }
  }
  return found;
}

function fromPs(mark: string): RunningProcess[] {
  const lines = execFileSync('ps', ['-axEww', '-o', 'pid=,command='], { encoding: 'utf8' }).split('\n');
  return lines
    .filter((line) => line.includes(`${RUN_MARKER}=${mark}`))
    .map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim().replace(/^\d+\s+/, '') }));
}

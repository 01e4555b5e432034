/** Whether a process still runs: the one place that asks. */
import { readFileSync } from 'node:fs';

/**
 * False also for one that has ended and that nobody has asked after: in a container without init it keeps its number for ever.
 * Another process may have been given the number meanwhile: who must know looks at more than this.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // there, and another user's; but a zombie answers like that too
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return !'ZX'.includes(stateOf(pid));
}

/** Letter of the process's state (proc(5)); `?` where there is no /proc, or it is closed to us. */
function stateOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the program's name comes before it, in brackets, and may hold brackets and blanks itself
    return stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '?';
  } catch {
    return '?';
  }
}

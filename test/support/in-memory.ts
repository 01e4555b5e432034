/**
 * Global set-up before no-leaks: the run's servers lie in memory, where there is room for them. They are made, stopped and restored hundreds
 * of times, and each time a disk would have to sync what is thrown away a moment later: that was half of a run's time. No test takes the
 * power away, which alone could tell the difference; the fault matrix runs on the disk. A TMPDIR other than /tmp is obeyed; in CI it is the
 * disk too, as nothing is known of how much memory its machine really grants.
 */
import { readFileSync, statfsSync, statSync } from 'node:fs';

const MEMORY = '/dev/shm';

/** Three times of what was seen of the backup tests; and as much again must be there for the processes. */
const LEAST_BYTES = 3 * 1024 ** 3;

export function setup(): (() => void) | undefined {
  const before = process.env.TMPDIR;
  if (process.env.CI || !['/tmp', '/tmp/', undefined].includes(before) || !hasRoom()) return undefined;
  process.env.TMPDIR = MEMORY;
  return () => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  };
}

/** A file system in memory that is everyone's and lets programs start (containers often forbid it, and allow 64 MB), and memory to fill it. Linux only. */
function hasRoom(): boolean {
  try {
    const mount = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .findLast((line) => line.split(' ')[1] === MEMORY);
    const [, , type, options = ''] = mount?.split(' ') ?? [];
    if (type !== 'tmpfs' || /\bnoexec\b|\bro\b/.test(options) || (statSync(MEMORY).mode & 0o777) !== 0o777) return false;
    const { bavail, bsize } = statfsSync(MEMORY);
    const available = Number(/^MemAvailable: +(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) * 1024;
    return Math.min(bavail * bsize, available / 2) >= LEAST_BYTES;
  } catch {
    return false;
  }
}

/** CPU and memory of processes, as Linux counts them. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';

let ticksPerSecond: number | undefined;

/** CPU of a process: its own, and of children it has waited for. Milliseconds; resolution 10 ms. */
export function cpuOf(pid: number): { readonly ownMs: number; readonly childrenMs: number } {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  // the name, in brackets, may hold spaces
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
    .map(Number);
  const ms = (first: number, second: number) => (((fields[first] ?? 0) + (fields[second] ?? 0)) * 1000) / (ticksPerSecond as number);
  return { ownMs: ms(11, 12), childrenMs: ms(13, 14) };
}

export const residentBytes = (pid: number): number => statusOf(pid, 'VmRSS');

/** Highest resident memory since `forgetPeak`, or since the process began. */
export const peakBytes = (pid: number): number => statusOf(pid, 'VmHWM');

/** proc(5), clear_refs. */
export const forgetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5');

/** Memory of every process that works inside this folder, shared pages counted once over all of them. */
export function memoryInside(directory: string): number {
  let bytes = 0;
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (!readlinkSync(`/proc/${name}/cwd`).startsWith(directory)) continue;
      bytes += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024;
    } catch {
      // ended meanwhile
    }
  }
  return bytes;
}

const statusOf = (pid: number, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;

/** One table for people, one JSON for machines: every figure with its goal and whether it was reached. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import Table from 'cli-table3';
import type { Figure, Judged } from './benchmark.ts';
import type { Options } from './options.ts';

export interface Measured {
  readonly benchmark: string;
  readonly figures: readonly Figure[];
  readonly tookMs: number;
  /** One-minute load of the machine before and after; our own share of it included. */
  readonly load: readonly [number, number];
  /** Share of the time in which something waited for a core, ours included; null where the kernel does not tell. */
  readonly pressure: number | null;
  /** Why there are no figures. */
  readonly failed?: string;
}

export const loadNow = (): number => Number((loadavg()[0] ?? 0).toFixed(2));

export function conditions() {
  return { cores: cpus().length, cpu: cpus()[0]?.model ?? 'unknown', memoryBytes: totalmem(), kernel: release(), node: process.version };
}

export function table(results: readonly Measured[], options: Options): string {
  const grid = new Table({
    head: ['', 'figure', 'measured', 'goal', 'reached', 'remark'],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [13, 34, 26, 16, 14, 62],
  });
  for (const { benchmark, figures, failed } of results) {
    if (failed !== undefined) grid.push([benchmark, 'could not be measured', '', '', 'no', failed]);
    for (const { name, measured, goal, judged, remark } of figures) grid.push([benchmark, name, measured, goal ?? 'none', word(judged), remark]);
  }
  const { cores, memoryBytes } = conditions();
  const waiting = (share: number | null) => (share === null ? '' : ` (something waited for a core ${Math.round(share * 100)} % of the time)`);
  const loads = results.map(({ benchmark, load, pressure }) => `${benchmark} ${load.join(' to ')}${waiting(pressure)}`).join(', ');
  return [
    grid.toString(),
    `${options.pairs} interleaved pairs, ${options.gigabytes} GB, ${cores} cores, ${Math.round(memoryBytes / 2 ** 30)} GB RAM; median [95 % bootstrap interval].`,
    `Load of the machine (one minute, ours included): ${loads}.`,
  ].join('\n');
}

function word(judged: Judged | null): string {
  if (judged === null) return 'not judged';
  return judged.certain ? judged.reached : `${judged.reached}, but the interval crosses the goal`;
}

export function writeJson(results: readonly Measured[], options: Options): void {
  mkdirSync(dirname(options.out), { recursive: true });
  const { pairs, gigabytes } = options;
  writeFileSync(options.out, `${JSON.stringify({ madeAt: new Date().toISOString(), pairs, gigabytes, conditions: conditions(), results }, null, 2)}\n`);
}

/** Every goal that counts here was reached, and nothing failed. */
export const allReached = (results: readonly Measured[]): boolean =>
  results.every(({ figures, failed }) => failed === undefined && figures.every(({ judged }) => judged?.reached !== 'no'));

/** Interleaved pairs: ours and the bare tool in turn, each first in every other pair, on a machine that others use too. */
import { run } from '../activities/process.ts';
import type { Bench } from './benchmark.ts';
import { calm } from './calm.ts';
import type { Pair } from './statistics.ts';

/** Milliseconds of one run; what surrounds it is not counted. */
export type Measure = () => Promise<number>;

export interface Contest {
  readonly ours: Measure;
  readonly bare: Measure;
}

/** One unmeasured round of each first: both then find the same things in the page cache. A single pair is a try-out and goes without. */
export async function interleaved(bench: Bench, what: string, contest: Contest): Promise<readonly Pair[]> {
  if (bench.options.pairs > 1) {
    await contest.ours();
    await contest.bare();
  }
  const pairs: Pair[] = [];
  for (let turn = 0; turn < bench.options.pairs; turn += 1) {
    const measured = { ours: 0, bare: 0 };
    for (const side of turn % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const)) {
      await settle(bench);
      measured[side] = await contest[side]();
    }
    pairs.push(measured);
    bench.tell(`${what} ${turn + 1}/${bench.options.pairs}: assay ${seconds(measured.ours)}, bare ${seconds(measured.bare)}`);
  }
  return pairs;
}

/** Nobody pays for the dirty pages that the run before left, nor, where asked, for what others do. */
export async function settle({ options }: Bench): Promise<void> {
  await run({ argv: ['sync'], deadlineMs: 300_000 });
  await calm(options.calmSeconds * 1000);
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

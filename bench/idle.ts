/** What a worker process costs while nothing is asked of it: its ticks (witnesses, gauges) and Temporal's polling go on. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import { GOAL_GIGABYTES } from './options.ts';
import { cpuOf, residentBytes } from './process-cost.ts';
import { judge } from './statistics.ts';

const CPU_SHARE = 0.02;
const MEMORY_BYTES = 300e6;
const WATCH_MS = 60_000;
const SETTLE_MS = 15_000;

export const idle: Benchmark = {
  name: 'idle',
  about: 'CPU and memory of a real worker process over a minute without work',
  async run(bench: Bench): Promise<readonly Figure[]> {
    const { fleet } = await bench.site();
    // a fresh one: what earlier benchmarks left in the old one's heap is theirs
    await fleet.worker?.kill('SIGTERM');
    const { pid } = await fleet.startWorker();
    const share = Math.min(1, bench.options.gigabytes / GOAL_GIGABYTES);
    const watchMs = Math.max(5_000, WATCH_MS * share);
    await pause(Math.max(2_000, SETTLE_MS * share));
    const [before, began] = [cpuOf(pid), performance.now()];
    const memory: number[] = [];
    while (performance.now() - began < watchMs) {
      await pause(500);
      memory.push(residentBytes(pid));
    }
    const [after, tookMs] = [cpuOf(pid), performance.now() - began];
    const own = (after.ownMs - before.ownMs) / tookMs;
    const children = (after.childrenMs - before.childrenMs) / tookMs;
    const highest = Math.max(...memory);
    const exactly = (value: number) => ({ median: value, low: value, high: value });
    const percent = (value: number) => `${(value * 100).toFixed(2)} %`;
    return [
      {
        name: 'CPU of an idle worker process, of one core',
        measured: percent(own),
        goal: `<= ${percent(CPU_SHARE)}`,
        judged: judge(exactly(own), { atMost: CPU_SHARE }),
        remark: `over ${Math.round(tookMs / 1000)} s, witnesses and archive gauge going on; the engine's own processes that the gauge starts: ${percent(children)}`,
        samples: { own, children, tookMs },
      },
      {
        name: 'memory of an idle worker process (RSS, highest)',
        measured: `${Math.round(highest / 1e6)} MB`,
        goal: '<= 300 MB',
        judged: judge(exactly(highest), { atMost: MEMORY_BYTES }),
        remark: 'two workers, their workflow bundle, Temporal core',
        samples: { rssBytes: memory },
      },
    ];
  },
};

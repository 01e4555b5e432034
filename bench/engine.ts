/** What Assay adds to the engine's own backup, and around it. */
import { bareBackup, expireAllBut } from './bare.ts';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import { interleaved, timed } from './pairs.ts';
import { difference, intervalOf, judge, median, ratioOf, showRatio } from './statistics.ts';

const RATIO = 1.05;
const FIXED_MS = 3_000;

export const engine: Benchmark = {
  name: 'engine',
  about: 'engine phase of a backup against bare pgbackrest backup, and the fixed cost around it',
  async run(bench: Bench): Promise<readonly Figure[]> {
    const { fleet, backup } = await bench.site();
    const aroundMs: number[] = [];
    const ours = async () => {
      let engineMs = 0;
      const wholeMs = await timed(async () => {
        engineMs = (await backup({ prove: 'none' })).engineMs;
      });
      aroundMs.push(wholeMs - engineMs);
      await expireAllBut(fleet.cluster, 1);
      return engineMs;
    };
    const bare = async () => {
      const tookMs = await timed(() => bareBackup(fleet.cluster));
      await expireAllBut(fleet.cluster, 1);
      return tookMs;
    };
    const pairs = await interleaved(bench, 'engine', { ours, bare });
    const ratio = ratioOf(pairs);
    const fixed = intervalOf(aroundMs.slice(-bench.options.pairs), median);
    return [
      {
        name: 'engine phase of `backup run` / bare `pgbackrest backup`',
        measured: showRatio(ratio),
        goal: `<= ${RATIO}`,
        judged: judge(ratio, { atMost: RATIO }),
        remark: `${difference(ratio)}; bare ${(median(pairs.map((pair) => pair.bare)) / 1000).toFixed(2)} s`,
        samples: { oursMs: pairs.map((pair) => pair.ours), bareMs: pairs.map((pair) => pair.bare) },
      },
      {
        name: 'fixed cost around the engine (whole workflow, no proof)',
        measured: `${(fixed.median / 1000).toFixed(2)} s [${(fixed.low / 1000).toFixed(2)}, ${(fixed.high / 1000).toFixed(2)}]`,
        goal: '<= 3 s',
        judged: judge(fixed, { atMost: FIXED_MS }),
        remark: 'lock, preflight with its WAL switch, look-ups, wait for the archive, Temporal',
        samples: { aroundMs },
      },
    ];
  },
};

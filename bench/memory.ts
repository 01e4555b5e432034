/** Does the memory of a proof grow with tables or with bytes? Highest resident memory of a fresh worker, and of the clone's processes. */
import { randomUUID } from 'node:crypto';
import { createSourceObjects } from '../workers/commands/plan-source-objects.ts';
import { readSecret } from '../workers/config.ts';
import type { EmbeddedCluster } from '../workers/embedded/cluster.ts';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import { GOAL_GIGABYTES } from './options.ts';
import { seconds } from './pairs.ts';
import { forgetPeak, memoryInside, peakBytes, residentBytes } from './process-cost.ts';
import { filledShop, type Site } from './site.ts';
import { judge } from './statistics.ts';

const TABLES = 10_000;
const FEW = 10;
const LOOK_MS = 200;
const PER_STATEMENT = 200;
/** Growth that still counts as flat; the heap of Node moves by tens of megabytes on its own. */
const FLAT_BYTES = 64e6;

export const memory: Benchmark = {
  name: 'memory',
  about: 'memory of a proof with 10 and with 10,000 tables, with little and with much data',
  async run(bench: Bench): Promise<readonly Figure[]> {
    const site = await bench.site();
    const tables = Math.round(TABLES * Math.min(1, bench.options.gigabytes / GOAL_GIGABYTES));
    const few = await ofTables(bench, site, FEW);
    const many = await ofTables(bench, site, tables);
    const small = await ofShop(bench, site, bench.options.gigabytes / 30);
    const large = await peakOf(bench, site, site.fleet.cluster);
    return [
      flat(`${tables} tables / ${FEW} tables`, few, many),
      flat(`${bench.options.gigabytes} GB / ${(bench.options.gigabytes / 30).toFixed(2)} GB`, small, large),
    ];
  },
};

interface Peak {
  readonly idleBytes: number;
  readonly workerBytes: number;
  readonly cloneBytes: number;
}

const ofTables = (bench: Bench, site: Site, count: number): Promise<Peak> =>
  bench.cluster({ name: `t${count}` }, async (cluster) => {
    for (let from = 0; from < count; from += PER_STATEMENT) {
      const some = Array.from({ length: Math.min(PER_STATEMENT, count - from) }, (_, at) => from + at);
      await cluster.sql(some.map((n) => `create table t${n} (id int primary key, v text); insert into t${n} values (1, 'x')`).join(';'));
    }
    return peakOf(bench, site, cluster);
  });

const ofShop = (bench: Bench, site: Site, gigabytes: number): Promise<Peak> =>
  bench.cluster({ name: 'small' }, async (cluster) => {
    await filledShop(cluster, gigabytes);
    return peakOf(bench, site, cluster);
  });

/** Backup, markers and proof by a worker that has done nothing before. */
async function peakOf(bench: Bench, { fleet, backup }: Site, cluster: EmbeddedCluster): Promise<Peak> {
  const policy = { ...(cluster === fleet.cluster ? fleet.policy() : cluster.policy()) };
  await createSourceObjects(readSecret).apply(policy);
  await fleet.worker?.kill('SIGTERM');
  const { pid } = await fleet.startWorker();
  const idleBytes = residentBytes(pid);
  forgetPeak(pid);
  let cloneBytes = 0;
  const looking = setInterval(() => {
    cloneBytes = Math.max(cloneBytes, memoryInside(policy.clone.directory));
  }, LOOK_MS);
  const began = performance.now();
  try {
    const { proof } = await backup({ cluster: policy.cluster, policy, prove: 'content', requestKey: `memory-${randomUUID().slice(0, 8)}` });
    if (proof?.verdict !== 'proven') throw new TypeError(`the proof of ${policy.cluster} ended ${proof?.verdict}: ${proof?.because.join('; ')}`);
  } finally {
    clearInterval(looking);
  }
  const peak = { idleBytes, workerBytes: peakBytes(pid), cloneBytes };
  bench.tell(`memory of ${policy.cluster}: worker ${mb(idleBytes)} to ${mb(peak.workerBytes)}, clone ${mb(cloneBytes)}, ${seconds(performance.now() - began)}`);
  return peak;
}

function flat(what: string, small: Peak, large: Peak): Figure {
  const growth = large.workerBytes - small.workerBytes;
  return {
    name: `growth of a worker's highest memory: ${what}`,
    measured: `${growth < 0 ? '-' : '+'}${mb(Math.abs(growth))}`,
    goal: `flat: <= +${mb(FLAT_BYTES)}`,
    judged: judge({ median: growth, low: growth, high: growth }, { atMost: FLAT_BYTES }),
    remark: `worker ${mb(small.workerBytes)} to ${mb(large.workerBytes)} (idle ${mb(large.idleBytes)}); the clone's processes ${mb(small.cloneBytes)} to ${mb(large.cloneBytes)}`,
    samples: { smallBytes: small.workerBytes, largeBytes: large.workerBytes, smallCloneBytes: small.cloneBytes, largeCloneBytes: large.cloneBytes },
  };
}

const mb = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

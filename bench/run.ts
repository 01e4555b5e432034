/** `npm run bench`: every figure against the bare tools in one run. Ends with status 1 where a goal was missed. */
import { isAssayError, reasonOf } from '../domain/errors.ts';
import { createCluster, type EmbeddedCluster } from '../workers/embedded/cluster.ts';
import type { Bench, Benchmark } from './benchmark.ts';
import { benchmarks } from './benchmarks.ts';
import { pressureMeter } from './calm.ts';
import { type Options, readOptions, usage } from './options.ts';
import { seconds } from './pairs.ts';
import { allReached, loadNow, type Measured, table, writeJson } from './report.ts';
import { openSite, type Site } from './site.ts';

async function main(argv: readonly string[]): Promise<number> {
  const options = readOptions(
    argv,
    benchmarks.map(({ name }) => name),
  );
  if (options.help) {
    process.stdout.write(`${usage}\n${benchmarks.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n')}\n`);
    return 0;
  }
  const results = await measureAll(options);
  writeJson(results, options);
  process.stdout.write(`${table(results, options)}\nEvery sample: ${options.out}\n`);
  return allReached(results) ? 0 : 1;
}

async function measureAll(options: Options): Promise<readonly Measured[]> {
  const tell = (line: string) => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
  const { bench, stop } = prepare(options, tell);
  let isInterrupted = false;
  const interrupted = (signal: NodeJS.Signals) => {
    tell(`${signal}: taking everything away`);
    isInterrupted = true;
    void stop().finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  const results: Measured[] = [];
  try {
    const chosen = benchmarks.filter(({ name, isNamedOnly }) => (options.only.length === 0 ? isNamedOnly !== true : options.only.includes(name)));
    for (const benchmark of chosen) if (!isInterrupted) results.push(await measure(bench, benchmark));
    return results;
  } finally {
    await stop();
  }
}

/** `stop` takes away all that is there at that moment, in the middle of a benchmark too. */
function prepare(options: Options, tell: (line: string) => void): { readonly bench: Bench; stop(): Promise<void> } {
  let opening: Promise<Site> | undefined;
  const clusters = new Set<EmbeddedCluster>();
  const bench: Bench = {
    options,
    tell,
    site: () => {
      opening ??= openSite(options.gigabytes, tell);
      return opening;
    },
    cluster: async (how, use) => {
      const cluster = await createCluster(how);
      clusters.add(cluster);
      try {
        return await use(cluster);
      } finally {
        clusters.delete(cluster);
        await cluster.destroy();
      }
    },
  };
  return {
    bench,
    stop: async () => {
      await Promise.all([...clusters].map((cluster) => cluster.destroy()));
      await (await opening?.catch(() => undefined))?.stop();
    },
  };
}

/** One that cannot be measured is told in the table; the others still are. */
async function measure(bench: Bench, benchmark: Benchmark): Promise<Measured> {
  const before = loadNow();
  const began = performance.now();
  const pressure = pressureMeter();
  const end = (rest: Pick<Measured, 'figures' | 'failed'>): Measured => ({
    benchmark: benchmark.name,
    tookMs: Math.round(performance.now() - began),
    load: [before, loadNow()],
    pressure: pressure(),
    ...rest,
  });
  try {
    bench.tell(`${benchmark.name}: ${benchmark.about}`);
    const figures = await benchmark.run(bench);
    for (const { name, measured, judged } of figures) bench.tell(`  ${name}: ${measured}${judged === null ? '' : `, reached: ${judged.reached}`}`);
    return end({ figures });
  } catch (error) {
    bench.tell(`${benchmark.name} failed after ${seconds(performance.now() - began)}: ${error instanceof Error ? error.stack : String(error)}`);
    return end({ figures: [], failed: reasonOf(error) });
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bench: ${reasonOf(error)}\n${isAssayError(error) ? `hint: ${error.hint}\n` : ''}`);
  process.exitCode = isAssayError(error) ? error.exit : 1;
}

/** What one look at pg_stat_statements costs: CPU of the worker, which parses every text, and of the server, which gives them. */
import type pg from 'pg';
import { readSnapshot } from '../activities/optimizer/workload/read.ts';
import { withConnection } from '../activities/pg.ts';
import { workloadBetween } from '../domain/optimizer/workload.ts';
import type { EmbeddedCluster } from '../workers/embedded/cluster.ts';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import { GOAL_GIGABYTES } from './options.ts';
import { cpuOf } from './process-cost.ts';
import { intervalOf, median } from './statistics.ts';

/** Entries of pg_stat_statements: its default maximum, and twice that. */
const SIZES = [5_000, 10_000];
const PER_BATCH = 500;
const HOUR_MS = 3_600_000;

const SERVER = { archive_mode: 'off', fsync: 'off', shared_preload_libraries: 'pg_stat_statements', 'pg_stat_statements.max': '20000' };

export const collection: Benchmark = {
  name: 'collection',
  about: 'CPU of one look at pg_stat_statements with 5,000 and 10,000 entries, of the worker and of the server',
  run: (bench: Bench): Promise<readonly Figure[]> =>
    bench.cluster({ name: 'collected', stanzaCreate: false, settings: SERVER }, async (cluster) => {
      await cluster.sql('create extension pg_stat_statements');
      await cluster.sql('create table wide (id int primary key, a int, b int, c text, d timestamptz)');
      const figures: Figure[] = [];
      let there = 0;
      for (const size of SIZES) {
        const entries = Math.round(size * Math.min(1, bench.options.gigabytes / GOAL_GIGABYTES));
        await fill(cluster, there, entries);
        there = entries;
        bench.tell(`${entries} statements are counted`);
        figures.push(await figureOf(cluster, bench.options.pairs));
      }
      return figures;
    }),
};

/** Each of another form, of some 200 bytes, as an ORM writes them. */
async function fill(cluster: EmbeddedCluster, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += PER_BATCH) {
    const some = Array.from({ length: Math.min(PER_BATCH, to - at) }, (_, place) => statement(at + place));
    await cluster.sql(some.join(';'));
  }
}

function statement(number: number): string {
  const columns = Array.from({ length: 14 }, (_, place) => ((number >> place) & 1 ? `"wide"."a" + ${place}` : '"wide"."b"'));
  return `select ${columns.join(', ')} from wide where id = 1`;
}

interface Look {
  readonly workerMs: number;
  readonly serverMs: number;
  readonly wallMs: number;
  readonly entries: number;
}

async function figureOf(cluster: EmbeddedCluster, pairs: number): Promise<Figure> {
  const looks = await withConnection(
    cluster.policy().connection,
    () => '',
    { agent: 'optimizer' },
    async (client) => {
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      const pid = rows[0]?.pid as number;
      // the first one compiles the parser and reads the texts' file
      await lookOnce(client, pid);
      const found: Look[] = [];
      for (let number = 0; number < Math.max(5, pairs); number += 1) found.push(await lookOnce(client, pid));
      return found;
    },
  );
  const worker = intervalOf(
    looks.map(({ workerMs }) => workerMs),
    median,
  );
  const server = median(looks.map(({ serverMs }) => serverMs));
  const hourly = ((worker.median + server) / HOUR_MS) * 100;
  return {
    name: `CPU of a look at ${looks[0]?.entries} statements`,
    measured: `worker ${ms(worker.median)} [${ms(worker.low)}, ${ms(worker.high)}], server ${ms(server)}`,
    goal: null,
    judged: null,
    remark: `${hourly.toFixed(3)} % of one core with a look each hour; a look takes ${ms(median(looks.map(({ wallMs }) => wallMs)))}; runs make one or two, nothing is collected between them`,
    samples: {
      workerMs: looks.map(({ workerMs }) => workerMs),
      serverMs: looks.map(({ serverMs }) => serverMs),
      wallMs: looks.map(({ wallMs }) => wallMs),
    },
  };
}

async function lookOnce(client: pg.Client, pid: number): Promise<Look> {
  const [began, cpu, server] = [performance.now(), process.cpuUsage(), cpuOf(pid).ownMs];
  const snapshot = await readSnapshot(client);
  workloadBetween(snapshot, snapshot);
  const { user, system } = process.cpuUsage(cpu);
  return {
    workerMs: (user + system) / 1_000,
    serverMs: cpuOf(pid).ownMs - server,
    wallMs: performance.now() - began,
    entries: snapshot.statements.length,
  };
}

const ms = (value: number): string => `${Math.round(value)} ms`;

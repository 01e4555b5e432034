/** How long it takes to look at 1,000 tables with 5,000 indexes and 10,000 statements, and whether memory grows with them. */
import { run } from '../activities/process.ts';
import type { EmbeddedCluster } from '../workers/embedded/cluster.ts';
import { workerFlags } from '../workers/embedded/worker-process.ts';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import type { Look } from './hygiene-look.ts';
import { GOAL_GIGABYTES } from './options.ts';
import { seconds } from './pairs.ts';
import { intervalOf, judge, median } from './statistics.ts';

const TABLES = 1_000;
/** Of each table; with them 5,000 indexes and 10,000 statements. */
const STATEMENTS = 10;
const GOAL_MS = 60_000;
/** Growth that still counts as flat, with ten times the tables; the heap of Node moves by tens of megabytes on its own. */
const FLAT_BYTES = 64e6;
const PER_BATCH = 50;

const SERVER = { archive_mode: 'off', fsync: 'off', shared_preload_libraries: 'pg_stat_statements', 'pg_stat_statements.max': '20000' };

export const hygiene: Benchmark = {
  name: 'hygiene',
  about: 'findings about the indexes of 1,000 tables (5,000 indexes, 10,000 statements): time and memory',
  async run(bench: Bench): Promise<readonly Figure[]> {
    const tables = Math.max(20, Math.round(TABLES * Math.min(1, bench.options.gigabytes / GOAL_GIGABYTES)));
    const few = await looksAt(bench, Math.round(tables / 10));
    const many = await looksAt(bench, tables);
    return [timeFigure(tables, many), memoryFigure(tables, few, many)];
  },
};

const looksAt = (bench: Bench, tables: number): Promise<readonly Look[]> =>
  bench.cluster({ name: `h${tables}`, stanzaCreate: false, settings: SERVER }, async (cluster) => {
    await fill(cluster, tables);
    bench.tell(`${tables} tables are there`);
    const url = `postgres://postgres@localhost:${cluster.port}/control?host=${encodeURIComponent(cluster.socketDirectory)}`;
    const looks: Look[] = [];
    for (let number = 0; number < bench.options.pairs; number += 1) looks.push(await lookOnce(cluster, url, number));
    return looks;
  });

/** Each table: a key, two indexes alike, one that begins as another does, one over both; ten statements. */
async function fill(cluster: EmbeddedCluster, tables: number): Promise<void> {
  await cluster.sql('create database control');
  await cluster.sql('create extension pg_stat_statements');
  for (let from = 0; from < tables; from += PER_BATCH) {
    const some = Array.from({ length: Math.min(PER_BATCH, tables - from) }, (_, at) => `t${from + at}`);
    await cluster.sql(some.map((name) => tableSql(name)).join(';'));
    await cluster.sql(some.flatMap((name) => statementsSql(name)).join(';'));
  }
  await cluster.sql('vacuum analyze');
}

const tableSql = (name: string) => `create table ${name} (id int primary key, a int, b int, c text, d timestamptz);
  insert into ${name} select n, n % 10, n, 'text ' || n, now() from generate_series(1, 100) n;
  create index ${name}_a1 on ${name} (a); create index ${name}_a2 on ${name} (a); create index ${name}_b on ${name} (b); create index ${name}_bc on ${name} (b, c)`;

const statementsSql = (name: string) =>
  Array.from({ length: STATEMENTS }, (_, n) => `select ${Array.from({ length: n + 1 }, (__, at) => `a + ${at}`).join(', ')} from ${name} where id = ${n}`);

async function lookOnce(cluster: EmbeddedCluster, url: string, number: number): Promise<Look> {
  const argv = [
    process.execPath,
    ...workerFlags,
    new URL('./hygiene-look.ts', import.meta.url).pathname,
    JSON.stringify(cluster.policy()),
    url,
    `look-${number}`,
  ] as const;
  const { stdout } = await run({ argv, deadlineMs: 10 * 60_000 });
  return JSON.parse(stdout) as Look;
}

function timeFigure(tables: number, looks: readonly Look[]): Figure {
  const times = looks.map(({ workloadMs, indexesMs }) => workloadMs + indexesMs);
  const took = intervalOf(times, median);
  const [{ hygiene: found, statements } = { hygiene: null, statements: 0 }] = looks;
  const isJudged = tables === TABLES;
  return {
    name: `hygiene findings of ${tables} tables`,
    measured: `${seconds(took.median)} [${seconds(took.low)}, ${seconds(took.high)}]`,
    goal: `<= ${seconds(GOAL_MS)}`,
    judged: isJudged ? judge(took, { atMost: GOAL_MS }) : null,
    remark: `${found?.indexes} indexes, ${statements} statements, found ${JSON.stringify(found?.found)}; the indexes alone ${seconds(median(looks.map(({ indexesMs }) => indexesMs)))}; a fresh process each, control database on the same server`,
    samples: { workloadMs: looks.map(({ workloadMs }) => workloadMs), indexesMs: looks.map(({ indexesMs }) => indexesMs) },
  };
}

function memoryFigure(tables: number, few: readonly Look[], many: readonly Look[]): Figure {
  const highest = (looks: readonly Look[], of: 'indexesBytes' | 'workloadBytes' | 'idleBytes') => median(looks.map((look) => look[of]));
  const growth = highest(many, 'indexesBytes') - highest(few, 'indexesBytes');
  const shown = (of: 'indexesBytes' | 'workloadBytes') => `${mb(highest(few, of))} to ${mb(highest(many, of))}`;
  return {
    name: 'growth of the highest memory with ten times the tables and indexes',
    measured: `${growth < 0 ? '-' : '+'}${mb(Math.abs(growth))}`,
    goal: `flat: <= +${mb(FLAT_BYTES)}`,
    judged: tables === TABLES ? judge({ median: growth, low: growth, high: growth }, { atMost: FLAT_BYTES }) : null,
    remark: `${shown('indexesBytes')}, idle ${mb(highest(many, 'idleBytes'))}; that of the look at the statements, which pg_stat_statements.max bounds: ${shown('workloadBytes')}`,
    samples: { manyBytes: many.map(({ indexesBytes }) => indexesBytes), fewBytes: few.map(({ indexesBytes }) => indexesBytes) },
  };
}

const mb = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** What recommended indexes do to an application that mostly writes: transactions a second with them and without, in turns, on pgbench's tables. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openControl } from '../activities/control/control-database.ts';
import { createOptimizerStore } from '../activities/control/optimizer-store.ts';
import { run } from '../activities/process.ts';
import { type BackupRunInput, backupWorkflows } from '../domain/backup/requests.ts';
import { fleetQueue, workflowIds } from '../domain/ids.ts';
import { type Recommendation, recommendationSql, undoSql } from '../domain/optimizer/recommendation.ts';
import { type OptimizerRunInput, type OptimizerRunResult, optimizerWorkflows } from '../domain/optimizer/requests.ts';
import { type EmbeddedFleet, startEmbeddedFleet } from '../workers/embedded/embedded-fleet.ts';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import { settle } from './pairs.ts';
import { judge, median, type Pair, ratioOf, showRatio } from './statistics.ts';

const CLIENTS = 4;
const WINDOW_S = 8;
/**
 * Before each window, not counted: after a checkpoint each page's first change writes the whole page into WAL, and on one side there are pages more.
 * A server in its third minute has that behind it.
 */
const WARM_S = 5;
const ARCHIVED_MS = 120_000;
/** Accounts are 100,000 times this; at 1.5 GB of bench data 10. */
const SCALE = 10;
/** Rows that a bank's history has after a while. */
const HISTORY = 300_000;

/** Of each kind so many transactions: pgbench's own, and a page that no index serves. */
const SCRIPTS = {
  'tpcb-like': `\\set aid random(1, 100000 * :scale)
\\set bid random(1, 1 * :scale)
\\set tid random(1, 10 * :scale)
\\set delta random(-5000, 5000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
END;`,
  statement: `\\set aid random(1, 100000 * :scale)
SELECT mtime, delta FROM pgbench_history WHERE aid = :aid ORDER BY mtime DESC LIMIT 10;`,
} as const;

type Mix = Readonly<Record<keyof typeof SCRIPTS, number>>;
const MIXED: Mix = { 'tpcb-like': 49, statement: 1 };
const WRITES: Mix = { 'tpcb-like': 1, statement: 0 };

export const oltp: Benchmark = {
  name: 'oltp',
  about: 'pgbench with the recommended indexes and without: transactions a second',
  isNamedOnly: true,
  async run(bench: Bench): Promise<readonly Figure[]> {
    const folder = mkdtempSync(join(tmpdir(), 'assay-oltp-'));
    const fleet = await startEmbeddedFleet({ headless: true, cluster: { settings: { shared_preload_libraries: 'pg_stat_statements' } } });
    try {
      for (const [name, text] of Object.entries(SCRIPTS)) writeFileSync(join(folder, `${name}.sql`), `${text}\n`);
      const site: Site = { bench, fleet, folder, scale: Math.max(1, Math.round((SCALE * bench.options.gigabytes) / 1.5)) };
      await fill(site);
      const recommendation = await recommended(site);
      const changes = recommendation.indexes.map(({ sql }) => sql).join(' ');
      return [
        await compared(site, recommendation, { what: 'with reads', mix: MIXED, changes }),
        await compared(site, recommendation, { what: 'writes only', mix: WRITES, changes }),
      ];
    } finally {
      await fleet.stop();
      rmSync(folder, { recursive: true });
    }
  },
};

interface Site {
  readonly bench: Bench;
  readonly fleet: EmbeddedFleet;
  /** Holds the scripts. */
  readonly folder: string;
  readonly scale: number;
}

const program = ({ fleet: { cluster } }: Site): [string, ...string[]] => [
  join(cluster.binaries, 'pgbench'),
  '-h',
  cluster.socketDirectory,
  '-p',
  String(cluster.port),
  '-U',
  'postgres',
];

async function fill(site: Site): Promise<void> {
  const { cluster } = site.fleet;
  await run({ argv: [...program(site), '-i', '-q', '-s', String(site.scale), 'postgres'], deadlineMs: 600_000 });
  await cluster.sql(
    `insert into pgbench_history select 1, 1, 1 + (random() * 99999 * ${site.scale})::int, 0, now() - n * interval '1 second' from generate_series(1, ${HISTORY}) n`,
  );
  await cluster.sql('vacuum analyze');
  await cluster.sql('create extension pg_stat_statements');
}

/** Transactions a second over one window. Throws child-failed. */
async function tps(site: Site, mix: Mix, seconds = WINDOW_S): Promise<number> {
  const scripts = Object.entries(mix).flatMap(([name, weight]) => (weight === 0 ? [] : ['-f', `${join(site.folder, name)}.sql@${weight}`]));
  const argv: [string, ...string[]] = [...program(site), '-n', '-c', String(CLIENTS), '-T', String(seconds), '-s', String(site.scale), ...scripts, 'postgres'];
  const { stdout } = await run({ argv, deadlineMs: 120_000 });
  const found = /^tps = ([\d.]+)/m.exec(stdout);
  if (found === null) throw new TypeError(`pgbench said no tps: ${stdout}`);
  return Number(found[1]);
}

/** Found by a run of the optimizer while the application runs. */
async function recommended(site: Site): Promise<Recommendation> {
  const { fleet, bench } = site;
  const client = await fleet.client();
  const requestKey = 'oltp';
  const common = { cluster: 'shop', requestKey };
  bench.tell('a backup, proven');
  await client.workflow.execute<(input: BackupRunInput) => Promise<unknown>>(backupWorkflows.run, {
    ...{ workflowId: workflowIds.backupRun('shop', requestKey), taskQueue: fleetQueue, args: [{ ...common, type: 'full' }] },
  });
  bench.tell('a run of the optimizer under traffic');
  const traffic = tps(site, MIXED);
  const found = await client.workflow.execute<(input: OptimizerRunInput) => Promise<OptimizerRunResult>>(optimizerWorkflows.run, {
    ...{ workflowId: workflowIds.optimizerRun('shop', requestKey), taskQueue: fleetQueue, args: [{ ...common, windowMs: (WINDOW_S - 2) * 1_000 }] },
  });
  await traffic;
  await client.connection.close();
  const control = await openControl(fleet.control.url);
  try {
    const recommendation = found.recommendation === null ? null : await createOptimizerStore(control).findRecommendation(found.recommendation);
    if (recommendation === null) throw new TypeError(`nothing was recommended: ${found.because.join('; ')}`);
    return recommendation;
  } finally {
    await control.close();
  }
}

/** What building an index wrote is compressed and archived on the same cores: not in the window of the side that has one. */
async function archived({ fleet: { cluster } }: Site): Promise<void> {
  await cluster.sql('select pg_switch_wal()');
  const waiting = async () => (await cluster.sql(`select from pg_ls_archive_statusdir() where name like '%.ready'`)).length;
  for (const end = Date.now() + ARCHIVED_MS; (await waiting()) > 0; await pause(200)) {
    if (Date.now() > end) throw new TypeError(`WAL is not archived after ${ARCHIVED_MS} ms: see the cluster's log`);
  }
}

interface Question {
  readonly what: string;
  readonly mix: Mix;
  readonly changes: string;
}

async function compared(site: Site, recommendation: Recommendation, { what, mix, changes }: Question): Promise<Figure> {
  const { bench, fleet } = site;
  const statements = (file: string) => file.split('\n').filter((line) => line !== '' && !line.startsWith('--'));
  const undo = statements(undoSql(recommendation));
  const sides = { ours: [...undo, ...statements(recommendationSql(recommendation))], bare: undo };
  const windowOf = async (side: keyof Pair) => {
    for (const statement of sides[side]) await fleet.cluster.sql(statement);
    await fleet.cluster.sql('checkpoint');
    await tps(site, mix, WARM_S);
    await archived(site);
    await settle(bench);
    return tps(site, mix);
  };
  const pairs: Pair[] = [];
  for (let turn = 0; turn < bench.options.pairs; turn += 1) {
    const measured = { ours: 0, bare: 0 };
    for (const side of turn % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const)) measured[side] = await windowOf(side);
    pairs.push(measured);
    bench.tell(`${what} ${turn + 1}/${bench.options.pairs}: ${Math.round(measured.ours)} a second with, ${Math.round(measured.bare)} without`);
  }
  const ratio = ratioOf(pairs);
  const middle = (side: keyof Pair) => Math.round(median(pairs.map((pair) => pair[side])));
  return {
    name: `transactions a second with the recommended indexes / without, pgbench ${what}`,
    measured: showRatio(ratio),
    goal: 'not lower beyond noise',
    judged: judge({ ...ratio, median: ratio.high }, { atLeast: 1 }),
    remark: `${middle('ours')} and ${middle('bare')} a second, ${CLIENTS} clients, windows of ${WINDOW_S} s in turns, ${WARM_S} s before each to warm; ${changes}`,
    samples: { with: pairs.map(({ ours }) => ours), without: pairs.map(({ bare }) => bare) },
  };
}

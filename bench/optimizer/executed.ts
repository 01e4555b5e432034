/**
 * TPC-H executed: the sets that other advisors chose and ours, really built side by side on one server of its own and run in turn, so that every set
 * meets the same data, caches and minute. Ours is found by the product's own search and its choice by execution, at stated budgets of real bytes.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { readTableFacts } from '../../activities/optimizer/catalogue.ts';
import { openHypoPg } from '../../activities/optimizer/what-if/hypopg.ts';
import { AssayError } from '../../domain/errors.ts';
import type { Bound, IndexDefinition } from '../../domain/optimizer/model.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import type { Bench, Benchmark, Figure } from '../benchmark.ts';
import { GOAL_GIGABYTES } from '../options.ts';
import { seconds } from '../pairs.ts';
import { executedFigures } from './executed-figures.ts';
import { DTA, type Estimates, isGiven, KINDS, NONE, OURS, SMALL_PEER, totals } from './executed-sets.ts';
import { type IndexSet, openField, race, type Times } from './field.ts';
import { findKinds, keptKinds, sentWith } from './kinds.ts';
import { findOurs, type Ours } from './ours.ts';
import { definitionOf, generateTpch, loadTpch, peerSets, tpchQueries, WITHHELD } from './tpch.ts';

/** Planner as in the raw comparison, where the peers' sets come out as published; no parallel workers and no JIT: both add noise on a shared machine. */
const SERVER = {
  archive_mode: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  fsync: 'off',
  autovacuum: 'off',
  max_wal_size: '8GB',
  maintenance_work_mem: '256MB',
  shared_buffers: '512MB',
  work_mem: '32MB',
  random_page_cost: '1.1',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
};
const SETTINGS = ['shared_buffers', 'work_mem', 'random_page_cost', 'max_parallel_workers_per_gather', 'jit'] as const;

/** Decimal bytes at scale 1. */
const GIGABYTE = 1e9;
const SMALL = 150e6;
const SEARCH_MS = 60_000;
const CHOOSE_MS = 6 * 60_000;
const KINDS_MS = 10 * 60_000;
const KINDS_TOY_MS = 20_000;
/** At scale 1, others on the machine included. */
const TIMEOUT_MS = 60_000;
/** Peers' sets that are run again after the first round, besides those that goals name: the quickest. */
const BEST_PEERS = 2;

export const tpch: Benchmark = {
  name: 'tpch',
  about: 'TPC-H executed under the sets that other advisors chose and under ours; named only, about 45 min at 1.5 GB',
  isNamedOnly: true,
  run: async (bench) => {
    const folder = bench.options.tpch ?? new URL('../../../shared/tpch', import.meta.url).pathname;
    if (!existsSync(folder))
      throw new AssayError('usage', { reason: `no folder ${folder}`, hint: 'name one with schema.sql, keys.sql, queries and peers: --tpch' });
    const scale = bench.options.gigabytes / GOAL_GIGABYTES;
    const data = bench.options.tpchData === null ? await generateTpch(scale) : { folder: bench.options.tpchData, drop: () => {} };
    try {
      return await bench.cluster({ name: 'tpch', stanzaCreate: false, settings: SERVER }, async (cluster) => {
        await loadTpch(cluster, folder, data.folder);
        data.drop();
        bench.tell(`TPC-H of scale ${scale} is loaded, primary keys only`);
        return measured({ bench, cluster, folder, scale });
      });
    } finally {
      data.drop();
    }
  },
};

interface Where {
  readonly bench: Bench;
  readonly cluster: EmbeddedCluster;
  readonly folder: string;
  readonly scale: number;
}

async function measured({ bench, cluster, folder, scale }: Where): Promise<readonly Figure[]> {
  const client = await connected(cluster);
  try {
    const timeoutMs = Math.max(5_000, TIMEOUT_MS * scale);
    const bounds = await timedAlone(client, tpchQueries(folder, true), timeoutMs);
    const given = bounds.filter(({ statement }) => !WITHHELD.has(statement.id));
    bench.tell(`without indexes ${seconds(given.reduce((sum, { statement }) => sum + statement.totalMs, 0))} for ${given.length} queries`);
    // what is measured at a smaller size says nothing: not worth looking for as long
    const share = scale < 1 ? 0.25 : 1;
    const questions = [
      { name: OURS.small, given: isGiven, budgetBytes: SMALL * scale },
      { name: OURS.gigabyte, given: isGiven, budgetBytes: GIGABYTE * scale },
      { name: OURS.all, given: () => true, budgetBytes: GIGABYTE * scale },
      { name: OURS.larger, given: () => true, budgetBytes: 2 * GIGABYTE * scale },
    ];
    const asked = { bounds, questions, searchMs: SEARCH_MS * share, chooseMs: CHOOSE_MS * share, statementTimeoutMs: timeoutMs, tell: bench.tell };
    const ours = await keptOr(bench.options.tpchOurs, () => findOurs(client, asked));
    const all = ours.get(OURS.all)?.indexes ?? [];
    const kinds = await keptKinds(bench.options.tpchOurs?.replace(/\.json$/, '-kinds.json') ?? null, () =>
      findKinds(client, { bounds, indexes: all, statementTimeoutMs: timeoutMs, measureMs: scale < 1 ? KINDS_TOY_MS : KINDS_MS, tell: bench.tell }),
    );
    const peers = [...peerSets(folder)].map(([name, statements]) => [name, statements.map(definitionOf)] as const);
    const sets = new Map<string, IndexSet>([[NONE, []], ...peers, ...[...ours].map(([name, { indexes }]) => [name, indexes] as const), [KINDS, all]]);
    const estimates = await estimated(client, given, sets);
    const field = await openField(client, bounds, sets.values());
    bench.tell(`${field.built.length} different indexes of ${sets.size - 1} sets are built`);
    // unindexed the withheld ones run for minutes; only the goals for all 22 ask for them
    const runs = (query: string, set: string) => isGiven(query) || set === DTA || set === OURS.all || set === OURS.larger || set === KINDS;
    const sent = await sentWith(client, bounds, kinds);
    bench.tell(`${KINDS}: other texts of ${Object.keys(kinds.texts).join(', ') || 'none'}, settings for ${Object.keys(kinds.settings).join(', ') || 'none'}`);
    const sentAs = (query: string, set: string) => (set === KINDS ? sent(query) : null);
    const times = await race(field, { sets, rounds: bench.options.pairs, timeoutMs, runs, sentAs, stays: quickest, tell: bench.tell });
    const facts = await readTableFacts(client);
    const existing = facts.flatMap(({ indexes }) => indexes.filter(({ isConstraint }) => isConstraint));
    return executedFigures({
      times,
      sets,
      ours,
      field,
      estimates,
      existing,
      isGoalSize: scale >= 1,
      settings: SETTINGS.map((name) => `${name} ${SERVER[name]}`),
    });
  } finally {
    await client.end().catch(() => {});
  }
}

/** Sets that an earlier run found and wrote there; found now, and written, where there are none. */
async function keptOr(file: string | null, find: () => Promise<ReadonlyMap<string, Ours>>): Promise<ReadonlyMap<string, Ours>> {
  if (file !== null && existsSync(file)) return new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, Ours>));
  const found = await find();
  if (file !== null) writeFileSync(file, JSON.stringify(Object.fromEntries(found), null, 2));
  return found;
}

/** After a round: none, ours, the peers that goals name, and the quickest of the others; one that is far behind is known well enough. */
export function quickest(times: Times): (set: string) => boolean {
  const names = [...(times.get('01')?.keys() ?? [])];
  const peers = names.filter((name) => name !== NONE && !name.startsWith('ours'));
  const total = (name: string) => totals({ times }, name, isGiven)[0] ?? Number.POSITIVE_INFINITY;
  const best = peers.toSorted((a, b) => total(a) - total(b)).slice(0, BEST_PEERS);
  return (name) => !peers.includes(name) || best.includes(name) || name === DTA || name === SMALL_PEER;
}

async function connected(cluster: EmbeddedCluster): Promise<pg.Client> {
  const client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database: 'postgres' });
  client.on('error', () => {});
  await client.connect();
  await client.query('set plan_cache_mode = force_custom_plan');
  return client;
}

/** What each takes today; the limit where it runs into that. */
async function timedAlone(client: pg.Client, bounds: readonly Bound[], timeoutMs: number): Promise<readonly Bound[]> {
  const field = await openField(client, bounds, []);
  const times = await race(field, { sets: new Map([[NONE, []]]), rounds: 1, timeoutMs });
  await client.query('deallocate all');
  return bounds.map((bound) => {
    const totalMs = Math.min(...(times.get(bound.statement.id)?.get(NONE)?.ms ?? [timeoutMs]));
    return { ...bound, statement: { ...bound.statement, totalMs } };
  });
}

export async function estimated(
  client: pg.Client,
  bounds: readonly Bound[],
  sets: ReadonlyMap<string, readonly IndexDefinition[]>,
): Promise<ReadonlyMap<string, Estimates>> {
  const facts = await readTableFacts(client);
  const found = new Map([...sets.keys()].map((name) => [name, { raw: 0, corrected: 0, bytes: 0, changes: new Map<string, Change>() }]));
  for (const mode of ['raw', 'corrected'] as const) {
    let shape: string | null = null;
    const note = (of: string) => {
      shape = of;
      return 1;
    };
    const whatIf = await openHypoPg({ sessions: [client], facts, mode, discount: note });
    let [costs, times] = [0, 0];
    for (const bound of bounds) {
      const base = (await whatIf.plan(bound, [])).cost;
      costs += base;
      times += bound.statement.totalMs;
      for (const [name, indexes] of sets) {
        shape = null;
        const { cost } = await whatIf.plan(bound, indexes);
        const each = found.get(name);
        if (each === undefined) continue;
        each[mode] += mode === 'raw' ? cost : (cost / base) * bound.statement.totalMs;
        if (mode === 'corrected') each.changes.set(bound.statement.id, { shape, ratio: cost / base });
      }
    }
    for (const [name, indexes] of sets) {
      const each = found.get(name);
      if (each === undefined) continue;
      each[mode] /= mode === 'raw' ? costs : times;
      if (mode === 'corrected') for (const index of indexes) each.bytes += (await whatIf.size(index)) ?? 0;
    }
    await whatIf.close();
  }
  return found;
}

interface Change {
  readonly shape: string | null;
  readonly ratio: number;
}

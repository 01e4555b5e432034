/**
 * TPC-H executed: the sets that other advisors chose and ours, really built side by side on one server of its own and run in turn, so that every set
 * meets the same data, caches and minute. Ours is found by the product's own search and its choice by execution, at stated budgets of real bytes.
 */
import type pg from 'pg';
import { readTableFacts } from '../../activities/optimizer/catalogue.ts';
import { openHypoPg } from '../../activities/optimizer/what-if/hypopg.ts';
import type { Bound, IndexDefinition } from '../../domain/optimizer/model.ts';
import type { Benchmark, Figure } from '../benchmark.ts';
import { seconds } from '../pairs.ts';
import { executedFigures } from './executed-figures.ts';
import { ALL_GIVEN, DTA, type Estimates, isGiven, NONE, ONE_BUDGET, OURS, SMALL_PEER, totals, WITH_KINDS } from './executed-sets.ts';
import { type IndexSet, openField, race, type Times } from './field.ts';
import { findKinds, keptKinds, type Sent, sentWith } from './kinds.ts';
import { findOurs, keptOurs } from './ours.ts';
import { onTpch, SERVER, type TpchServer } from './server.ts';
import { definitionOf, peerSets, tpchQueries, WITHHELD } from './tpch.ts';

const SETTINGS = ['shared_buffers', 'work_mem', 'random_page_cost', 'max_parallel_workers_per_gather', 'jit'] as const;

/** Decimal bytes at scale 1. */
const GIGABYTE = 1e9;
const SMALL = 150e6;
const SEARCH_MS = 60_000;
const CHOOSE_MS = 6 * 60_000;
const KINDS_MS = 6 * 60_000;
const KINDS_TOY_MS = 20_000;
/** At scale 1, others on the machine included. */
const TIMEOUT_MS = 60_000;
/** Peers' sets that are run again after the first round, besides those that goals name: the quickest. */
const BEST_PEERS = 2;

export const tpch: Benchmark = {
  name: 'tpch',
  about: 'TPC-H executed under the sets that other advisors chose and under ours; named only, about 75 min at 1.5 GB, 25 with kept sets',
  isNamedOnly: true,
  run: (bench) => onTpch(bench, measured),
};

async function measured({ bench, client, folder, scale }: TpchServer): Promise<readonly Figure[]> {
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
  const ours = await keptOurs(bench.options.tpchOurs, () => findOurs(client, asked));
  const indexesOf = (name: string) => ours.get(name)?.indexes ?? [];
  const measureMs = scale < 1 ? KINDS_TOY_MS : KINDS_MS;
  const kindsFile = bench.options.tpchOurs?.replace(/\.json$/, '-kinds.json') ?? null;
  const kinds = await keptKinds(kindsFile, WITH_KINDS.values(), (base) =>
    findKinds(client, { bounds, indexes: indexesOf(base), statementTimeoutMs: timeoutMs, measureMs, tell: bench.tell }),
  );
  const peers = [...peerSets(folder)].map(([name, statements]) => [name, statements.map(definitionOf)] as const);
  const sets = new Map<string, IndexSet>([
    [NONE, []],
    ...peers,
    ...[...ours.keys()].map((name) => [name, indexesOf(name)] as const),
    ...[...WITH_KINDS].map(([name, base]) => [name, indexesOf(base)] as const),
  ]);
  const estimates = await estimated(client, given, sets);
  const field = await openField(client, bounds, sets.values());
  bench.tell(`${field.built.length} different indexes of ${sets.size - 1} sets are built`);
  // unindexed the withheld ones run for minutes; only the goals for all 22 ask for them
  const isForAll = (set: string) => set === DTA || set.includes(ALL_GIVEN);
  const runs = (query: string, set: string) => isGiven(query) || isForAll(set);
  const senders = new Map<string, (query: string) => Sent | null>();
  for (const [place, [name, base]] of [...WITH_KINDS].entries()) {
    const { texts = {}, settings = {} } = kinds.get(base) ?? {};
    senders.set(name, await sentWith(client, bounds, { texts, settings }, place));
    bench.tell(`${name}: other texts of ${Object.keys(texts).join(', ') || 'none'}, settings for ${Object.keys(settings).join(', ') || 'none'}`);
  }
  const sentAs = (query: string, set: string) => senders.get(set)?.(query) ?? null;
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
}

/** After a round: none, ours, the peers that goals and ranks name, and the quickest of the others; one that is far behind is known well enough. */
function quickest(times: Times): (set: string) => boolean {
  const names = [...(times.get('01')?.keys() ?? [])];
  const peers = names.filter((name) => name !== NONE && !name.startsWith('ours'));
  const total = (name: string) => totals({ times }, name, isGiven)[0] ?? Number.POSITIVE_INFINITY;
  const best = peers.toSorted((a, b) => total(a) - total(b)).slice(0, BEST_PEERS);
  const named = [DTA, SMALL_PEER, ...ONE_BUDGET];
  return (name) => !peers.includes(name) || best.includes(name) || named.includes(name);
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

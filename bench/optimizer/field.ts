/**
 * Sets of indexes that are all really there at once on one server. A set's executions run with the other sets' indexes dropped inside a transaction
 * that is rolled back, as the lab does it: every set meets the same data, the same caches and the same minute.
 */
import type pg from 'pg';
import { type Execution, execute, planText, prepareUnits, type Unit } from '../../activities/optimizer/lab/execute.ts';
import { type BuiltIndex, buildSet } from '../../activities/optimizer/lab/sets.ts';
import { indexText } from '../../domain/optimizer/index-sql.ts';
import type { Bound, IndexDefinition } from '../../domain/optimizer/model.ts';
import { quietIo } from '../site.ts';

export type IndexSet = readonly IndexDefinition[];

export interface Field {
  readonly queries: readonly Unit[];
  readonly built: readonly BuiltIndex[];
  /** Of what was built. */
  bytes(set: IndexSet): number;
  buildMs(set: IndexSet): number;
  /** Equal texts are equal plans: then one execution stands for both sets. */
  plan(query: Unit, set: IndexSet): Promise<string>;
  execute(query: Unit, set: IndexSet, timeoutMs: number): Promise<Execution>;
}

/** Builds every index of the sets once. */
export async function openField(client: pg.Client, bounds: readonly Bound[], sets: Iterable<IndexSet>): Promise<Field> {
  const distinct = new Map([...sets].flatMap((set) => set.map((index) => [indexText(index), index] as const)));
  const built = await buildSet(client, [...distinct.values()], quietIo());
  const byText = new Map(built.map((index) => [indexText(index.index), index]));
  const queries: Unit[] = [];
  for (const [number, bound] of bounds.entries()) queries.push(...(await prepareUnits(client, bound, number)));
  const of = (set: IndexSet) => set.flatMap((index) => byText.get(indexText(index)) ?? []);
  const others = (set: IndexSet) => {
    const there = new Set(set.map(indexText));
    return built.filter(({ index }) => !there.has(indexText(index)));
  };
  return {
    queries,
    built,
    bytes: (set) => of(set).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    buildMs: (set) => of(set).reduce((sum, { buildMs }) => sum + buildMs, 0),
    plan: (query, set) => planText(client, query, others(set)),
    execute: (query, set, timeoutMs) => execute(client, query, { away: others(set), timeoutMs }),
  };
}

/** Milliseconds of each query under each set, a number a round; what ran into the limit counts as the limit. */
export type Times = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;

export interface Race {
  readonly sets: ReadonlyMap<string, IndexSet>;
  readonly rounds: number;
  readonly timeoutMs: number;
  /** Sets that a query is not run under are left out of its times. Default: all. */
  readonly runs?: (query: string, set: string) => boolean;
  readonly tell?: (line: string) => void;
}

/** The order turns with every round; the first one only warms, and finds what takes too long: that is not run again. */
export async function race(field: Field, { sets, rounds, timeoutMs, runs = () => true, tell = () => {} }: Race): Promise<Times> {
  const lanes: { readonly id: string; readonly plans: readonly Lane[] }[] = [];
  for (const query of field.queries) {
    const id = query.bound.statement.id;
    const plans = new Map<string, Lane>();
    for (const [name, set] of sets) {
      if (!runs(id, name)) continue;
      const plan = await field.plan(query, set);
      const lane = plans.get(plan) ?? { query, set, names: [], times: [], isTooSlow: false };
      plans.set(plan, lane);
      lane.names.push(name);
    }
    lanes.push({ id, plans: [...plans.values()] });
  }
  for (let round = 0; round <= rounds; round += 1) {
    const began = performance.now();
    for (const { plans } of lanes) for (const lane of turned(plans, round)) await runLane(field, lane, { round, timeoutMs });
    tell(`round ${round} of ${rounds} took ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
  return new Map(lanes.map(({ id, plans }) => [id, new Map(plans.flatMap(({ names, times }) => names.map((name) => [name, times] as const)))]));
}

interface Lane {
  readonly query: Unit;
  readonly set: IndexSet;
  readonly names: string[];
  readonly times: number[];
  isTooSlow: boolean;
}

async function runLane(field: Field, lane: Lane, { round, timeoutMs }: { readonly round: number; readonly timeoutMs: number }): Promise<void> {
  const done = lane.isTooSlow ? null : await field.execute(lane.query, lane.set, timeoutMs);
  if (done?.kind === 'failed') throw new TypeError(`${lane.query.bound.statement.id} fails under ${lane.names.join(', ')}: ${done.reason}`);
  if (done?.kind === 'too-slow') lane.isTooSlow = true;
  if (round > 0) lane.times.push(done?.kind === 'done' ? done.executionMs : timeoutMs);
}

const turned = <T>(list: readonly T[], by: number): readonly T[] => {
  const at = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
};

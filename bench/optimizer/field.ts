/**
 * Sets of indexes that are all really there at once on one server. A set's executions run with the other sets' indexes dropped inside a transaction
 * that is rolled back, as the lab does it: every set meets the same data, the same caches and the same minute.
 */
import type pg from 'pg';
import { type Execution, execute, type LocalSettings, planText, prepareUnits, type Unit } from '../../activities/optimizer/lab/execute.ts';
import { type BuiltIndex, buildSet } from '../../activities/optimizer/lab/sets.ts';
import { distinctIndexes, indexText } from '../../domain/optimizer/index-sql.ts';
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
  plan(query: Unit, set: IndexSet, settings?: LocalSettings): Promise<string>;
  execute(query: Unit, set: IndexSet, conditions: { readonly timeoutMs: number; readonly settings?: LocalSettings }): Promise<Execution>;
}

/** Builds every index of the sets once. */
export async function openField(client: pg.Client, bounds: readonly Bound[], sets: Iterable<IndexSet>): Promise<Field> {
  const built = await buildSet(client, distinctIndexes([...sets].flat()), quietIo());
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
    plan: (query, set, settings) => planText(client, query, others(set), settings),
    execute: (query, set, conditions) => execute(client, query, { ...conditions, away: others(set) }),
  };
}

/** What each query took under each set, a number a round; what ran into the limit counts as the limit. */
export type Times = ReadonlyMap<string, ReadonlyMap<string, Taken>>;

export interface Taken {
  /** As the server says, less what others on the machine took: time in which it was ready to run and had no core. */
  readonly ms: readonly number[];
  /** As the server says. */
  readonly elapsedMs: readonly number[];
}

export interface Race {
  readonly sets: ReadonlyMap<string, IndexSet>;
  readonly rounds: number;
  readonly timeoutMs: number;
  /** Under some sets a query is sent in another way: as another text, with settings of its own. null: as it is. Default: all as they are. */
  readonly sentAs?: (query: string, set: string) => { readonly unit: Unit; readonly settings: LocalSettings } | null;
  /** Sets that a query is not run under are left out of its times. Default: all. */
  readonly runs?: (query: string, set: string) => boolean;
  /** Asked after the first round: sets that are run again. Default: all. */
  readonly stays?: (times: Times) => (set: string) => boolean;
  /** No further round begins later. */
  readonly untilMs?: number;
  readonly tell?: (line: string) => void;
}

/** Query by query, its sets right after each other, in an order that turns with every round. What takes too long is not run again. */
export async function race(
  field: Field,
  { sets, rounds, timeoutMs, runs, sentAs, stays, untilMs = Number.POSITIVE_INFINITY, tell = () => {} }: Race,
): Promise<Times> {
  const lanes: { readonly id: string; readonly plans: readonly Lane[] }[] = [];
  for (const query of field.queries) lanes.push({ id: query.bound.statement.id, plans: await plansOf(field, query, { sets, runs, sentAs }) });
  const times = (): Times => new Map(lanes.map(({ id, plans }) => [id, new Map(plans.flatMap((lane) => lane.names.map((name) => [name, lane] as const)))]));
  let isStaying = (_set: string) => true;
  for (let round = 0; round < rounds && Date.now() < untilMs; round += 1) {
    const began = performance.now();
    for (const { plans } of lanes) {
      for (const lane of turned(plans, round)) if (lane.names.some((name) => isStaying(name))) await runLane(field, lane, timeoutMs);
    }
    if (round === 0) isStaying = stays?.(times()) ?? isStaying;
    tell(`round ${round + 1} of ${rounds} took ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
  return times();
}

interface Lane extends Taken {
  readonly query: Unit;
  readonly settings: LocalSettings;
  readonly set: IndexSet;
  readonly names: string[];
  readonly ms: number[];
  readonly elapsedMs: number[];
  isTooSlow: boolean;
}

async function plansOf(
  field: Field,
  asIs: Unit,
  { sets, runs = () => true, sentAs = () => null }: Pick<Race, 'sets' | 'runs' | 'sentAs'>,
): Promise<readonly Lane[]> {
  const plans = new Map<string, Lane>();
  for (const [name, set] of sets) {
    const { id } = asIs.bound.statement;
    if (!runs(id, name)) continue;
    const { unit: query, settings } = sentAs(id, name) ?? { unit: asIs, settings: {} };
    // a setting may change nothing of a plan but how it is executed
    const plan = `${JSON.stringify(settings)} ${await field.plan(query, set, settings)}`;
    const lane = plans.get(plan) ?? { query, settings, set, names: [], ms: [], elapsedMs: [], isTooSlow: false };
    plans.set(plan, lane);
    lane.names.push(name);
  }
  return [...plans.values()];
}

async function runLane(field: Field, lane: Lane, timeoutMs: number): Promise<void> {
  const done = lane.isTooSlow ? null : await field.execute(lane.query, lane.set, { timeoutMs, settings: lane.settings });
  if (done?.kind === 'failed') throw new TypeError(`${lane.query.bound.statement.id} fails under ${lane.names.join(', ')}: ${done.reason}`);
  if (done?.kind === 'too-slow') lane.isTooSlow = true;
  lane.elapsedMs.push(done?.kind === 'done' ? done.executionMs : timeoutMs);
  lane.ms.push(done?.kind === 'done' ? Math.max(0, done.executionMs - done.waitedMs) : timeoutMs);
}

const turned = <T>(list: readonly T[], by: number): readonly T[] => {
  const at = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
};

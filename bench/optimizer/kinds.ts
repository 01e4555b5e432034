/**
 * What the product makes of statements besides indexes, with a set of indexes there: other texts that are proven equal and faster, and settings for the statement
 * as it is then sent. By the same functions as a run's own steps; statistics on several columns are left out: for TPC-H a run finds none.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type pg from 'pg';
import { execute, type LocalSettings, prepareUnits, type Unit } from '../../activities/optimizer/lab/execute.ts';
import { buildSet, dropSets } from '../../activities/optimizer/lab/sets.ts';
import { candidatesOf } from '../../activities/optimizer/rewrite/candidates.ts';
import { triedRewrites } from '../../activities/optimizer/rewrite/compare.ts';
import { settingIdeas } from '../../activities/optimizer/settings/ideas.ts';
import { measureIdeas, valuesOf } from '../../activities/optimizer/settings/measure.ts';
import type { Bound, IndexDefinition } from '../../domain/optimizer/model.ts';
import { refusalOf } from '../../domain/optimizer/setting-verdict.ts';
import { quietIo } from '../site.ts';

/** By statement; one that is missing stays as it is. */
export interface Kinds {
  readonly texts: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, LocalSettings>>;
}

export interface Asked {
  readonly bounds: readonly Bound[];
  readonly indexes: readonly IndexDefinition[];
  readonly statementTimeoutMs: number;
  /** For texts, and once more for settings. */
  readonly measureMs: number;
  readonly tell: (line: string) => void;
}

/** As a run's limits have it. */
const REPEATS = 3;
const WORK_MEM = 256 * 1024 * 1024;

/** By the set they go with: of an earlier run, where its file has them; else found, and written. */
export async function keptKinds(file: string | null, sets: Iterable<string>, find: (set: string) => Promise<Kinds>): Promise<ReadonlyMap<string, Kinds>> {
  const found: Record<string, Kinds> = file !== null && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  for (const set of sets) {
    found[set] ??= await find(set);
    if (file !== null) writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`);
  }
  return new Map(Object.entries(found));
}

/** Nothing stays built or prepared. */
export async function findKinds(client: pg.Client, { bounds, indexes, statementTimeoutMs, measureMs, tell }: Asked): Promise<Kinds> {
  await buildSet(client, indexes, quietIo());
  const session = { client, io: quietIo(), statementTimeoutMs };
  const sent: Unit[] = [];
  const texts: Record<string, string> = {};
  const prepared = await longestFirst(client, bounds, statementTimeoutMs);
  const untilMs = Date.now() + measureMs;
  for (const [number, { bound, units }] of prepared.entries()) {
    const [first, ...others] = units;
    const found = Date.now() > untilMs ? null : await candidatesOf(client, [first, ...others]);
    const isTried = found !== null && !('because' in found);
    const tried = isTried ? await triedRewrites(session, { units, found, rounds: { repeats: REPEATS, untilMs } }, number * MOST_TEXTS) : [];
    for (const { decision } of tried) tell(`${bound.statement.id}: ${decision.because.join('; ')}`);
    if (found !== null && 'because' in found) tell(`${bound.statement.id} is left alone: ${found.because}`);
    const [best] = tried.filter(({ decision }) => decision.verdict === 'accepted').toSorted((a, b) => a.total.ratio - b.total.ratio);
    if (best?.advice != null) texts[bound.statement.id] = best.advice.after;
    sent.push(...(best === undefined ? units : best.others));
  }
  const settings = await settingsFor(session, sent, measureMs);
  await dropSets(client);
  await client.query('deallocate all');
  return { texts, settings };
}

/** As they are sent, by what they take with the set in place: where little is taken, little can be gained. */
async function longestFirst(client: pg.Client, bounds: readonly Bound[], timeoutMs: number) {
  const prepared: { readonly bound: Bound; readonly units: readonly [Unit, ...Unit[]]; readonly ms: number }[] = [];
  for (const [number, bound] of bounds.entries()) {
    const [first, ...others] = await prepareUnits(client, bound, number);
    if (first === undefined) continue;
    const execution = await execute(client, first, { away: [], timeoutMs });
    prepared.push({ bound, units: [first, ...others], ms: execution.kind === 'done' ? execution.executionMs : timeoutMs });
  }
  return prepared.toSorted((a, b) => b.ms - a.ms);
}

/** More than the rules make of one statement. */
const MOST_TEXTS = 100;

async function settingsFor(session: Parameters<typeof settingIdeas>[0], units: readonly Unit[], measureMs: number): Promise<Kinds['settings']> {
  const untilMs = Date.now() + measureMs;
  const bounds = { workMemBytes: WORK_MEM, executionBytes: Number.POSITIVE_INFINITY };
  const { ideas } = await settingIdeas(session, units, { beside: [], bounds, mayBeKept: () => false, untilMs });
  const measured = await measureIdeas(session, ideas, { beside: [], rounds: { repeats: REPEATS, untilMs } });
  return Object.fromEntries(measured.filter((each) => refusalOf(each) === null).map(({ statement, settings }) => [statement.id, valuesOf(settings)]));
}

/** How statements are sent with them: units of their own, numbered apart from those of the statements as they are, and of other sets' (`place`). */
export async function sentWith(
  client: pg.Client,
  bounds: readonly Bound[],
  { texts, settings }: Kinds,
  place: number,
): Promise<(statement: string) => Sent | null> {
  const sent = new Map<string, Sent>();
  for (const [number, bound] of bounds.entries()) {
    const { id } = bound.statement;
    if (texts[id] === undefined && settings[id] === undefined) continue;
    const [unit] = await prepareUnits(client, { ...bound, text: texts[id] ?? bound.text }, (FIRST_SET + place) * PER_SET + number);
    if (unit !== undefined) sent.set(id, { unit, settings: settings[id] ?? {} });
  }
  return (statement) => sent.get(statement) ?? null;
}

export interface Sent {
  readonly unit: Unit;
  readonly settings: LocalSettings;
}

const FIRST_SET = 5;
const PER_SET = 1_000_000;

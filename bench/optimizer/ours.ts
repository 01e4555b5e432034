/** The product's own way to a set: what-if search under a budget of real bytes, its finalists built as one pool, the choice by execution. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type pg from 'pg';
import { readTableFacts } from '../../activities/optimizer/catalogue.ts';
import { chooseBuilt } from '../../activities/optimizer/lab/choose.ts';
import { prepareUnits, type Unit } from '../../activities/optimizer/lab/execute.ts';
import { buildSet, dropSets } from '../../activities/optimizer/lab/sets.ts';
import type { Taken } from '../../activities/optimizer/lab/unit-timer.ts';
import { searchIndexes } from '../../activities/optimizer/search-indexes.ts';
import { openHypoPg } from '../../activities/optimizer/what-if/hypopg.ts';
import { distinctIndexes, indexText } from '../../domain/optimizer/index-sql.ts';
import type { Bound, IndexDefinition } from '../../domain/optimizer/model.ts';
import { quietIo } from '../site.ts';

export interface Question {
  readonly name: string;
  /** Statements that both search and choice are given. */
  readonly given: (statement: string) => boolean;
  readonly budgetBytes: number;
}

export interface Asked {
  /** Their `totalMs` is what they take without any index, as pg_stat_statements would tell. */
  readonly bounds: readonly Bound[];
  readonly questions: readonly Question[];
  /** For each question. */
  readonly searchMs: number;
  readonly chooseMs: number;
  readonly statementTimeoutMs: number;
  readonly tell: (line: string) => void;
}

type IndexSet = readonly IndexDefinition[];

export interface Ours {
  readonly indexes: IndexSet;
  /** What the search would have given without executing anything. */
  readonly finalists: readonly IndexSet[];
}

/** Sets that an earlier run found and wrote there; found now, and written, where there are none. */
export async function keptOurs(file: string | null, find: () => Promise<ReadonlyMap<string, Ours>>): Promise<ReadonlyMap<string, Ours>> {
  if (file !== null && existsSync(file)) return new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, Ours>));
  const found = await find();
  if (file !== null) writeFileSync(file, JSON.stringify(Object.fromEntries(found), null, 2));
  return found;
}

/** Peers have no such limit: as many as the largest of their sets has on one table. */
const MAX_INDEXES_PER_TABLE = 12;

/** By the question's name. The pools are built once, side by side, and a time once taken holds for all questions; nothing of ours is left built. */
export async function findOurs(client: pg.Client, asked: Asked): Promise<ReadonlyMap<string, Ours>> {
  const { bounds, questions, tell } = asked;
  await dropSets(client);
  const finalists = new Map<string, Searched>();
  for (const question of questions) finalists.set(question.name, await searched(client, asked, question));
  const all = [...finalists.values()].flatMap(({ sets, wider }) => [...sets.flat(), ...wider]);
  const began = performance.now();
  const built = await buildSet(client, distinctIndexes(all), quietIo());
  tell(`${built.length} indexes of all finalists are built after ${((performance.now() - began) / 1000).toFixed(0)} s`);
  const units: Unit[] = [];
  for (const [number, bound] of bounds.entries()) units.push(...(await prepareUnits(client, bound, number)));
  const found = new Map<string, Ours>();
  const known = new Map<string, Taken>();
  for (const { name, given, budgetBytes } of questions) {
    const { sets, wider } = finalists.get(name) as Searched;
    const own = new Set([...sets.flat(), ...wider].map(indexText));
    const chooseAt = performance.now();
    const chosen = await chooseBuilt(
      { client, io: quietIo(), statementTimeoutMs: asked.statementTimeoutMs },
      {
        units: units.filter(({ bound }) => given(bound.statement.id)),
        built: built.filter(({ index }) => own.has(indexText(index))),
        aside: built.filter(({ index }) => !own.has(indexText(index))),
        finalists: sets,
        budgetBytes,
        maxIndexesPerTable: MAX_INDEXES_PER_TABLE,
        untilMs: Date.now() + asked.chooseMs,
        known,
      },
    );
    tell(`${name}: chosen by ${chosen?.executions ?? 0} executions in ${((performance.now() - chooseAt) / 1000).toFixed(0)} s`);
    // as in a run: where the time is over before anything was seen to be better than none, what the search found stands
    const indexes = chosen?.indexes.map(({ index }) => index) ?? [];
    found.set(name, { indexes: indexes.length > 0 ? indexes : (sets[0] ?? []), finalists: sets });
  }
  await dropSets(client);
  await client.query('deallocate all');
  return found;
}

interface Searched {
  readonly sets: readonly IndexSet[];
  readonly wider: IndexSet;
}

async function searched(client: pg.Client, { bounds, searchMs, tell }: Asked, { name, given, budgetBytes }: Question): Promise<Searched> {
  const facts = await readTableFacts(client);
  const whatIf = await openHypoPg({ sessions: [client], facts });
  const began = performance.now();
  const limits = { budgetBytes, searchMs, maxStatements: 100, maxIndexesPerTable: MAX_INDEXES_PER_TABLE, protectedTables: [] };
  const bound = bounds.filter(({ statement }) => given(statement.id));
  const { sets, wider, explains } = await searchIndexes({ bound, facts, whatIf, limits, now: () => Date.now() });
  await whatIf.close();
  tell(`${name}: ${sets.length} finalists and ${wider.length} more indexes by ${explains} EXPLAINs in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  return { sets: sets.map(({ indexes }) => indexes), wider };
}

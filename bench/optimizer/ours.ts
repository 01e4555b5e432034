/** The product's own way to a set: what-if search under a budget of real bytes, its finalists built as one pool, the choice by execution. */
import type pg from 'pg';
import { readTableFacts } from '../../activities/optimizer/catalogue.ts';
import { chooseBuilt } from '../../activities/optimizer/lab/choose.ts';
import { prepareUnits, type Unit } from '../../activities/optimizer/lab/execute.ts';
import { buildSet, dropSets } from '../../activities/optimizer/lab/sets.ts';
import { searchIndexes } from '../../activities/optimizer/search-indexes.ts';
import { openHypoPg } from '../../activities/optimizer/what-if/hypopg.ts';
import { indexText } from '../../domain/optimizer/index-sql.ts';
import type { Bound, IndexDefinition } from '../../domain/optimizer/model.ts';
import { quietIo } from '../site.ts';

export interface Question {
  /** Their `totalMs` is what they take without any index, as pg_stat_statements would tell. */
  readonly bounds: readonly Bound[];
  readonly budgetBytes: number;
  readonly searchMs: number;
  readonly chooseMs: number;
  readonly statementTimeoutMs: number;
}

export interface Ours {
  readonly indexes: readonly IndexDefinition[];
  /** What the search would have given without executing anything. */
  readonly finalists: readonly (readonly IndexDefinition[])[];
  /** As told before anything was built. */
  readonly estimatedBytes: number;
  readonly explains: number;
  readonly searchMs: number;
  readonly buildMs: number;
  readonly chooseMs: number;
  readonly executions: number;
  readonly poolBytes: number;
}

/** Peers have no such limit: as many as the largest of their sets has on one table. */
const MAX_INDEXES_PER_TABLE = 12;

/** Nothing of ours is left built. */
export async function findOurs(client: pg.Client, question: Question): Promise<Ours> {
  const { bounds, budgetBytes, statementTimeoutMs } = question;
  await dropSets(client);
  const facts = await readTableFacts(client);
  const whatIf = await openHypoPg({ sessions: [client], facts });
  const began = performance.now();
  const limits = { budgetBytes, searchMs: question.searchMs, maxStatements: 100, maxIndexesPerTable: MAX_INDEXES_PER_TABLE, protectedTables: [] };
  const { sets, explains } = await searchIndexes({ bound: bounds, facts, whatIf, limits, now: () => Date.now() });
  const searchMs = performance.now() - began;
  const finalists = sets.map(({ indexes }) => indexes);
  const pool = [...new Map(finalists.flat().map((index) => [indexText(index), index])).values()];
  const built = await buildSet(client, pool, quietIo());
  const units: Unit[] = [];
  for (const [number, bound] of bounds.entries()) units.push(...(await prepareUnits(client, bound, number)));
  const builtAt = performance.now();
  const session = { client, io: quietIo(), statementTimeoutMs };
  const untilMs = Date.now() + question.chooseMs;
  const chosen = await chooseBuilt(session, { units, built, finalists, budgetBytes, maxIndexesPerTable: MAX_INDEXES_PER_TABLE, untilMs });
  const indexes = chosen?.indexes.map(({ index }) => index) ?? finalists[0] ?? [];
  const chooseMs = performance.now() - builtAt;
  await dropSets(client);
  await client.query('deallocate all');
  const sizes = await Promise.all(indexes.map((index) => whatIf.size(index)));
  await whatIf.close();
  return {
    indexes,
    finalists,
    estimatedBytes: sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0),
    explains,
    searchMs,
    buildMs: built.reduce((sum, { buildMs }) => sum + buildMs, 0),
    chooseMs,
    executions: chosen?.executions ?? 0,
    poolBytes: built.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}

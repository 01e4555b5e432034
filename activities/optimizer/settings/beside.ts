/** What the same run recommends already, made on the lab: a setting counts only for what it adds to that. */
import type pg from 'pg';
import type { IndexDefinition } from '../../../domain/optimizer/model.ts';
import { kindOf, type StatisticsChange } from '../../../domain/optimizer/recommendation.ts';
import { type BuiltObject, relationsOf } from '../lab/sets.ts';
import type { OptimizerStore } from '../ports.ts';

export interface Beside {
  readonly indexes: readonly IndexDefinition[];
  readonly statistics: readonly StatisticsChange[];
}

/** Of these recommendations. */
export async function recommendedBeside(store: Pick<OptimizerStore, 'findRecommendation'>, ids: readonly string[]): Promise<Beside> {
  const found = await Promise.all(ids.map((id) => store.findRecommendation(id)));
  const changes = found.flatMap((recommendation) => recommendation?.indexes ?? []);
  return {
    indexes: changes.flatMap((change) => (kindOf(change) === 'create-index' && change.index !== null ? [change.index] : [])),
    statistics: changes.flatMap((change) => (change.kind === 'create-statistics' ? [change] : [])),
  };
}

/** Under the names they will have; what an earlier attempt left of them goes first. */
export async function makeStatistics(client: pg.Client, statistics: readonly StatisticsChange[]): Promise<readonly BuiltObject[]> {
  await dropStatistics(client, statistics);
  const made: BuiltObject[] = [];
  for (const { sql, name, table } of statistics) {
    await client.query(sql);
    made.push({ schema: table.schema, name, isStatistics: true, relations: await relationsOf(client, table.schema, table.relation) });
  }
  return made;
}

export async function dropStatistics(client: pg.Client, statistics: readonly StatisticsChange[]): Promise<void> {
  for (const { undo } of statistics) await client.query(undo);
}

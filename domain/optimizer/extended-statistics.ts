/** Statistics on columns whose values go together (CREATE STATISTICS): what PostgreSQL multiplies otherwise as if they were independent. Pure. */
import { digest, firstBytes } from './index-name.ts';
import { hasLineBreak, quoteName, quoteRelation } from './index-sql.ts';
import type { RelationName } from './model.ts';
import type { StatisticsChange } from './recommendation.ts';

export interface StatisticsDefinition {
  readonly table: RelationName;
  /** Two to eight, unquoted. */
  readonly columns: readonly string[];
}

/** All three kinds: functional dependencies for equality, distinct combinations for groups, common combinations for both and for ranges. */
const KINDS = 'ndistinct, dependencies, mcv';

/** A name of at most 63 bytes that no other definition has. */
export function statisticsName({ table, columns }: StatisticsDefinition): string {
  const suffix = `_${digest(JSON.stringify([table.schema, table.relation, ...columns]))}_stat`;
  return `${firstBytes([table.relation, ...columns].join('_').replaceAll(/[^\p{L}\p{N}_]/gu, '_'), 63 - suffix.length)}${suffix}`;
}

/** Under the given name, in the table's schema. Takes a lock that lets readers and writers go on; empty until ANALYZE. */
export const createStatisticsSql = ({ table, columns }: StatisticsDefinition, name: string): string =>
  `CREATE STATISTICS ${quoteName(table.schema)}.${quoteName(name)} (${KINDS}) ON ${columns.map(quoteName).join(', ')} FROM ${quoteRelation(table)}`;

/** As it is proposed for the source. null: a name holds a line break, so that no line is a statement. */
export function recommendedStatistics(
  definition: StatisticsDefinition,
  { buildMs, because, leaveOneOut = null }: { readonly buildMs: number; readonly because: string; readonly leaveOneOut?: number | null },
): StatisticsChange | null {
  const { table } = definition;
  const name = statisticsName(definition);
  const create = `${createStatisticsSql(definition, name)};`;
  if (hasLineBreak(create)) return null;
  return {
    ...{ kind: 'create-statistics', name, index: null, table, sizeBytes: 0, buildMs, leaveOneOut, because },
    sql: `${create}\nANALYZE ${quoteRelation(table)};`,
    undo: `DROP STATISTICS IF EXISTS ${quoteName(table.schema)}.${quoteName(name)};`,
  };
}

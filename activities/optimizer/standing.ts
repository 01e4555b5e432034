/** What an earlier run proved and nobody has decided on: it is chosen among again, so that a search that is less lucky proposes nothing worse. */
import { indexText } from '../../domain/optimizer/index-sql.ts';
import type { Bound, IndexDefinition, OptimizerLimits, TableFacts } from '../../domain/optimizer/model.ts';
import { withoutRedundant } from '../../domain/optimizer/redundancy.ts';
import type { FinalistSet } from './ports.ts';
import type { WhatIf } from './what-if/what-if.ts';

export interface Standing {
  readonly bound: readonly Bound[];
  /** Sets of this run's own search. */
  readonly found: readonly FinalistSet[];
  readonly facts: readonly TableFacts[];
  readonly whatIf: Pick<WhatIf, 'plan' | 'size'>;
  readonly limits: Pick<OptimizerLimits, 'budgetBytes' | 'maxIndexesPerTable' | 'protectedTables'>;
  /** Those that PostgreSQL would build as the tables are now. */
  readonly buildable: (indexes: readonly IndexDefinition[]) => Promise<readonly IndexDefinition[]>;
}

/** Of the newest that can still be had within the limits of this run what its statements ask for; none where nothing of it is new, or the search found just it. */
export async function standing(earlier: readonly FinalistSet[], asked: Standing): Promise<readonly FinalistSet[]> {
  const { found, facts, limits, buildable } = asked;
  const existing = facts.flatMap(({ indexes }) => indexes);
  const known = new Set(found.map(nameOf));
  for (const set of earlier) {
    const left = withoutRedundant(set.indexes, existing);
    const indexes = await wanted(await buildable(left), asked);
    if (indexes.length === 0 || known.has(nameOf({ indexes })) || set.estimatedBytes > limits.budgetBytes || !isAllowed(indexes, limits)) continue;
    return [{ ...set, indexes }];
  }
  return [];
}

/** What some plan would use, and what the planner cannot be asked about. */
async function wanted(indexes: readonly IndexDefinition[], { bound, whatIf }: Standing): Promise<readonly IndexDefinition[]> {
  const used = new Set<string>();
  for (const each of indexes.length === 0 ? [] : bound) {
    const plan = await whatIf.plan(each, indexes).catch(() => null);
    for (const name of plan?.used ?? []) used.add(name);
  }
  const left: IndexDefinition[] = [];
  for (const index of indexes) if (used.has(indexText(index)) || (await whatIf.size(index)) === null) left.push(index);
  return left;
}

const nameOf = ({ indexes }: Pick<FinalistSet, 'indexes'>): string => JSON.stringify(indexes.map(indexText).toSorted());

function isAllowed(indexes: readonly IndexDefinition[], { maxIndexesPerTable, protectedTables }: Standing['limits']): boolean {
  const tables = indexes.map(({ table: { schema, relation } }) => `${schema}.${relation}`);
  return tables.every((table) => !protectedTables.includes(table) && tables.filter((other) => other === table).length <= maxIndexesPerTable);
}

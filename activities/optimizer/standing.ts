/** What an earlier run proved and nobody has decided on: it is chosen among again, so that a search that is less lucky proposes nothing worse. */
import { quoteRelation } from '../../domain/optimizer/index-sql.ts';
import type { Bound, IndexDefinition, OptimizerLimits, TableFacts } from '../../domain/optimizer/model.ts';
import { withoutRedundant } from '../../domain/optimizer/redundancy.ts';
import type { FinalistSet } from './ports.ts';
import type { WhatIf } from './what-if/what-if.ts';

export interface Standing {
  readonly bound: readonly Bound[];
  readonly facts: readonly TableFacts[];
  readonly whatIf: Pick<WhatIf, 'plan' | 'size'>;
  readonly limits: Pick<OptimizerLimits, 'budgetBytes' | 'maxIndexesPerTable' | 'protectedTables'>;
  /** Those that PostgreSQL would build as the tables are now, and that are not there. */
  readonly buildable: (indexes: readonly IndexDefinition[]) => Promise<readonly IndexDefinition[]>;
}

/** Proposals looked at: each asks as many EXPLAINs as there are statements at most. */
const NEWEST = 3;

/** The newest that can still be had, within the limits of this run, of which its statements would use any; none where nothing of it is new. */
export async function standing(earlier: readonly FinalistSet[], asked: Standing): Promise<readonly FinalistSet[]> {
  const { facts, whatIf, limits, buildable } = asked;
  const existing = facts.flatMap(({ indexes }) => indexes);
  const tables = new Set(facts.map(({ table }) => quoteRelation(table)));
  // texts, settings and statistics are proposals, too
  for (const set of earlier.filter((each) => each.indexes.length > 0).slice(0, NEWEST)) {
    const left = withoutRedundant(set.indexes, existing).filter(({ table }) => tables.has(quoteRelation(table)));
    const indexes = await buildable(left);
    if (!isAllowed(indexes, limits) || !(await isOfUse(indexes, asked))) continue;
    const estimatedBytes = indexes.length === set.indexes.length ? set.estimatedBytes : await bytesOf(indexes, whatIf);
    if (estimatedBytes <= limits.budgetBytes) return [{ ...set, indexes, estimatedBytes }];
  }
  return [];
}

/** As far as the planner can be asked. */
export async function bytesOf(indexes: readonly IndexDefinition[], { size }: Pick<WhatIf, 'size'>): Promise<number> {
  let bytes = 0;
  for (const index of indexes) bytes += (await size(index)) ?? 0;
  return bytes;
}

/** Would any plan use any of them, or can the planner not be asked? Each of them earned its place beside the others: which of them do so still is for execution to say. */
async function isOfUse(indexes: readonly IndexDefinition[], { bound, whatIf }: Standing): Promise<boolean> {
  const askable: IndexDefinition[] = [];
  for (const index of indexes) if ((await whatIf.size(index)) !== null) askable.push(index);
  if (askable.length < indexes.length) return true;
  for (const each of bound) {
    const plan = await whatIf.plan(each, askable).catch(() => null);
    if (plan !== null && plan.used.length > 0) return true;
  }
  return false;
}

function isAllowed(indexes: readonly IndexDefinition[], { maxIndexesPerTable, protectedTables }: Standing['limits']): boolean {
  const tables = indexes.map(({ table: { schema, relation } }) => `${schema}.${relation}`);
  return tables.every((table) => !protectedTables.includes(table) && tables.filter((other) => other === table).length <= maxIndexesPerTable);
}

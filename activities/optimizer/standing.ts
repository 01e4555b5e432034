/** What an earlier run proved and nobody has decided on: it is chosen among again, so that a search that is less lucky proposes nothing worse. */
import { indexText, quoteRelation } from '../../domain/optimizer/index-sql.ts';
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
  /** Those that PostgreSQL would build as the tables are now, and that are not there. */
  readonly buildable: (indexes: readonly IndexDefinition[]) => Promise<readonly IndexDefinition[]>;
}

/** Proposals looked at: each asks as many EXPLAINs as there are statements, or a few times as many. */
const NEWEST = 3;

/** Of the newest that can still be had within the limits of this run what its statements ask for; none where nothing of it is new, or the search found just it. */
export async function standing(earlier: readonly FinalistSet[], asked: Standing): Promise<readonly FinalistSet[]> {
  const { found, facts, whatIf, limits, buildable } = asked;
  const existing = facts.flatMap(({ indexes }) => indexes);
  const tables = new Set(facts.map(({ table }) => quoteRelation(table)));
  for (const set of earlier.slice(0, NEWEST)) {
    const left = withoutRedundant(set.indexes, existing).filter(({ table }) => tables.has(quoteRelation(table)));
    const indexes = await wanted(await buildable(left), asked);
    if (indexes.length === 0 || !isAllowed(indexes, limits)) continue;
    if (found.some((other) => nameOf(other) === nameOf({ indexes }))) return [];
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

/** What some plan would use, and what the planner cannot be asked about. */
async function wanted(indexes: readonly IndexDefinition[], { bound, whatIf }: Standing): Promise<readonly IndexDefinition[]> {
  const askable: IndexDefinition[] = [];
  for (const index of indexes) if ((await whatIf.size(index)) !== null) askable.push(index);
  const used = new Set<string>();
  // of partial ones on several tables of a statement a plan shows but one
  const asked = [askable, ...askable.filter(({ predicate }) => predicate !== null).map((index) => [index])].filter(({ length }) => length > 0);
  for (const each of bound) {
    for (const set of asked) {
      const plan = await whatIf.plan(each, set).catch(() => null);
      for (const name of plan?.used ?? []) used.add(name);
    }
  }
  return indexes.filter((index) => !askable.includes(index) || used.has(indexText(index)));
}

const nameOf = ({ indexes }: Pick<FinalistSet, 'indexes'>): string => JSON.stringify(indexes.map(indexText).toSorted());

function isAllowed(indexes: readonly IndexDefinition[], { maxIndexesPerTable, protectedTables }: Standing['limits']): boolean {
  const tables = indexes.map(({ table: { schema, relation } }) => `${schema}.${relation}`);
  return tables.every((table) => !protectedTables.includes(table) && tables.filter((other) => other === table).length <= maxIndexesPerTable);
}

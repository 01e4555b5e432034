/** Sets worth building, from the shapes of the statements: until what-if search lands, one set of what each statement would like best. */
import type pg from 'pg';
import { candidatesFor } from '../../domain/optimizer/candidates.ts';
import type { IndexDefinition, TableFacts } from '../../domain/optimizer/model.ts';
import { withoutRedundant } from '../../domain/optimizer/redundancy.ts';
import { readTableFacts } from './catalogue.ts';
import { statementShape } from './parse/shape.ts';
import type { SearchSets } from './ports.ts';

export const searchSets: SearchSets = async (client: pg.Client, { bound, limits }) => {
  const facts = (await readTableFacts(client)).filter((each) => !isProtected(each, limits.protectedTables));
  const wanted: IndexDefinition[] = [];
  for (const { text } of bound) {
    const candidates = candidatesFor(await statementShape(text, facts), facts, { include: false, partial: false, otherMethods: false });
    const index = candidates.flatMap((each) => (each.kind === 'create-index' && !each.isLabOnly ? [each.index] : []))[0];
    if (index !== undefined) wanted.push(index);
  }
  const existing = facts.flatMap(({ indexes }) => indexes);
  const indexes = withoutRedundant(wanted, existing).slice(0, limits.maxIndexesPerTable);
  return { sets: indexes.length === 0 ? [] : [{ indexes, estimatedRatio: 1, estimatedBytes: 0 }], explains: 0 };
};

const isProtected = ({ table }: TableFacts, names: readonly string[]) => names.includes(`${table.schema}.${table.relation}`);

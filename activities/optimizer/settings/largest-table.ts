/** Of a statement's tables the one that says most of whether its evidence is still good. */
import type pg from 'pg';
import type { RelationName } from '../../../domain/optimizer/model.ts';
import { planText, type Unit } from '../lab/execute.ts';
import { tableSizes } from '../table-sizes.ts';

/** null: it reads none, or only what is no table. */
export async function largestTable(client: pg.Client, units: readonly Unit[]): Promise<RelationName | null> {
  const tables: RelationName[] = [];
  for (const unit of units) tables.push(...tablesIn(JSON.parse(await planText(client, unit, []))));
  const sizes = await tableSizes(client, tables);
  return sizes.toSorted((a, b) => b.bytes - a.bytes)[0]?.table ?? null;
}

/** EXPLAIN's own fields, at any depth. */
function tablesIn(plan: unknown): readonly RelationName[] {
  if (typeof plan !== 'object' || plan === null) return [];
  const { Schema: schema, 'Relation Name': relation } = plan as Readonly<Record<string, unknown>>;
  const own = typeof schema === 'string' && typeof relation === 'string' ? [{ schema, relation }] : [];
  return [...own, ...Object.values(plan).flatMap(tablesIn)];
}

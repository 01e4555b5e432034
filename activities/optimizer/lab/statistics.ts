/** Columns whose values go together, where a statement's plan counted wrong because of it: found by executing, with statistics made on the lab. */
import type pg from 'pg';
import { candidatesFor } from '../../../domain/optimizer/candidates.ts';
import { createStatisticsSql, type StatisticsDefinition } from '../../../domain/optimizer/extended-statistics.ts';
import type { FindingEvidence } from '../../../domain/optimizer/finding.ts';
import { findingsOf } from '../../../domain/optimizer/findings.ts';
import type { TableFacts } from '../../../domain/optimizer/model.ts';
import { qualified } from '../../pg.ts';
import { readTableFacts } from '../catalogue.ts';
import { explainBound } from '../explain.ts';
import { statementShape } from '../parse/shape.ts';
import type { Unit } from './execute.ts';
import type { LabSession } from './measure.ts';
import { type BuiltObject, labName, relationsOf } from './sets.ts';

export interface StatisticsIdea extends StatisticsDefinition {
  /** Rows that came and that were expected where the count goes wrong first. */
  readonly estimatedRows: number;
  readonly actualRows: number;
}

export interface BuiltStatistics extends BuiltObject {
  readonly idea: StatisticsIdea;
  readonly buildMs: number;
}

/** Of so many at most the ones that touch most time. */
const MOST = 5;

type Misestimate = Extract<FindingEvidence, { kind: 'misestimate' }> & { readonly share: number };

/** Executes each statement that compares or groups several columns of a table once for each of its values. `protectedTables`: `schema.table`. */
export async function statisticsIdeas(session: LabSession, units: readonly Unit[], protectedTables: readonly string[]): Promise<readonly StatisticsIdea[]> {
  const facts = await readTableFacts(session.client);
  const open = facts.filter(({ table }) => !protectedTables.includes(`${table.schema}.${table.relation}`));
  const there = await existing(session.client);
  const found = new Map<string, { readonly idea: StatisticsIdea; readonly weight: number }>();
  for (const unit of units) {
    session.io.signal.throwIfAborted();
    session.io.beat({ phase: 'statistics', found: found.size });
    for (const definition of await definitionsOf(unit, open)) {
      const key = keyOf(definition);
      if (there.has(key) || found.has(key)) continue;
      const wrong = await misestimate(session, unit, definition);
      if (wrong === null) continue;
      const { estimatedRows, actualRows, share } = wrong;
      found.set(key, { idea: { ...definition, estimatedRows, actualRows }, weight: share * unit.bound.statement.totalMs });
    }
  }
  return [...found.values()]
    .toSorted((a, b) => b.weight - a.weight)
    .slice(0, MOST)
    .map(({ idea }) => idea);
}

/** With ANALYZE, which alone fills them. The column's own statistics are new then as well, with and without: the difference is what they add. */
export async function buildStatistics(client: pg.Client, ideas: readonly StatisticsIdea[]): Promise<readonly BuiltStatistics[]> {
  const built: BuiltStatistics[] = [];
  for (const [place, idea] of ideas.entries()) {
    const { schema, relation } = idea.table;
    const name = labName(place + 1);
    const began = performance.now();
    await client.query(createStatisticsSql(idea, name));
    await client.query(`analyze ${qualified(schema, relation)}`);
    const relations = await relationsOf(client, schema, relation);
    built.push({ idea, schema, name, isStatistics: true, relations, buildMs: Math.round(performance.now() - began) });
  }
  return built;
}

async function definitionsOf({ bound }: Unit, facts: readonly TableFacts[]): Promise<readonly StatisticsDefinition[]> {
  const candidates = candidatesFor(await statementShape(bound.text, facts, bound), facts, { otherMethods: false, include: false, partial: false });
  return candidates.flatMap((each) => (each.kind === 'create-statistics' ? [{ table: each.table, columns: each.columns }] : []));
}

/** At a node of the table, or at one that is nobody's: a join or a group above it. null: every count is right, or it could not be executed. */
async function misestimate({ client, statementTimeoutMs }: LabSession, { bound, binding }: Unit, { table }: StatisticsDefinition): Promise<Misestimate | null> {
  const [plan] = await explainBound(client, { ...bound, bindings: [binding] }, { analyze: true, timeoutMs: statementTimeoutMs });
  if (plan?.kind !== 'planned') return null;
  for (const { evidence, relation, share } of plan.explained.flatMap((explained) => findingsOf(explained))) {
    const isHere = relation === null || (relation.schema === table.schema && relation.relation === table.relation);
    if (evidence.kind === 'misestimate' && isHere) return { ...evidence, share };
  }
  return null;
}

const keyOf = ({ table, columns }: StatisticsDefinition): string => JSON.stringify([table.schema, table.relation, columns.toSorted()]);

/** Column sets that have statistics already. */
async function existing(client: pg.Client): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ schema: string; relation: string; columns: readonly string[] }>(
    `/* assay optimizer */ select n.nspname as schema, c.relname as relation, array_agg(a.attname::text) as columns
      from pg_catalog.pg_statistic_ext s
        join pg_catalog.pg_class c on c.oid = s.stxrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = any (s.stxkeys)
      group by s.oid, n.nspname, c.relname`,
  );
  return new Set(rows.map(({ schema, relation, columns }) => keyOf({ table: { schema, relation }, columns })));
}

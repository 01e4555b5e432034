/** Is what was measured still so? The source as it is now, against what the recommendation says of the lab. */
import type pg from 'pg';
import { quoteRelation } from '../../../domain/optimizer/index-sql.ts';
import { optimizerPolicyOf } from '../../../domain/optimizer/policy.ts';
import { kindOf, type Recommendation, type RecommendedIndex, tableOfChange } from '../../../domain/optimizer/recommendation.ts';
import type { SettingAdvice } from '../../../domain/optimizer/setting.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { againstRemoval } from '../hygiene/still.ts';
import { partitionsOf } from '../lab/partitions.ts';
import { brokenGrounds } from '../rewrite/grounds.ts';
import { tableSizes } from '../table-sizes.ts';
import { changeStatements } from './statements.ts';

export interface EvidenceCheck {
  readonly fresh: boolean;
  /** Why it is stale; empty where it is fresh. */
  readonly because: readonly string[];
}

interface Question {
  readonly recommendation: Recommendation;
  readonly policy: ClusterPolicy;
  readonly now: Date;
}

const DAY_MS = 86_400_000;

export async function evidenceCheck(client: pg.Client, { recommendation, policy, now }: Question): Promise<EvidenceCheck> {
  const because: string[] = [];
  const { evidenceAgeMs } = optimizerPolicyOf(policy);
  const ageMs = now.getTime() - Date.parse(recommendation.createdAt);
  if (ageMs > evidenceAgeMs) because.push(`it was measured ${(ageMs / DAY_MS).toFixed(1)} days ago, ${(evidenceAgeMs / DAY_MS).toFixed(1)} are allowed`);
  for (const change of recommendation.indexes) {
    const table = tableOfChange(change);
    const { rows } = await client.query<{ name: string }>(columnsSql, [table.schema, table.relation]);
    const names = new Set(rows.map(({ name }) => name));
    if (names.size === 0) because.push(`there is no table ${quoteRelation(table)} any more`);
    const columns = change.index === null ? [] : [...change.index.keys.flatMap(({ column }) => column ?? []), ...change.index.include];
    const gone = names.size === 0 ? [] : columns.filter((column) => !names.has(column));
    if (names.size > 0) because.push(...(await otherParts(client, change)));
    if (change.index !== null && kindOf(change) === 'drop-index') because.push(...(await againstRemoval(client, change)));
    if (change.kind === 'setting') because.push(...(await otherwiseSet(client, change.advice)));
    if (change.kind === 'rewrite') because.push(...(await brokenGrounds(client, change.rewrite)));
    if (gone.length > 0) because.push(`${quoteRelation(table)} has no column ${gone.join(', ')} any more`);
  }
  because.push(...(await grown(client, recommendation)));
  const distinct = [...new Set(because)];
  return { fresh: distinct.length === 0, because: distinct };
}

/** Somebody gave it to the database or the role meanwhile: what it would add to that was not measured. */
async function otherwiseSet(client: pg.Client, { name, was }: SettingAdvice): Promise<readonly string[]> {
  const { rows } = await client.query<{ now: string }>('/* assay optimizer */ select pg_catalog.current_setting($1) as now', [name]);
  const now = rows[0]?.now ?? was;
  return now === was ? [] : [`${name} is ${now} by now, it was ${was} when it was measured`];
}

/** Each partition has its own statements in the SQL: one that came since would have no index, one that went fails. */
async function otherParts(client: pg.Client, change: RecommendedIndex): Promise<readonly string[]> {
  if (kindOf(change) !== 'create-index') return [];
  const table = quoteRelation(tableOfChange(change));
  const then = changeStatements(change.sql).flatMap((statement) => (statement.kind === 'create-index' ? [quoteRelation(statement.table)] : []));
  const now = await partitionsOf(client, tableOfChange(change));
  const parts = now === null ? [] : now.parts.map(quoteRelation);
  const measured = then.filter((name) => name !== table);
  const isSame = parts.length === measured.length && parts.every((name) => measured.includes(name));
  return isSame ? [] : [`${table} has ${parts.length} partition(s), others than the ${measured.length} that were measured`];
}

/** Of a table that is much larger or smaller by now, plans are others than those that were measured. */
const MOVED = 1.5;
/** Below this everything is quick: a table that doubles from 1 to 2 MB says nothing. */
const SMALL_BYTES = 16 * 1024 ** 2;

async function grown(client: pg.Client, { tables = [] }: Recommendation): Promise<readonly string[]> {
  const now = await tableSizes(
    client,
    tables.map(({ table }) => table),
  );
  return tables.flatMap(({ table, bytes: then }) => {
    const is = now.find((one) => one.table.schema === table.schema && one.table.relation === table.relation)?.bytes ?? then;
    if (Math.max(is, then) < SMALL_BYTES || Math.max(is, then) <= MOVED * Math.min(is, then)) return [];
    return [`${quoteRelation(table)} has ${Math.round(is / 1024 ** 2)} MiB, ${Math.round(then / 1024 ** 2)} MiB when it was measured`];
  });
}

const columnsSql = `/* assay optimizer */ select a.attname as name
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'm') and a.attnum > 0 and not a.attisdropped`;

/** Row level security as one role meets it on the lab: the tables of a statement whose rows are hidden from it, and by which conditions. */
import type pg from 'pg';
import { ident, qualified } from '../../pg.ts';
import { relationsOf } from '../workload/classify.ts';
import type { LabCatalogue, LabRelation, RelationKey } from './statistics.ts';
import { isFault, type Parsed, parseOne } from './tree.ts';

/** A policy's condition as a statement of its own: `select from table where condition`. */
export interface PolicyCondition {
  readonly table: LabRelation;
  readonly condition: string;
  readonly parsed: Parsed;
}

export interface GuardedTable {
  readonly table: LabRelation;
  /** Of reading; what several policies say, together. */
  readonly condition: string;
  /** Named in the statement itself, not in a view below or in a policy. */
  readonly isNamed: boolean;
}

export interface Guarded {
  readonly tables: readonly GuardedTable[];
  /** Of all policies that hold for the role, each by itself; those of tables that policies read as well. */
  readonly conditions: readonly PolicyCondition[];
}

/** Tables with row level security that a statement names, or that views among them read. */
export async function tablesWithPolicies(catalogue: LabCatalogue, parsed: Parsed): Promise<readonly string[]> {
  const met = await catalogue.load(relationsOf(parsed));
  return [...new Set(met.filter(({ isGuarded }) => isGuarded).map(nameOf))].sort();
}

export const nameOf = ({ schema, name }: Pick<LabRelation, 'schema' | 'name'>): string => `${schema}.${name}`;

/** Owners, superusers and roles with BYPASSRLS meet none; below a view its owner counts. */
export async function guardedFor(
  { client, catalogue }: { readonly client: pg.Client; readonly catalogue: LabCatalogue },
  parsed: Parsed,
  role: string,
): Promise<Guarded> {
  const tables = new Map<string, GuardedTable>();
  const conditions: PolicyCondition[] = [];
  const seen = new Set<string>();
  const walk = async (keys: readonly RelationKey[], { reader, isNamed }: { reader: string; isNamed: boolean }): Promise<void> => {
    for (const key of keys) {
      const [relation] = await catalogue.load([key]);
      if (relation === undefined || seen.has(`${reader} ${nameOf(relation)}`)) continue;
      seen.add(`${reader} ${nameOf(relation)}`);
      await walk(relation.below, { reader: relation.readsAs ?? reader, isNamed: false });
      if (!relation.isGuarded || !(await isActive(client, relation, reader))) continue;
      const policies = await policiesOf(client, relation, reader);
      tables.set(nameOf(relation), { table: relation, condition: together(policies), isNamed });
      for (const condition of policies.flatMap(({ reads, writes }) => [reads ?? [], writes ?? []].flat())) {
        const own = parseOne(`select from ${qualified(relation.schema, relation.name)} where ${condition}`);
        if (isFault(own)) continue;
        conditions.push({ table: relation, condition, parsed: own });
        await walk(relationsOf(own).slice(1), { reader, isNamed: false });
      }
    }
  };
  await walk(relationsOf(parsed), { reader: role, isNamed: true });
  return { tables: [...tables.values()], conditions };
}

async function isActive(client: pg.Client, { schema, name }: LabRelation, role: string): Promise<boolean> {
  await client.query('begin');
  try {
    await client.query(`set local row_security = on; set local session authorization ${ident(role)}`);
    const { rows } = await client.query<{ active: boolean }>(activeSql, [schema, name]);
    return rows[0]?.active ?? false;
  } finally {
    await client.query('rollback');
  }
}

interface Policy {
  readonly isPermissive: boolean;
  /** Of reading, changing and deleting what is there; null: it says nothing of that. */
  readonly reads: string | null;
  /** Of what is written. */
  readonly writes: string | null;
  readonly command: string;
}

const policiesOf = async (client: pg.Client, { schema, name }: LabRelation, role: string): Promise<readonly Policy[]> =>
  (await client.query<Policy>(policiesSql, [schema, name, role])).rows;

/** One permissive policy is enough, each restrictive one must hold; without any nothing is seen. Source: PostgreSQL manual, "CREATE POLICY". */
function together(policies: readonly Policy[]): string {
  const reading = policies
    .filter(({ command }) => command === '*' || command === 'r')
    .flatMap(({ isPermissive, reads }) => ({ isPermissive, sql: reads ?? 'true' }));
  const permissive = reading.filter(({ isPermissive }) => isPermissive).map(({ sql }) => `(${sql})`);
  const restrictive = reading.filter(({ isPermissive }) => !isPermissive).map(({ sql }) => `(${sql})`);
  return [permissive.length === 0 ? '(false)' : `(${permissive.join(' or ')})`, ...restrictive].join(' and ');
}

const activeSql = `/* assay optimizer */ select row_security_active(relation.oid) as active
  from pg_catalog.pg_class as relation join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
  where namespace.nspname = $1 and relation.relname = $2`;

const policiesSql = `/* assay optimizer */ select policy.polpermissive as "isPermissive", policy.polcmd::text as command,
    pg_catalog.pg_get_expr(policy.polqual, policy.polrelid) as reads, pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid) as writes
  from pg_catalog.pg_policy as policy join pg_catalog.pg_class as relation on relation.oid = policy.polrelid
    join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
  where namespace.nspname = $1 and relation.relname = $2
    and exists (select from unnest(policy.polroles) as one where one = 0 or pg_catalog.pg_has_role($3::name, one, 'usage'))
  order by policy.polname`;

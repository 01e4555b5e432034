/** Where Assay carries out what is approved (`optimizer.apply: execute`): tables whose indexes its role may not change, said before anybody approves. */
import { optimizerPolicyOf } from '../../domain/optimizer/policy.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { ident, withConnection } from '../pg.ts';
import { type Finding, fault, few, ok, warning } from './line.ts';
import type { ReadSecret } from './ports.ts';

const NAME = 'table-owners';

/** Tables of one owner in one schema that are alike in what is missing. */
interface Owned {
  readonly owner: string;
  readonly schema: string;
  readonly tables: readonly string[];
  /** By membership that inherits, or by SET ROLE. */
  readonly mayAct: boolean;
  /** As whom an index is made there, and may that role make anything in the schema? */
  readonly acting: string;
  readonly mayCreate: boolean;
}

/** Of the database that runs look at. Nothing where approvals only hand out SQL. */
export async function checkTableOwners(policy: ClusterPolicy, versionNumber: number, readSecret: ReadSecret): Promise<readonly Finding[]> {
  const { apply, database: named, limits } = optimizerPolicyOf(policy);
  if (apply !== 'execute') return [];
  const { user, database: own } = policy.connection;
  const database = named ?? own;
  const options = { database, agent: 'doctor', statementTimeoutMs: 20_000 } as const;
  const { rows: owned } = await withConnection(policy.connection, readSecret, options, (client) => client.query<Owned>(ownedSql, [limits.protectedTables]));
  const barred = owned.filter(({ mayAct, mayCreate }) => !mayAct || !mayCreate);
  const count = (some: readonly Owned[]) => some.reduce((sum, { tables }) => sum + tables.length, 0);
  if (barred.length === 0) return [ok(NAME, `${user} may change the indexes of all ${count(owned)} table(s) of ${database} that the policy does not protect`)];
  // of some it works; where there is none, nothing that is approved can be carried out
  const said = count(barred) === count(owned) ? fault : warning;
  const instead = 'or write optimizer.apply: sql, and make the changes by your own pipeline';
  return [...grants(barred, { user, versionNumber })].map(([grant, some]) => {
    const tables = few(some.flatMap(({ schema, tables: names }) => names.map((name) => `${schema}.${name}`)));
    return said(
      NAME,
      `${user} may not change the indexes of ${count(some)} of ${count(owned)} table(s) of ${database}: ${tables}`,
      `as a superuser in ${database}: ${grant}; ${instead}`,
    );
  });
}

/** What to grant, with all that it opens. */
function grants(
  barred: readonly Owned[],
  { user, versionNumber }: { readonly user: string; readonly versionNumber: number },
): ReadonlyMap<string, readonly Owned[]> {
  const found = new Map<string, readonly Owned[]>();
  const how = versionNumber >= 160_000 ? ' WITH INHERIT FALSE, SET TRUE' : '';
  for (const one of barred) {
    const membership = one.mayAct ? [] : [`GRANT ${ident(one.owner)} TO ${ident(user)}${how}`];
    const place = one.mayCreate ? [] : [`GRANT CREATE ON SCHEMA ${ident(one.schema)} TO ${ident(one.acting)}`];
    const grant = [...membership, ...place].join('; ');
    found.set(grant, [...(found.get(grant) ?? []), one]);
  }
  return found;
}

const ownedSql = `/* assay doctor */ with owned as (
    select n.nspname, n.oid as schema_oid, c.relname, o.rolname as owner, pg_has_role(session_user, c.relowner, 'USAGE') as has_own,
      pg_has_role(session_user, c.relowner, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end) as may_set
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles o on o.oid = c.relowner
    where c.relkind in ('r', 'p', 'm') and not c.relispartition and c.relpersistence <> 't'
      and n.nspname not in ('information_schema', 'assay', 'assay_control') and n.nspname !~ '^pg_' and n.nspname || '.' || c.relname <> all ($1::text[])
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')),
  acting as (select *, case when has_own then session_user::text else owner::text end as acting from owned)
  select owner, nspname as schema, array_agg(relname::text order by relname) as tables, has_own or may_set as "mayAct", acting,
    has_schema_privilege(acting, schema_oid, 'CREATE') as "mayCreate"
  from acting group by owner, nspname, schema_oid, has_own or may_set, acting order by owner, nspname`;

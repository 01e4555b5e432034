/** The one session of an attempt on the source: nobody else of Assay changes that database meanwhile, and it acts as the owner of the table. */
import type pg from 'pg';
import { AssayError } from '../../../domain/errors.ts';
import { quoteRelation } from '../../../domain/optimizer/index-sql.ts';
import type { RelationName } from '../../../domain/optimizer/model.ts';
import type { StepIo } from '../../io.ts';
import { ident } from '../../pg.ts';
import { untilTrue } from '../../wait.ts';

/** Key of the advisory lock: `assayopt` in ASCII. */
export const APPLY_LOCK = '7022083106487103604';

/**
 * Waits until no other session of Assay changes this database. A killed attempt's backend holds the lock for as long as it builds on, so that nothing of
 * it is under way any more once this has it. `meanwhile` is done before each look that found it held. Throws cancelled.
 */
export async function alone(client: pg.Client, io: StepIo, meanwhile: () => Promise<void> = async () => {}): Promise<void> {
  const wait = { everyMs: 500, patienceMs: Number.POSITIVE_INFINITY, io, waitingFor: 'an earlier attempt that is still building' };
  await untilTrue(wait, async () => {
    const { rows } = await client.query<{ got: boolean }>('/* assay optimizer */ select pg_try_advisory_lock($1) as got', [APPLY_LOCK]);
    if (rows[0]?.got === true) return true;
    await meanwhile();
    return null;
  });
}

/** Throws refused-by-guard: a standby takes no change. */
export async function assertPrimary(client: pg.Client, cluster: string): Promise<void> {
  const { rows } = await client.query<{ standby: boolean }>('/* assay optimizer */ select pg_is_in_recovery() as standby');
  if (rows[0]?.standby !== true) return;
  throw new AssayError('refused-by-guard', {
    what: `a change of ${cluster}`,
    reason: 'its connection leads to a standby',
    hint: 'name the primary in the connection of assay.yaml',
  });
}

interface Rights {
  readonly role: string;
  readonly owner: string;
  readonly hasOwn: boolean;
  readonly maySet: boolean;
  readonly mayCreate: boolean;
  readonly version: number;
}

/** One thing that a role may not do, and the statement that lets it. */
export interface MissingRight {
  readonly role: string;
  /** To read after "may not", before the table. */
  readonly what: string;
  readonly table: string;
  readonly grant: string;
}

export interface ActingAs {
  /** null: the session's own role. */
  readonly owner: string | null;
  readonly missing: readonly MissingRight[];
}

/** Whom to act as for a table, and what is missing for that: all of it. Only reads. Throws refused-by-guard where there is no such table. */
export async function ownerToBe(client: pg.Client, table: RelationName): Promise<ActingAs> {
  const { rows } = await client.query<Rights>(rightsSql, [table.schema, table.relation]);
  const [rights] = rows;
  if (rights === undefined) {
    const hint = 'start `assay optimizer run` anew: the recommendation is about a table that was';
    throw new AssayError('refused-by-guard', { what: 'the change', reason: `there is no table ${quoteRelation(table)}`, hint });
  }
  const { role, owner, hasOwn, maySet, mayCreate, version } = rights;
  const name = quoteRelation(table);
  const how = version >= 160_000 ? ' WITH INHERIT FALSE, SET TRUE' : '';
  const membership = { role, what: 'change the indexes of', table: name, grant: `GRANT ${ident(owner)} TO ${ident(role)}${how}` };
  // an index is made in the schema of its table, and whoever makes it must be allowed to: that of an owner alone is not enough
  const acting = hasOwn ? role : owner;
  const place = {
    role: acting,
    what: 'create anything in the schema of',
    table: name,
    grant: `GRANT CREATE ON SCHEMA ${ident(table.schema)} TO ${ident(acting)}`,
  };
  return { owner: hasOwn ? null : owner, missing: [...(hasOwn || maySet ? [] : [membership]), ...(mayCreate ? [] : [place])] };
}

/** Throws privilege-missing with every grant to make, each once; nothing where nothing is missing. */
export function assertRights(missing: readonly MissingRight[]): void {
  const [first] = missing;
  if (first === undefined) return;
  const said = new Map<string, Set<string>>();
  for (const { role, what, table } of missing) {
    // the message begins with the first one's role
    const words = role === first.role ? what : `role ${role} may not ${what}`;
    said.set(words, (said.get(words) ?? new Set()).add(table));
  }
  const what = [...said].map(([words, tables]) => `${words} ${[...tables].join(', ')}`).join('; ');
  throw new AssayError('privilege-missing', { role: first.role, what, grant: [...new Set(missing.map(({ grant }) => grant))].join('; ') });
}

const rightsSql = `/* assay optimizer */ select session_user::text as role, o.rolname as owner, current_setting('server_version_num')::int as version,
    pg_has_role(session_user, c.relowner, 'USAGE') as "hasOwn",
    pg_has_role(session_user, c.relowner, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end) as "maySet",
    has_schema_privilege(case when pg_has_role(session_user, c.relowner, 'USAGE') then session_user::text else o.rolname end, n.oid, 'CREATE') as "mayCreate"
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles o on o.oid = c.relowner
  where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'm')`;

/** Until the next call the session acts as the owner of this table. Throws as ownerToBe and assertRights. */
export async function actAsOwner(client: pg.Client, table: RelationName): Promise<void> {
  await client.query('/* assay optimizer */ reset role');
  const { owner, missing } = await ownerToBe(client, table);
  assertRights(missing);
  if (owner !== null) await client.query(`/* assay optimizer */ set role ${ident(owner)}`);
}

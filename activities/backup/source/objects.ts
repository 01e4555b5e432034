/** All that Assay leaves in a user's cluster: exact SQL, its way back, and why. Shown by `assay plan`, made by `apply`, undone by `remove`. */
import type pg from 'pg';
import { sourceSchema } from '../../../domain/ids.ts';
import { ident, literal, qualified } from '../../pg.ts';

export interface SourceObject {
  /** Stable, kept in the cluster to remember what Assay itself made. */
  readonly name: string;
  readonly sql: string;
  readonly undo: string;
  readonly why: string;
  /** One row, one boolean: is it there already, whoever made it? */
  readonly present: string;
  /** `role`: needs a role that may create roles or is superuser, and lasts beyond this database. */
  readonly scope: 'database' | 'role';
}

const schema = ident(sourceSchema);
export const witnessTable = qualified(sourceSchema, 'witness');

/**
 * In the order they are made. `role` is the role Assay connects as; the database is the one of the cluster's connection.
 * A superuser already has what the grants give, so they are not missing for one.
 */
export function sourceObjects(role: string): readonly SourceObject[] {
  return [...tables(role), ...grants(role)];
}

function tables(role: string): readonly SourceObject[] {
  return [
    {
      name: 'schema',
      sql: `create schema if not exists ${schema}`,
      undo: `drop schema if exists ${schema}`,
      why: 'one place for everything Assay keeps in this cluster',
      present: `select to_regnamespace('${schema}') is not null`,
      scope: 'database',
    },
    {
      name: 'witness-table',
      sql: `create table if not exists ${witnessTable} (id bigint generated always as identity primary key, at timestamptz not null, lsn pg_lsn not null, xid xid8 not null, nonce uuid not null)`,
      undo: `drop table if exists ${witnessTable}`,
      why: 'the newest witness that a restore brings back is the measured RPO',
      present: `select to_regclass('${witnessTable}') is not null`,
      scope: 'database',
    },
    {
      name: 'grant-schema',
      sql: `grant usage on schema ${schema} to ${ident(role)}`,
      undo: `revoke usage on schema ${schema} from ${ident(role)}`,
      why: 'to reach the witness table',
      present: `select coalesce((select has_schema_privilege(${literal(role)}, oid, 'usage') from pg_namespace where nspname = '${sourceSchema}'), false)`,
      scope: 'database',
    },
    {
      name: 'grant-witness',
      sql: `grant select, insert, delete on ${witnessTable} to ${ident(role)}`,
      undo: `revoke select, insert, delete on ${witnessTable} from ${ident(role)}`,
      why: 'to write witnesses and prune old ones',
      present: `select coalesce((select bool_and(has_table_privilege(${literal(role)}, to_regclass('${witnessTable}')::oid, privilege)) from unnest(array['select', 'insert', 'delete']) privilege), false)`,
      scope: 'database',
    },
  ];
}

function grants(role: string): readonly SourceObject[] {
  return [
    execute(role, 'pg_switch_wal()', 'to close a WAL segment, so that the moment to prove is archived at once'),
    execute(role, 'pg_create_restore_point(text)', 'to create restore points before a migration'),
    member(role, 'pg_monitor', 'to see sizes, archiving and running transactions'),
    member(role, 'pg_read_all_data', 'to fingerprint every table'),
    {
      name: 'replication',
      sql: `alter role ${ident(role)} replication`,
      undo: `alter role ${ident(role)} noreplication`,
      why: 'to take consistent snapshots without a lock (a temporary slot); this role can also stream the whole cluster',
      present: `select coalesce((select rolreplication or rolsuper from pg_roles where rolname = ${literal(role)}), false)`,
      scope: 'role',
    },
  ];
}

const execute = (role: string, signature: string, why: string): SourceObject => ({
  name: `execute-${signature.slice(0, signature.indexOf('('))}`,
  sql: `grant execute on function pg_catalog.${signature} to ${ident(role)}`,
  undo: `revoke execute on function pg_catalog.${signature} from ${ident(role)}`,
  why,
  present: `select has_function_privilege(${literal(role)}, 'pg_catalog.${signature}', 'execute')`,
  scope: 'database',
});

const member = (role: string, group: string, why: string): SourceObject => ({
  name: `member-${group}`,
  sql: `grant ${group} to ${ident(role)}`,
  undo: `revoke ${group} from ${ident(role)}`,
  why,
  present: `select pg_has_role(${literal(role)}, '${group}', 'usage')`,
  scope: 'role',
});

/** What is not there yet, in order; empty: nothing to do. Reads only. */
export async function missingObjects(client: pg.ClientBase, role: string): Promise<readonly SourceObject[]> {
  return pick(client, sourceObjects(role), false);
}

/**
 * Makes what is missing, all or nothing, and returns it. The client's role needs the right to (CREATE on the database; grants on built-in
 * functions and REPLICATION take a superuser). What Assay itself made is remembered as the schema's comment: what was there before Assay
 * came stays when it goes. Idempotent. Errors are PostgreSQL's own.
 */
export async function applyObjects(client: pg.ClientBase, role: string): Promise<readonly SourceObject[]> {
  return inTransaction(client, async () => {
    const missing = await missingObjects(client, role);
    if (missing.length === 0) return [];
    const memory = await memoryOf(client, role, missing);
    for (const object of missing) await client.query(object.sql);
    await client.query(memory);
    return missing;
  });
}

/** The statement that remembers these as made by Assay: whoever runs the SQL by hand runs it too, or `remove` leaves what was made. Reads only. */
export async function memoryOf(client: pg.ClientBase, role: string, made: readonly SourceObject[]): Promise<string> {
  return remembering([...(await madeByAssay(client)), ...made.map((object) => entry(role, object))]);
}

/** What `removeObjects` would undo: made by Assay and still there, last made first. Reads only. */
export async function removableObjects(client: pg.ClientBase, role: string): Promise<readonly SourceObject[]> {
  const made = new Set(await madeByAssay(client));
  const own = sourceObjects(role).filter((object) => made.has(entry(role, object)));
  return (await pick(client, own, true)).reverse();
}

/** Undoes all that `applyObjects` made, all or nothing, and returns it. Idempotent. A schema that holds foreign objects is refused by PostgreSQL. */
export async function removeObjects(client: pg.ClientBase, role: string): Promise<readonly SourceObject[]> {
  return inTransaction(client, () => undo(client, role));
}

/** Runs the SQL of `removeObjects` and rolls it back: who may do so is known from nothing else as surely. Throws what that would throw. */
export async function rehearseRemoval(client: pg.ClientBase, role: string): Promise<void> {
  await inTransaction(client, () => undo(client, role), 'rollback');
}

async function undo(client: pg.ClientBase, role: string): Promise<readonly SourceObject[]> {
  const own = await removableObjects(client, role);
  for (const object of own) await client.query(object.undo);
  if (own.length > 0 && !own.some((object) => object.name === 'schema')) await client.query(remembering([]));
  return own;
}

async function pick(client: pg.ClientBase, objects: readonly SourceObject[], present: boolean): Promise<SourceObject[]> {
  const picked: SourceObject[] = [];
  for (const object of objects) {
    const { rows } = await client.query<[boolean]>({ text: object.present, rowMode: 'array' });
    if (rows[0]?.[0] === present) picked.push(object);
  }
  return picked;
}

const COMMENT = 'made by Assay: ';
const entry = (role: string, object: SourceObject) => `${object.name}@${role}`;

async function madeByAssay(client: pg.ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ comment: string | null }>(
    `select obj_description(oid, 'pg_namespace') as comment from pg_namespace where nspname = '${sourceSchema}'`,
  );
  const comment = rows[0]?.comment ?? '';
  return comment.startsWith(COMMENT) ? (JSON.parse(comment.slice(COMMENT.length)) as string[]) : [];
}

const remembering = (entries: readonly string[]) => `comment on schema ${schema} is ${literal(COMMENT + JSON.stringify([...new Set(entries)]))}`;

/** Two `assay apply` at once take turns. */
async function inTransaction<T>(client: pg.ClientBase, work: () => Promise<T>, end: 'commit' | 'rollback' = 'commit'): Promise<T> {
  await client.query("begin; set local lock_timeout = '5s'; select pg_advisory_xact_lock(hashtext('assay/source-objects'))");
  try {
    const result = await work();
    await client.query(end);
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

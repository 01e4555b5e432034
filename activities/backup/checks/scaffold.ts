/**
 * What the checks need inside an open clone: the extension amcheck and a role that may only read. Both go away after the checks, since
 * the clone may be a restore that stays.
 */
import type pg from 'pg';
import { ident } from '../../pg.ts';
import { withClone } from '../clone/connection.ts';
import type { Finding, OnClone } from './result.ts';

const ROLE = 'assay_clone_checker';
const SCHEMA = 'assay_clone_check';

/** Whatever the source's own functions and the user's assertions do, they do it as this role. It bypasses row security, or rows would be hidden without a word. */
export async function createChecker(on: OnClone): Promise<void> {
  await withClone(on, {}, async (client) => {
    const { rows } = await client.query('/* assay backup */ select 1 from pg_catalog.pg_roles where rolname = $1', [ROLE]);
    if (rows.length > 0) return;
    await client.query(
      `/* assay backup */ create role ${ident(ROLE)} login nosuperuser nocreatedb nocreaterole noreplication bypassrls in role pg_read_all_data`,
    );
  });
}

export async function dropChecker(on: OnClone): Promise<void> {
  await withClone(on, {}, (client) => client.query(`/* assay backup */ drop role if exists ${ident(ROLE)}`));
}

/** A read-only session as that role. */
export async function asChecker<T>(
  on: OnClone,
  options: { readonly database: string; readonly timeoutMs: number; readonly settings?: Readonly<Record<string, string>> },
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const { database, timeoutMs, settings } = options;
  return withClone(on, { database, user: ROLE, settings: { ...settings, default_transaction_read_only: 'on', statement_timeout: String(timeoutMs) } }, use);
}

/** Creates amcheck where the source has none; null: it is there. Idempotent. */
export async function addAmcheck(on: OnClone, database: string): Promise<Finding | null> {
  return withClone(on, { database }, async (client) => {
    const { rows } = await client.query<{ installed: boolean }>(
      "/* assay backup */ select installed_version is not null as installed from pg_catalog.pg_available_extensions where name = 'amcheck'",
    );
    const [found] = rows;
    if (found === undefined) {
      return { outcome: 'unusable', cause: 'amcheck-unavailable', because: ['the extension amcheck is not installed on this host (postgresql-contrib)'] };
    }
    if (!found.installed) await unnoticed(client, [`create schema ${ident(SCHEMA)}`, `create extension amcheck with schema ${ident(SCHEMA)}`]);
    return null;
  });
}

/** Takes away what addAmcheck added, and nothing that was there before. */
export async function dropAmcheck(on: OnClone, database: string): Promise<void> {
  await withClone(on, { database }, async (client) => {
    const { rows } = await client.query('/* assay backup */ select 1 from pg_catalog.pg_namespace where nspname = $1', [SCHEMA]);
    if (rows.length > 0) await unnoticed(client, ['drop extension if exists amcheck', `drop schema ${ident(SCHEMA)}`]);
  });
}

/** Event triggers that are always enabled fire whatever the session's role is; for one transaction they are not. They never fire for commands on themselves. */
async function unnoticed(client: pg.ClientBase, statements: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ name: string; enabled: 'A' | 'R' }>(
    "/* assay backup */ select evtname as name, evtenabled::text as enabled from pg_catalog.pg_event_trigger where evtenabled in ('A', 'R')",
  );
  const alter = (what: (enabled: 'A' | 'R') => string) => rows.map(({ name, enabled }) => `alter event trigger ${ident(name)} ${what(enabled)}`);
  const back = alter((enabled) => `enable ${enabled === 'A' ? 'always' : 'replica'}`);
  await client.query('begin');
  try {
    for (const statement of [...alter(() => 'disable'), ...statements, ...back]) await client.query(`/* assay backup */ ${statement}`);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

/** Whatever the source's own functions and the user's assertions do in a clone, they do it as this role: reads all, may nothing else. */
import type pg from 'pg';
import { ident } from '../../pg.ts';
import { withClone } from '../clone/connection.ts';
import type { OnClone } from './result.ts';

const ROLE = 'assay_clone_checker';

/** Creates it in the promoted clone; idempotent. It bypasses row security, or rows would be hidden without a word. */
export async function createChecker(on: OnClone): Promise<void> {
  await withClone(on, {}, async (client) => {
    const { rows } = await client.query('/* assay backup */ select 1 from pg_catalog.pg_roles where rolname = $1', [ROLE]);
    if (rows.length > 0) return;
    await client.query(
      `/* assay backup */ create role ${ident(ROLE)} login nosuperuser nocreatedb nocreaterole noreplication bypassrls in role pg_read_all_data`,
    );
  });
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

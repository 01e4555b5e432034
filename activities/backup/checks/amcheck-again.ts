/**
 * pg_amcheck prints errors without their codes. An index on an expression calls its users' own functions while it is checked, under an empty
 * search_path at that: what these raise tells nothing of the index. So each index it complains of is asked once more, with the search_path that
 * sessions of its database have, and the code decides.
 */
import type pg from 'pg';
import type { ProofDepth } from '../../../domain/backup/model.ts';
import { faultOf, isServerError, reasonByCode } from '../../pg-errors.ts';
import { withClone } from '../clone/connection.ts';
import type { OnClone } from './result.ts';
import { takeUsualSearchPath } from './search-path.ts';

interface Complaint {
  readonly database: string;
  /** As pg_amcheck writes them: `database.schema.index`. */
  readonly names: readonly string[];
  readonly depth: ProofDepth;
}

/** Name → why it could not be checked, null: it is sound. An index that is damaged is not among them. */
export async function askIndexesAgain(on: OnClone, { database, names, depth }: Complaint): Promise<ReadonlyMap<string, string | null>> {
  return withClone(on, { database }, async (client) => {
    const { rows } = await client.query<{ oid: string; name: string; checker: string }>(
      `/* assay backup */ select c.oid::text as oid, pg_catalog.concat_ws('.', pg_catalog.current_database(), n.nspname, c.relname) as name,
         (select pg_catalog.quote_ident(s.nspname) from pg_catalog.pg_extension e join pg_catalog.pg_namespace s on s.oid = e.extnamespace
          where e.extname = 'amcheck') as checker
       from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where c.relkind = 'i' and pg_catalog.concat_ws('.', pg_catalog.current_database(), n.nspname, c.relname) = any ($1::text[])`,
      [names],
    );
    const found = new Map<string, string | null>();
    await takeUsualSearchPath(client);
    for (const { oid, name, checker } of rows) {
      const answer = await ask(client, `/* assay backup */ select ${checker}.bt_index_check(${BigInt(oid)}::oid::regclass, ${depth === 'deep'})`);
      if (answer !== 'damaged') found.set(name, answer);
    }
    return found;
  });
}

/** null: sound. Else why it cannot say. Throws where the server is gone. */
async function ask(client: pg.ClientBase, sql: string): Promise<string | null | 'damaged'> {
  try {
    await client.query(sql);
    // damage does not go away: what was complained of lay elsewhere
    return null;
  } catch (error) {
    if (!isServerError(error)) throw error;
    const { code } = error as { readonly code: string };
    return faultOf(error) === 'corrupt' || code.startsWith('XX') ? 'damaged' : `it could not be checked: ${reasonByCode(error)}`;
  }
}

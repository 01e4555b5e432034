/** A session, statements and plans for the tests of plans. */
import pg from 'pg';
import type { Bound } from '../../domain/optimizer/model.ts';
import type { Explained } from '../../domain/optimizer/plan.ts';
import { parseExplain } from '../../domain/optimizer/plan-parse.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';

export async function openSession({ socketDirectory, port }: EmbeddedCluster): Promise<pg.Client> {
  const client = new pg.Client({ host: socketDirectory, port, user: 'postgres', database: 'postgres' });
  await client.connect();
  return client;
}

/** Plan of a statement as it stands; `settings` for this one plan only. Rolled back. */
export async function planOf(
  client: pg.Client,
  sql: string,
  { analyze = true, settings = {} }: { readonly analyze?: boolean; readonly settings?: Readonly<Record<string, string>> } = {},
): Promise<Explained> {
  await client.query('begin');
  try {
    for (const [name, value] of Object.entries(settings)) await client.query(`set local ${name} = ${pg.escapeLiteral(value)}`);
    const options = `format json, verbose, settings${analyze ? ', analyze, buffers, wal' : ''}`;
    const { rows } = await client.query(`explain (${options}) ${sql}`);
    return parseExplain(rows[0]['QUERY PLAN'])[0] as Explained; // parseExplain gives at least one
  } finally {
    await client.query('rollback');
  }
}

export const boundOf = (text: string, parameterTypes: readonly string[], ...values: (string | null)[][]): Bound => ({
  statement: { id: '1', database: 'postgres', text, kind: 'select', calls: 1, totalMs: 1, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 },
  text,
  parameterTypes,
  bindings: values.map((each) => ({ source: 'captured', case: 'captured', values: each })),
});

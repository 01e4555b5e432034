/** Traffic that a guard watches: one statement many times, with looks in between. */
import type pg from 'pg';
import type { ApplyBench, Asked } from './apply-support.ts';
import { session } from './statements-server.ts';

/** queryid of the statement whose normalised text holds this. */
export async function queryIdOf(bench: ApplyBench, part: string): Promise<{ readonly id: string; readonly text: string }> {
  const rows = await bench.cluster.sql<{ id: string; text: string }>(
    `select queryid::text as id, query as text from pg_stat_statements where query like $1 and query not like '%pg_stat_statements%'`,
    { params: [`%${part}%`] },
  );
  const [only, ...more] = rows;
  if (only === undefined || more.length > 0) throw new Error(`${rows.length} statements like ${part}`);
  return only;
}

const LOOKS = 12;

/** One guard window, its looks between rounds of traffic instead of on a clock. */
export async function windowOf(bench: ApplyBench, asked: Asked, window: number, round: (client: pg.Client, look: number) => Promise<unknown>): Promise<void> {
  await session(bench.cluster, 'postgres', async (client) => {
    for (let look = 0; look <= LOOKS; look += 1) {
      await bench.steps.lookAtStatements({ ...asked, window, look });
      if (look < LOOKS) await round(client, look);
    }
  });
}

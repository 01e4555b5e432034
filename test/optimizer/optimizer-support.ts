/** What the optimizer's end-to-end tests share: a small shop that lacks an index, its traffic, and runs. */
import { openControl } from '../../activities/control/control-database.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import type { Recommendation } from '../../domain/optimizer/recommendation.ts';
import type { OptimizerRunInput, OptimizerRunResult } from '../../domain/optimizer/requests.ts';
import type { EmbeddedFleet } from '../../workers/embedded/embedded-fleet.ts';
import { freshKey } from '../support/fleet.ts';

/** Appears in rows, and in the values that statements were sent with. */
export const SECRET = 'whisper-4711';

/** Options of a fleet whose cluster counts its statements, and logs them with their values. */
export const counting = { cluster: { settings: { shared_preload_libraries: 'pg_stat_statements', log_min_duration_statement: '0' } } };

export async function makeShop({ cluster }: EmbeddedFleet, orders = 120_000): Promise<void> {
  await cluster.sql('create extension pg_stat_statements');
  await cluster.sql(`
    create table customer (id bigint primary key, email text not null, country text not null);
    create table "Order" (id bigint primary key, customer_id bigint not null, state text not null, placed_at timestamptz not null, note text);
    insert into customer select n, 'c' || n || '@example.org', (array['de','fr','it'])[1 + n % 3] from generate_series(1, 20000) n;
    insert into "Order" select n, 1 + n % 20000, (array['new','paid','sent'])[1 + n % 3], now() - n * interval '1 minute', repeat('${SECRET}', 3)
      from generate_series(1, ${orders}) n;
    analyze; select pg_stat_statements_reset()`);
}

/** Each on a connection of its own, as an application's pool would send them. */
export async function makeTraffic({ cluster }: EmbeddedFleet): Promise<void> {
  for (let n = 1; n <= 30; n += 1) {
    await cluster.sql(`select id, state from "Order" where customer_id = $1 order by placed_at desc limit 20`, { params: [n * 7] });
    await cluster.sql(`select email from customer where id = $1`, { params: [n] });
  }
  await cluster.sql(`select count(*) from "Order" where note = $1`, { params: [SECRET] });
  await cluster.sql(`update "Order" set state = $2 where id = $1`, { params: [5, 'paid'] });
}

export async function startRun(fleet: EmbeddedFleet, input: Partial<OptimizerRunInput> = {}) {
  const client = await fleet.client();
  const requestKey = input.requestKey ?? freshKey();
  return client.workflow.start<(input: OptimizerRunInput) => Promise<OptimizerRunResult>>('optimizerRun', {
    workflowId: workflowIds.optimizerRun('shop', requestKey),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', policy: fleet.policy(), ...input, requestKey }],
  });
}

/** Throws where there is none of that id. */
export async function storedRecommendation(fleet: EmbeddedFleet, id: string | null): Promise<Recommendation> {
  const control = await openControl(fleet.control.url);
  try {
    const found = id === null ? null : await createOptimizerStore(control).findRecommendation(id);
    if (found === null) throw new Error(`no recommendation ${id}`);
    return found;
  } finally {
    await control.close();
  }
}

/** Owners of the optimizer's that hold retention back; a scheduled backup may be due while a test runs. */
export async function pinned(fleet: EmbeddedFleet): Promise<readonly unknown[]> {
  const control = await openControl(fleet.control.url);
  try {
    return (await control.em().execute("select owner from assay_control.pin where owner like 'optimizer/%'")) as unknown[];
  } finally {
    await control.close();
  }
}

/** Statements of a SQL file, one a line, as psql would send them. */
export const statementsOf = (file: string): readonly string[] => file.split('\n').filter((line) => line !== '' && !line.startsWith('--'));

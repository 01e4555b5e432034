/** The optimizer's whole path on real parts: a workload nobody made for it, a proven backup, a lab, a recommendation that holds on the source. */
import { readdirSync, readFileSync } from 'node:fs';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { beforeAll, expect, test } from 'vitest';
import { openControl } from '../../activities/control/control-database.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import { type Recommendation, recommendationSql, undoSql } from '../../domain/optimizer/recommendation.ts';
import type { OptimizerRunInput, OptimizerRunResult } from '../../domain/optimizer/requests.ts';
import { asAssayError } from '../../ops/client/failures.ts';
import { freshKey, startBackup, useFleet } from '../support/fleet.ts';

const fleet = useFleet({ cluster: { settings: { shared_preload_libraries: 'pg_stat_statements' } } });

/** Appears in rows, and in the values that statements were sent with. */
const SECRET = 'whisper-4711';

beforeAll(async () => {
  const { cluster } = fleet.get();
  await cluster.sql('create extension pg_stat_statements');
  await cluster.sql(`
    create table customer (id bigint primary key, email text not null, country text not null);
    create table "Order" (id bigint primary key, customer_id bigint not null, state text not null, placed_at timestamptz not null, note text);
    insert into customer select n, 'c' || n || '@example.org', (array['de','fr','it'])[1 + n % 3] from generate_series(1, 20000) n;
    insert into "Order" select n, 1 + n % 20000, (array['new','paid','sent'])[1 + n % 3], now() - n * interval '1 minute', repeat('${SECRET}', 3)
      from generate_series(1, 120000) n;
    analyze; select pg_stat_statements_reset()`);
  // each on a connection of its own, as an application's pool would send them
  for (let n = 1; n <= 30; n += 1) {
    await cluster.sql(`select id, state from "Order" where customer_id = $1 order by placed_at desc limit 20`, { params: [n * 7] });
    await cluster.sql(`select email from customer where id = $1`, { params: [n] });
  }
  await cluster.sql(`select count(*) from "Order" where note = $1`, { params: [SECRET] });
  await cluster.sql(`update "Order" set state = $2 where id = $1`, { params: [5, 'paid'] });
}, 180_000);

const keys: string[] = [];

async function startRun(input: Partial<OptimizerRunInput> = {}) {
  const client = await fleet.get().client();
  const requestKey = input.requestKey ?? freshKey();
  keys.push(requestKey);
  return client.workflow.start<(input: OptimizerRunInput) => Promise<OptimizerRunResult>>('optimizerRun', {
    workflowId: workflowIds.optimizerRun('shop', requestKey),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', policy: fleet.get().policy(), ...input, requestKey }],
  });
}

async function stored(id: string): Promise<Recommendation> {
  const control = await openControl(fleet.get().control.url);
  try {
    const found = await createOptimizerStore(control).findRecommendation(id);
    if (found === null) throw new Error(`no recommendation ${id}`);
    return found;
  } finally {
    await control.close();
  }
}

test('without a proven backup there is no lab, and the way out is said', async () => {
  const failure = await (await startRun()).result().catch((error: unknown) => error);
  const error = asAssayError(failure, { address: '', what: '' });
  expect(error).toMatchObject({ code: 'lab-unproven', exit: 5, message: expect.stringContaining('no restore of one has been proven yet') });
  expect(error.hint).toContain('assay backup run shop');
});

test('a slow statement becomes a recommendation: measured on the lab, true on the source', async () => {
  const { cluster } = fleet.get();
  const { proof } = await (await startBackup(fleet.get())).result();
  expect(proof?.verdict).toBe('proven');
  const result = await (await startRun({ limits: { repeats: 5 } })).result();
  expect(result).toMatchObject({ proof: proof?.id, backup: proof?.backup });
  expect(result.recommendation, JSON.stringify(result, null, 1)).not.toBeNull();

  const recommendation = await stored(result.recommendation as string);
  const named = recommendation.indexes.map(({ index }) => `${index.table.relation} ${index.keys[0]?.column}`);
  expect(named).toContain('Order customer_id');
  expect(named.filter((each) => each.startsWith('customer'))).toEqual([]);
  expect(recommendation.experiment.total.high).toBeLessThan(0.8);
  expect(recommendation.experiment.changes.every(({ leaveOneOutLow }) => (leaveOneOutLow ?? 0) > 1)).toBe(true);

  const time = async () => {
    const [plan] = await cluster.sql<{ 'QUERY PLAN': { 'Execution Time': number }[] }>(
      'explain (analyze, format json) select id, state from "Order" where customer_id = 77 order by placed_at desc limit 20',
    );
    return plan?.['QUERY PLAN'][0]?.['Execution Time'] ?? Number.NaN;
  };
  const before = await time();
  for (const statement of statementsOf(recommendationSql(recommendation))) await cluster.sql(statement);
  expect(await time()).toBeLessThan(before / 3);
  expect(
    await cluster.sql(`select from pg_class c join pg_index on indexrelid = c.oid where indisvalid and obj_description(c.oid) = $1`, {
      params: [`assay ${recommendation.id}`],
    }),
  ).toHaveLength(recommendation.indexes.length);
  for (const statement of statementsOf(undoSql(recommendation))) await cluster.sql(statement);
  expect(await cluster.sql(`select from pg_class where relname = any ($1)`, { params: [recommendation.indexes.map(({ name }) => name)] })).toEqual([]);
});

/** One statement a line, as psql would send them. */
const statementsOf = (file: string) => file.split('\n').filter((line) => line !== '' && !line.startsWith('--'));

test('a proof that is older than allowed makes no lab', async () => {
  const failure = await (await startRun({ maxProofAgeMs: 1 })).result().catch((error: unknown) => error);
  expect(asAssayError(failure, { address: '', what: '' })).toMatchObject({ code: 'lab-unproven', message: expect.stringMatching(/h old, 0 h are allowed/) });
});

test('nothing is left behind: no clone, no pin', async () => {
  expect(readdirSync(fleet.get().policy().clone.directory)).toEqual([]);
  const control = await openControl(fleet.get().control.url);
  try {
    expect(await control.em().execute('select owner from assay_control.pin')).toEqual([]);
  } finally {
    await control.close();
  }
});

test('no text of a statement and no value is in any history, none in the log', async () => {
  const client = await fleet.get().client();
  for (const key of keys) {
    const history = historyToJSON(await client.workflow.getHandle(workflowIds.optimizerRun('shop', key)).fetchHistory());
    const payloads = [...history.matchAll(/"data":\s*"([A-Za-z0-9+/=]+)"/g)].map(([, data]) => Buffer.from(data ?? '', 'base64').toString());
    const whole = `${history}\n${payloads.join('\n')}`;
    // the check sees what payloads hold
    expect(whole).toContain('"cluster":"shop"');
    expect(whole).not.toContain(SECRET);
    expect(whole).not.toContain('customer_id');
  }
  expect(readFileSync(fleet.get().logFile, 'utf8')).not.toContain(SECRET);
});

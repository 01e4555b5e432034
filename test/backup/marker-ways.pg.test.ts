import { beforeAll, describe, expect, test } from 'vitest';
import { byQuietMoment } from '../../activities/backup/marker/by-quiet-moment.ts';
import { bySlot } from '../../activities/backup/marker/by-slot.ts';
import { parseSnapshot } from '../../domain/backup/snapshot.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { markerBy, markerOf, sessionOfTest, told } from './marker-support.ts';

let cluster: EmbeddedCluster;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off', max_prepared_transactions: '5' } });
  for (const database of ['empty', 'ways']) await cluster.sql(`create database ${database}`);
});

const also = (database: string) => sessionOfTest(cluster, database);

describe('ways to a consistent snapshot', () => {
  beforeAll(() => cluster.sql('create table t (a int); insert into t values (1)', { database: 'ways' }));

  test('a transaction open in another database: the slot gives up in time, the quiet moment tolerates it, and it stays unseen', async () => {
    const long = await also('empty');
    await long.query('begin');
    const xid = (await long.query('select pg_current_xact_id()::text as xid')).rows[0].xid as string;
    const began = performance.now();
    const marker = await markerBy(cluster, 'ways', [bySlot, byQuietMoment], { fingerprint: { waitMs: 500 } });
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(marker).toMatchObject({ way: 'optimistic', fenceMs: 0 });
    expect(parseSnapshot(marker.snapshot).unseen).toContain(BigInt(xid));
    expect(await cluster.sql('select count(*)::int as left from pg_replication_slots')).toEqual([{ left: 0 }]);
  });

  test('subtransactions still open and transactions rolled back are unseen too', async () => {
    const long = await also('ways');
    await long.query('begin; insert into t values (2); savepoint s; insert into t values (3)');
    const ids = (await long.query('select pg_current_xact_id()::text as top, (select max(xmin::text::bigint)::text from t) as sub')).rows[0] as {
      top: string;
      sub: string;
    };
    await cluster.sql('begin; insert into t values (9); rollback', { database: 'ways' });
    const marker = await markerOf(cluster, 'ways', { fingerprint: { waitMs: 300 } });
    const { unseen } = parseSnapshot(marker.snapshot);
    expect(ids.sub).not.toBe(ids.top);
    expect(unseen).toEqual(expect.arrayContaining([BigInt(ids.top), BigInt(ids.sub), BigInt(ids.sub) + 1n]));
    expect(told(marker)).toEqual({ 'public.t': '1' });
  });

  test('a prepared transaction does not keep the marker away', async () => {
    await cluster.sql("begin; insert into t values (5); prepare transaction 'p'", { database: 'ways' });
    expect(await markerOf(cluster, 'ways', { fingerprint: { waitMs: 300 } })).toMatchObject({ way: 'optimistic' });
    await cluster.sql("rollback prepared 'p'", { database: 'ways' });
  });

  test('a long statement at work: no way is safe, and each says why', async () => {
    const busy = await also('ways');
    const [{ pid } = { pid: 0 }] = (await busy.query('select pg_backend_pid() as pid')).rows as { pid: number }[];
    const running = busy.query('begin; insert into t values (7); select pg_sleep(600)').catch(() => {});
    const failed = await markerOf(cluster, 'ways', { fingerprint: { waitMs: 300 } }).catch((error: Error) => error);
    expect(failed).toMatchObject({ code: 'marker-busy', retryable: true });
    expect(String((failed as unknown as { values: { ways: string } }).values.ways)).toMatch(/slot: .*; optimistic: .*; fence: /);
    await cluster.sql('select pg_terminate_backend($1)', { params: [pid] });
    await running;
  });

  test('where a statement works for longer than a quiet moment is looked for, the slot waits for it', async () => {
    const busy = await also('ways');
    const running = busy
      .query('begin; insert into t values (8)')
      .then(() => busy.query('select pg_sleep(1)'))
      .then(() => busy.query('rollback'));
    for (;;) {
      const [row] = await cluster.sql<{ there: boolean }>("select exists (select from pg_stat_activity where wait_event = 'PgSleep') as there");
      if (row?.there) break;
    }
    expect(await markerOf(cluster, 'ways', { fingerprint: { waitMs: 20_000 } })).toMatchObject({ way: 'slot', fenceMs: 0 });
    await running;
  });

  test('a role without REPLICATION falls back to the quiet moment', async () => {
    await cluster.sql('create role plain login; grant pg_read_all_data, pg_monitor to plain');
    expect(await markerBy(cluster, 'ways', [bySlot, byQuietMoment], { user: 'plain' })).toMatchObject({ way: 'optimistic' });
  });

  test('cancelled while it waits, it stops at once and leaves no slot and no session', async () => {
    const long = await also('empty');
    const [{ pid } = { pid: 0 }] = (await long.query('select pg_backend_pid() as pid')).rows as { pid: number }[];
    const running = long.query('begin; select pg_current_xact_id(); select pg_sleep(600)').catch(() => {});
    const abort = new AbortController();
    const making = markerOf(cluster, 'ways', { fingerprint: { waitMs: 60_000 }, signal: abort.signal }).catch((error: Error) => error);
    for (;;) {
      const [row] = await cluster.sql<{ there: boolean }>(
        "select exists (select from pg_stat_activity where backend_type = 'walsender' and wait_event_type = 'Lock') as there",
      );
      if (row?.there) break;
    }
    abort.abort();
    expect(await making).toMatchObject({ code: 'cancelled' });
    for (;;) {
      const [row] = await cluster.sql<{ left: number }>("select count(*)::int as left from pg_stat_activity where application_name = 'assay-backup'");
      if (row?.left === 0) break;
    }
    expect(await cluster.sql('select count(*)::int as left from pg_replication_slots')).toEqual([{ left: 0 }]);
    await cluster.sql('select pg_terminate_backend($1)', { params: [pid] });
    await running;
  });
});

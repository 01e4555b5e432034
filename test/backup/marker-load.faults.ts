import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { byFence } from '../../activities/backup/marker/by-fence.ts';
import { byQuietMoment } from '../../activities/backup/marker/by-quiet-moment.ts';
import { bySlot } from '../../activities/backup/marker/by-slot.ts';
import { makeMarker, type Way } from '../../activities/backup/marker/marker.ts';
import type { Marker } from '../../domain/backup/model.ts';
import { parseSnapshot } from '../../domain/backup/snapshot.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { copyOf, type Standby } from './marker-standby.ts';
import { markerBy, markerOf, policyOf, session, startWriters, told, type Writers } from './marker-support.ts';

let cluster: EmbeddedCluster;
let standby: Standby;
let writers: Writers | undefined;

const WRITERS = 8;
/** Updates, inserts, deletes, subtransactions, some of it rolled back: what a shop does. */
const transaction = (writer: number, turn: number) => {
  const account = 1 + ((writer * 7919 + turn * 104729) % 2000);
  const body = `update accounts set balance = balance + ${turn} where id = ${account}; insert into history (account, amount) values (${account}, ${turn})`;
  if (turn % 7 === 0)
    return `begin; ${body}; savepoint s; delete from history where id < (select min(id) + 1 from history); rollback to s; update totals set n = n + 1 where id = ${writer}; commit`;
  if (turn % 11 === 0) return `begin; ${body}; rollback`;
  return `begin; ${body}; update totals set n = n + 1 where id = ${writer}; commit`;
};

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off', wal_keep_size: '4GB', autovacuum_naptime: '1s' } });
  await cluster.sql('create database shop');
  await cluster.sql(
    `create table accounts (id int primary key, balance bigint, note jsonb); insert into accounts select g, 0, '{}' from generate_series(1, 2000) g;
     create table history (id bigint generated always as identity primary key, account int, amount int, at timestamptz default clock_timestamp());
     create table totals (id int primary key, n bigint, extra point); insert into totals select g, 0, point(g, g) from generate_series(0, 20) g`,
    { database: 'shop' },
  );
  standby = await copyOf(cluster, 'standby');
  writers = await startWriters(cluster, 'shop', { count: WRITERS, each: transaction });
});

afterAll(async () => {
  await writers?.stop();
  await standby?.stop();
});

describe('markers while eight writers write as fast as they can', () => {
  const markers: Marker[] = [];
  const by = (way: Way) => {
    const source = {
      policy: policyOf(cluster, { fingerprint: { waitMs: 20_000 } }),
      database: 'shop',
      readSecret: () => '',
      signal: new AbortController().signal,
    };
    return makeMarker(source, { equality: 'hash', previous: null, ways: [way] }, () => {});
  };

  test('the slot way: nobody ever waits for Assay, and the snapshots are of a busy cluster', async () => {
    const load = writers as Writers;
    const watch = await session(cluster);
    let looks = 0;
    let blocked = 0;
    let making = true;
    const looking = (async () => {
      while (making) {
        const { rows } = await watch.query<{ blocked: number }>(
          `select count(*)::int as blocked from pg_stat_activity waiting, unnest(pg_blocking_pids(waiting.pid)) blocker
           where waiting.application_name not like 'assay%' and blocker in (select pid from pg_stat_activity where application_name like 'assay%')`,
        );
        blocked += rows[0]?.blocked ?? 0;
        looks += 1;
      }
    })();
    load.lap();
    for (let turn = 0; turn < 12; turn += 1) markers.push(await by(bySlot));
    making = false;
    await looking;
    await watch.end();
    expect({ blocked, ways: new Set(markers.map(({ way, fenceMs }) => `${way} ${fenceMs}`)) }).toEqual({ blocked: 0, ways: new Set(['slot 0']) });
    expect(looks).toBeGreaterThan(20);
    expect(load.lap().transactions).toBeGreaterThan(500);
    expect(markers.filter(({ snapshot }) => parseSnapshot(snapshot).unseen.length > 0).length).toBeGreaterThan(0);
  });

  test('the quiet moment is found between commits', async () => {
    for (let turn = 0; turn < 4; turn += 1) markers.push(await by(byQuietMoment));
    expect(markers.slice(12).map(({ way, fenceMs }) => [way, fenceMs])).toEqual(Array(4).fill(['optimistic', 0]));
  });

  test('the fence keeps writers out for a moment only', async () => {
    for (let turn = 0; turn < 4; turn += 1) markers.push(await by(byFence));
    const fences = markers.slice(16);
    expect(fences.every(({ way, fenceMs }) => way === 'fence' && fenceMs > 0 && fenceMs < 1_000)).toBe(true);
  });

  test('one copy walks forward through every marker, and not one of them is a false alarm', async () => {
    await writers?.stop();
    writers = undefined;
    // recovery stops before a record that exists
    await cluster.sql('insert into history (account, amount) values (0, 0)', { database: 'shop' });
    expect(markers.length).toBe(20);
    for (const marker of markers) {
      await standby.walkTo(marker.lsn);
      const { equivalence, comparison } = await standby.judge(marker);
      expect(equivalence).toMatchObject({ verdict: 'equal' });
      expect(comparison).toEqual({ equal: marker.fingerprints.length, differences: [], missingAnswers: [] });
    }
  }, 120_000);

  test('a marker whose LSN is a few commits off is unusable, and would have been called different', async () => {
    const load = await startWriters(cluster, 'shop', { count: WRITERS, each: transaction });
    const marker = await markerOf(cluster, 'shop');
    const later = await markerOf(cluster, 'shop');
    await load.stop();
    await cluster.sql('insert into history (account, amount) values (0, 0)', { database: 'shop' });
    await standby.walkTo(later.lsn);
    const { equivalence, comparison } = await standby.judge({ ...marker, lsn: later.lsn });
    expect(equivalence.verdict).toBe('unusable');
    expect(comparison.differences.length).toBeGreaterThan(0);
    expect((await standby.judge(later)).equivalence.verdict).toBe('equal');
  });
});

test('on a paused copy, pg_xact_status knows a transaction that runs; the printed snapshot does not', async () => {
  const writer = await session(cluster, 'shop');
  await writer.query('begin; update totals set n = n + 1 where id = 20; savepoint s; update totals set n = n + 1 where id = 19');
  const id = ((await writer.query('select pg_current_xact_id()::text as id')).rows[0] as { id: string }).id;
  await cluster.sql('insert into history (account, amount) values (0, 0)', { database: 'shop' });
  const marker = await markerOf(cluster, 'shop', { fingerprint: { waitMs: 300 } });
  await cluster.sql('insert into history (account, amount) values (0, 0)', { database: 'shop' });
  await standby.walkTo(marker.lsn);
  const client = await standby.session('shop');
  const { rows } = await client.query('select pg_xact_status($1::xid8) as status, pg_visible_in_snapshot($1::xid8, pg_current_snapshot()) as printed', [id]);
  expect(rows).toEqual([{ status: 'in progress', printed: true }]);
  await client.end();
  expect(marker.way).toBe('optimistic');
  const { equivalence, comparison } = await standby.judge(marker);
  expect(equivalence.verdict).toBe('equal');
  expect(comparison.differences).toEqual([]);
  await writer.query('commit');
  await writer.end();
});

test('two thousand tables with very few locks, in flat memory', async () => {
  const many = await testCluster({
    name: 'many',
    stanzaCreate: false,
    settings: { archive_mode: 'off', max_locks_per_transaction: '10', max_connections: '20', max_wal_senders: '2', fsync: 'off' },
  });
  for (let from = 0; from < 2000; from += 50) {
    await many.sql(
      Array.from(
        { length: 50 },
        (_, at) => `create table t${from + at} (id int generated always as identity primary key, v text); insert into t${from + at} (v) values ('x')`,
      ).join(';'),
    );
  }
  // the very thing that must not happen to us does happen in one transaction
  await expect(many.sql(`begin; ${Array.from({ length: 2000 }, (_, at) => `lock table t${at} in access share mode`).join(';')}; commit`)).rejects.toMatchObject(
    { code: '53200' },
  );
  const marker = await markerOf(many, 'postgres');
  expect(marker.fingerprints.length).toBe(2000);
  expect(marker.notCovered).toEqual([]);
  expect(marker.sequences.length).toBe(2000);
  expect(new Set(Object.values(told(marker)))).toEqual(new Set(['1']));
}, 120_000);

test('no free slot, or none configured: the next way', async () => {
  const none = await testCluster({ name: 'none', stanzaCreate: false, settings: { archive_mode: 'off', max_replication_slots: '0' } });
  expect(await markerBy(none, 'postgres', [bySlot, byQuietMoment])).toMatchObject({ way: 'optimistic' });
});

test('wal_level replica: no slot, but a quiet moment', async () => {
  const plain = await testCluster({ name: 'plain', stanzaCreate: false, settings: { archive_mode: 'off', wal_level: 'replica' } });
  await plain.sql('create table t (a int); insert into t values (1)');
  const marker = await markerBy(plain, 'postgres', [bySlot, byQuietMoment]);
  expect(marker).toMatchObject({ way: 'optimistic', fenceMs: 0 });
  expect(told(marker)).toEqual({ 'public.t': '1' });
});

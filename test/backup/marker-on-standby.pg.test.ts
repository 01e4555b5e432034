/** Way 3: markers read on a real streaming standby while the primary is written to. */
import { spawn } from 'node:child_process';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applyObjects } from '../../activities/backup/source/objects.ts';
import { createSource } from '../../activities/backup/source/source.ts';
import { checkStandby } from '../../activities/doctor/check-standby.ts';
import { readCluster } from '../../activities/doctor/cluster-facts.ts';
import type { Marker } from '../../domain/backup/model.ts';
import type { Connection } from '../../domain/policy.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { copyOf, type Standby } from './marker-standby.ts';
import { type MakeOptions, makeMarkers, policyOf, session, startWriters, told } from './marker-support.ts';
import { type StreamingStandby, streamingStandbyOf } from './streaming-standby.ts';

let cluster: EmbeddedCluster;
let standby: StreamingStandby;
let copy: Standby;

beforeAll(async () => {
  cluster = await testCluster({
    stanzaCreate: false,
    settings: { archive_mode: 'off', wal_keep_size: '1GB', wal_level: 'replica', max_prepared_transactions: '5' },
  });
  const admin = await session(cluster);
  await applyObjects(admin, 'postgres');
  await admin.query('create role reader login; grant pg_read_all_data to reader');
  await admin.end();
  await cluster.sql(
    'create table totals (id int primary key, n int); insert into totals select g, 0 from generate_series(1, 201) g; create table history (a int, b int)',
  );
  // a server that looks after its clients ends the session of a killed worker in the middle of a statement: harder than one that does not
  standby = await streamingStandbyOf(cluster, { hot_standby_feedback: 'on', client_connection_check_interval: '10ms' });
  copy = await copyOf(cluster, 'copy');
}, 120_000);

afterAll(async () => {
  await copy?.stop();
  await standby?.stop();
});

const onStandby = (options: MakeOptions = {}, user = 'postgres') =>
  makeMarkers(cluster, { ...options, fingerprint: { waitMs: 5_000, standby: { ...standby.connection, user }, ...options.fingerprint } });

const firstOf = async (making: ReturnType<typeof makeMarkers>): Promise<Marker> => {
  const { markers } = await making.catch((error) => {
    console.log(error.values);
    throw error;
  });
  if (markers[0] === undefined) throw new Error('no marker');
  return markers[0];
};

describe('under writers', () => {
  test('every marker is equal on a clone at its LSN, and replay goes on', async () => {
    const each = (writer: number, turn: number) =>
      `begin; update totals set n = n + 1 where id = ${1 + ((writer * 37 + turn) % 200)}; ${turn % 5 === 0 ? 'savepoint s; update totals set n = n where id = 1; rollback to s;' : ''}
       insert into history values (${writer}, ${turn}); ${turn % 11 === 0 ? 'rollback' : 'commit'}`;
    const writers = await startWriters(cluster, 'postgres', { count: 4, each });
    const prepared = await session(cluster);
    await prepared.query("begin; update totals set n = -1 where id = 201; prepare transaction 'open'");
    const markers: Marker[] = [];
    for (let turn = 0; turn < 6; turn += 1) markers.push(await firstOf(onStandby()));
    expect(writers.lap().transactions).toBeGreaterThan(100);
    await writers.stop();
    await prepared.query("commit prepared 'open'");
    await prepared.end();
    expect(await standby.paused()).toBe('not paused');
    expect(new Set(markers.map(({ way, timeline }) => `${way} ${timeline}`))).toEqual(new Set(['standby 1']));
    expect(markers.every(({ snapshot }) => !snapshot.endsWith(':'))).toBe(true);
    for (const marker of markers) {
      await copy.walkTo(marker.lsn);
      const { equivalence, comparison } = await copy.judge(marker);
      expect(equivalence).toMatchObject({ verdict: 'equal' });
      expect(comparison.differences).toEqual([]);
    }
  }, 120_000);

  test('a witness written just before is in it', async () => {
    const witness = await createSource({ readSecret: () => '' }).writeWitness(policyOf(cluster));
    expect((await firstOf(onStandby())).witness).toEqual(witness);
  });
});

describe('what cannot be', () => {
  const ways = async (making: Promise<unknown>) => {
    const error = await making.then(
      () => null,
      (thrown: { code: string; values: { ways: string } }) => thrown,
    );
    expect(error?.code).toBe('marker-busy');
    return error?.values.ways ?? '';
  };

  test('a replay that somebody else paused is left alone, and said', async () => {
    const other = await standby.session();
    await other.query('select pg_wal_replay_pause()');
    await cluster.sql('insert into history values (1, 1)');
    expect(await ways(onStandby({ fingerprint: { waitMs: 1_000 } }))).toMatch(/standby: within 1000 ms it replayed up to .*, the primary stood at/);
    expect(await standby.paused()).toBe('paused');
    await other.query('select pg_wal_replay_resume()');
    for (;;) {
      const { rows } = await other.query<{ lag: boolean }>('select pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn() as lag');
      if (!rows[0]?.lag) break;
    }
    await other.query('select pg_wal_replay_pause()');
    expect(await ways(onStandby({ fingerprint: { waitMs: 1_000 } }))).toContain('somebody else has paused replay');
    await other.query('select pg_wal_replay_resume()');
    await other.end();
    expect((await firstOf(onStandby())).way).toBe('standby');
  });

  test('a role without the right to pause, and a primary in place of a standby', async () => {
    expect(await ways(onStandby({}, 'reader'))).toMatch(/standby: EXECUTE on pg_wal_replay_pause.* is missing/);
    expect(await standby.paused()).toBe('not paused');
    await cluster.sql('grant execute on function pg_wal_replay_pause(), pg_wal_replay_resume() to reader');
    const marker = await firstOf(onStandby({}, 'reader'));
    expect(told(marker)).toMatchObject({ 'public.totals': '201' });
    expect(await ways(onStandby({ fingerprint: { standby: { ...cluster.policy().connection, user: 'postgres' } } }))).toContain('it is no standby');
  });

  test('doctor says what the standby lacks', async () => {
    await cluster.sql('create role guest login');
    const primary = await readCluster(
      policyOf(cluster),
      () => '',
      () => new Date(),
    );
    const doctor = (connection: Connection) => checkStandby(policyOf(cluster, { fingerprint: { standby: connection } }), primary, () => '');
    const guest = { ...standby.connection, user: 'guest' };
    await expect
      .poll(async () => (await doctor(guest)).map(({ outcome, fix }) => [outcome, fix?.split(': ')[1]]))
      .toEqual([
        ['fault', 'grant execute on function pg_wal_replay_pause() to "guest"'],
        ['fault', 'grant execute on function pg_wal_replay_resume() to "guest"'],
        ['fault', 'grant pg_read_all_data to "guest"'],
      ]);
    await cluster.sql('grant execute on function pg_wal_replay_pause(), pg_wal_replay_resume() to guest; grant pg_read_all_data to guest');
    await expect.poll(async () => (await doctor(guest)).map(({ outcome }) => outcome)).toEqual(['ok']);
    const other = await standby.session();
    await other.query('select pg_wal_replay_pause()');
    await expect.poll(async () => (await doctor(guest)).map(({ line }) => line)).toEqual([expect.stringContaining('is paused: markers wait in vain')]);
    await other.query('select pg_wal_replay_resume()');
    await other.end();
    expect(await doctor({ ...cluster.policy().connection, user: 'postgres' })).toMatchObject([
      { outcome: 'fault', line: expect.stringContaining('is no standby') },
    ]);
    expect(await doctor({ ...standby.connection, host: '/nowhere' })).toMatchObject([{ outcome: 'fault', line: expect.stringContaining('cannot connect') }]);
    expect(await checkStandby(policyOf(cluster), primary, () => '')).toEqual([]);
  });

  describe('where replay does not come to rest, because its process stands still', () => {
    const stalled = async (meanwhile: (isOver: () => boolean) => Promise<void>): Promise<string> => {
      const { rows } = await looker.query<{ pid: number }>("select pid from pg_stat_activity where backend_type = 'startup'");
      const pid = rows[0]?.pid as number;
      await firstOf(onStandby());
      process.kill(pid, 'SIGSTOP');
      try {
        let isOver = false;
        const making = ways(onStandby()).finally(() => {
          isOver = true;
        });
        const [reason] = await Promise.all([making, meanwhile(() => isOver)]);
        return reason;
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    };
    let looker: pg.Client;
    beforeAll(async () => {
      looker = await standby.session();
      return () => looker.end();
    });

    test('it is given up in time, and the pause taken back', async () => {
      expect(await stalled(async () => {})).toContain('replay did not come to rest within 2000 ms');
      expect(await standby.paused()).toBe('not paused');
    });

    test('a session that is ended while it waits leaves no pause behind', async () => {
      let isEnded = false;
      const end = async (isOver: () => boolean) => {
        while (!isEnded && !isOver()) {
          const { rows } = await looker.query<{ ended: boolean }>(
            "select pg_terminate_backend(pid) as ended from pg_stat_activity where query like '%pg_wal_replay_pause%' and state = 'active' and pid <> pg_backend_pid() and pg_get_wal_replay_pause_state() <> 'not paused'",
          );
          isEnded = rows[0]?.ended === true;
        }
      };
      // on a busy machine it may have been given up before anybody looked
      let reason = '';
      for (let tries = 0; tries < 5 && !isEnded; tries += 1) reason = await stalled(end);
      expect({ isEnded, reason }).toEqual({ isEnded: true, reason: expect.stringContaining('standby: ') });
      expect(await standby.paused()).toBe('not paused');
    });
  });

  test('a worker that is killed in the pause leaves replay going on', async () => {
    const looker = await standby.session();
    const one = async <T>(sql: string) => (await looker.query<{ one: T }>(`select ${sql} as one`)).rows[0]?.one;
    const startup = (await one<number>("(select pid from pg_stat_activity where backend_type = 'startup')")) as number;
    const policy = policyOf(cluster, { fingerprint: { waitMs: 5_000, standby: standby.connection } });
    const program = `const { createMarkerMaker } = await import(${JSON.stringify(new URL('../../activities/backup/marker/marker-maker.ts', import.meta.url).href)});
      const maker = createMarkerMaker({ readSecret: () => '', now: () => new Date(), observe: () => {} });
      const io = { signal: new AbortController().signal, beat: () => {}, previous: undefined };
      for (;;) await maker.make(${JSON.stringify(policy)}, { equality: 'hash', previous: [] }, io);`;
    const worker = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'ignore' });
    const busy = "(select count(*)::int from pg_stat_activity where query like '%pg_wal_replay_pause%' and state = 'active' and pid <> pg_backend_pid())";
    // replay that stands still cannot come to rest: the pause is caught in the middle
    while ((await one<number>(busy)) === 0 && worker.exitCode === null);
    process.kill(startup, 'SIGSTOP');
    try {
      while ((await one<string>('pg_get_wal_replay_pause_state()')) !== 'pause requested');
      worker.kill('SIGKILL');
      while ((await one<number>(busy)) !== 0);
    } finally {
      process.kill(startup, 'SIGCONT');
    }
    expect(await standby.paused()).toBe('not paused');
    await looker.end();
    expect((await firstOf(onStandby())).way).toBe('standby');
  });

  test('a standby that is down is a reason, not a fault', async () => {
    const nowhere = { ...standby.connection, host: '/nowhere' };
    expect(await ways(onStandby({ fingerprint: { standby: nowhere } }))).toContain('standby: ');
  });
});

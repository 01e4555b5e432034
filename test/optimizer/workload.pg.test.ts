/** pg_stat_statements as it is found in the wild. */
import pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { readSnapshot } from '../../activities/optimizer/workload/read.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { session, statementsCluster, workloadOf } from './statements-server.ts';

let cluster: EmbeddedCluster;

beforeAll(async () => {
  cluster = await statementsCluster({ 'pg_stat_statements.max': '120' });
});

const run = (sql: string, database = 'postgres') => session(cluster, database, (client) => client.query(sql));
const look = () => session(cluster, 'postgres', readSnapshot);

async function refusals(sql: string) {
  const { notJudged, statements } = await workloadOf(cluster, () => run(sql));
  return [
    ...notJudged.filter(({ reason, detail }) => reason !== 'own-statement' || detail !== 'sent by Assay').map(({ reason, detail }) => `${reason}: ${detail}`),
    ...statements.map(({ text }) => text),
  ].sort();
}

describe('what ran is counted', () => {
  test('with calls, rows, blocks and WAL, by database', async () => {
    await cluster.sql('create database "Other ""one"""');
    for (const database of ['postgres', 'Other "one"']) await cluster.sql('create table counted (id int)', { database });
    const { statements } = await workloadOf(cluster, async () => {
      for (let at = 0; at < 3; at++) await run(`insert into counted select generate_series(1, ${at + 1})`);
      await run('insert into counted select generate_series(1, 100)', 'Other "one"');
    });
    expect(statements.map(({ database, text, kind, calls, rows }) => ({ database, text, kind, calls, rows })).sort((a, b) => a.calls - b.calls)).toEqual([
      { database: 'Other "one"', text: 'insert into counted select generate_series($1, $2)', kind: 'insert', calls: 1, rows: 100 },
      { database: 'postgres', text: 'insert into counted select generate_series($1, $2)', kind: 'insert', calls: 3, rows: 6 },
    ]);
    for (const { totalMs, blocks, walBytes } of statements) expect(Math.min(totalMs, blocks, walBytes)).toBeGreaterThan(0);
  });

  test('a prepared statement and a cursor under the statement inside', async () => {
    await run('create table held (id int)');
    const seen = await refusals(`prepare p (int) as select id from held where id = $1 + 5; execute p(3); execute p(4);
      begin; declare "for" cursor for select id + 1 from held for update; fetch 5 from "for"; close "for"; commit`);
    expect(seen.filter((line) => !line.startsWith('utility'))).toEqual(['select id + $1 from held for update', 'select id from held where id = $1 + $2']);
  });
});

describe('what has no verdict is said', () => {
  test.each([
    ['create table ddl (id int)', ['utility: create table']],
    ['vacuum pg_class', ['utility: vacuum']],
    ['copy (select 5) to stdout', ['utility: copy']],
    ['do $$ begin perform 1; end $$', ['utility: do']],
    ['select * into made from (select 5 as a) q', ['utility: select into']],
    ['explain select 1', ['utility: explain']],
    [`select * from pg_class where relname = 'x'`, ['catalogue-only: reads only PostgreSQL’s own catalogues']],
    ['select * from information_schema.tables', ['catalogue-only: reads only PostgreSQL’s own catalogues']],
    [
      'create temp table passing (id int); insert into passing values (5); select * from "passing"; drop table passing',
      [
        'temporary-table: the table passing lives only in its session',
        'temporary-table: the table passing lives only in its session',
        'utility: create table',
        'utility: drop',
      ],
    ],
    ['select now()', ['select now()']],
  ])('%s', async (sql, expected) => {
    expect(await refusals(sql)).toEqual(expected);
  });

  test('Assay’s own statements, by their tag or by their schema', async () => {
    await run('create schema assay; create table assay.witness (id int)');
    expect(await refusals('select * from assay.witness where id = 5')).toEqual(['own-statement: reads or writes only the schema assay']);
    expect((await workloadOf(cluster, () => run('/* assay backup */ select 1'))).statements).toEqual([]);
    await run('drop schema assay cascade');
  });
});

describe('gaps in the counters are said', () => {
  test('a reset', async () => {
    await run('create table reset_here (id int)');
    await run('select * from reset_here');
    const { statements, notices } = await workloadOf(cluster, async () => {
      await run('select pg_stat_statements_reset()');
      await run('select * from reset_here');
    });
    expect(notices).toEqual([expect.stringMatching(/^statistics were reset at 20/)]);
    expect(statements.find(({ text }) => text === 'select * from reset_here')?.calls).toBe(1);
  });

  test('a reset of one statement', async () => {
    await run('create table reset_one (id int)');
    for (let at = 0; at < 3; at++) await run('select * from reset_one');
    const { statements, notices } = await workloadOf(cluster, async () => {
      await run(`select pg_stat_statements_reset(0, 0, queryid) from pg_stat_statements where query = 'select * from reset_one'`);
      await run('select * from reset_one');
    });
    expect(notices).toEqual(['1 statement(s) were reset or evicted in between: only what they did since is counted']);
    expect(statements.find(({ text }) => text === 'select * from reset_one')?.calls).toBe(1);
  });

  test('evictions', async () => {
    const { notices } = await workloadOf(cluster, async () => {
      await session(cluster, 'postgres', async (client) => {
        for (let at = 0; at < 300; at++) await client.query(`select 1 as "column ${at}", ${Array.from({ length: at % 150 }, () => '1').join(',') || '2'}`);
      });
    });
    expect(notices.join('\n')).toMatch(/threw statements away \d+ time\(s\): pg_stat_statements.max \(120\)/);
  });

  test('a restart keeps the counters', async () => {
    await run('create table across (id int)');
    await run('select * from across');
    const { statements, notices } = await workloadOf(cluster, async () => {
      await cluster.stop('fast');
      await cluster.start();
      await run('select * from across');
    });
    expect(statements.find(({ text }) => text === 'select * from across')?.calls).toBe(1);
    expect(notices).toEqual([expect.stringMatching(/^the server was started anew at 20/)]);
  });

  test('a crash loses them', async () => {
    await run('select * from across');
    const { statements, notices } = await workloadOf(cluster, async () => {
      await crash();
      await run('select * from across');
    });
    expect(statements.find(({ text }) => text === 'select * from across')?.calls).toBe(1);
    expect(notices[0]).toMatch(/^statistics were reset/);
  });
});

/** A killed backend makes the server begin anew with fresh shared memory, where the counters are. */
async function crash(): Promise<void> {
  const client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database: 'postgres' });
  const ended = new Promise((resolve) => client.on('error', resolve));
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  process.kill(rows[0]?.pid as number, 'SIGKILL');
  await ended;
  const isBack = () =>
    run('select 1').then(
      () => true,
      () => false,
    );
  while (!(await isBack()));
}

describe('where it cannot be read', () => {
  test('the extension may be in any schema, and of an old version', async () => {
    for (const [schema, version] of [
      ['"Stats ""here"""', '1.9'],
      ['"Stats ""here"""', '1.7'],
      ['public', '1.10'],
    ]) {
      await cluster.sql(
        `drop extension pg_stat_statements; create schema if not exists ${schema}; create extension pg_stat_statements schema ${schema} version '${version}'`.replace(
          `version '1.7'`,
          `version '1.4'; alter extension pg_stat_statements update to '1.7'`,
        ),
      );
      await run('create table if not exists old_one (id int)');
      const snapshot = await look();
      expect(snapshot.statements.some(({ text, calls }) => text.startsWith('create table if not exists old_one') && calls > 0)).toBe(true);
      expect(snapshot.resetAt === null).toBe(version === '1.7');
    }
  });

  test('no extension in the database: how to get it', async () => {
    await cluster.sql('create database bare');
    const failed = session(cluster, 'bare', readSnapshot);
    await expect(failed).rejects.toMatchObject({ code: 'statements-missing', hint: expect.stringContaining('CREATE EXTENSION pg_stat_statements') });
  });

  test('texts of other roles hidden: the grant that shows them', async () => {
    await cluster.sql('create role watcher login');
    const client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'watcher', database: 'postgres' });
    await client.connect();
    await expect(readSnapshot(client)).rejects.toMatchObject({ code: 'privilege-missing', hint: 'GRANT pg_read_all_stats TO watcher' });
    await cluster.sql('grant pg_read_all_stats to watcher');
    expect((await readSnapshot(client)).statements.length).toBeGreaterThan(0);
    await client.end();
  });

  test('library not preloaded: how to load it', async () => {
    const without = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
    await without.sql('create extension pg_stat_statements');
    const failed = session(without, 'postgres', readSnapshot);
    await expect(failed).rejects.toMatchObject({ code: 'statements-missing', hint: expect.stringContaining('shared_preload_libraries') });
  });
});

/** What can go wrong around a clone, provoked for real. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isSamePlace } from '../../activities/backup/checks/arrival.ts';
import { addAmcheck, dropAmcheck } from '../../activities/backup/checks/scaffold.ts';
import { withClone } from '../../activities/backup/clone/connection.ts';
import { cloneFoldersIn, foldersOf } from '../../activities/backup/clone/layout.ts';
import { privateFolder } from '../../activities/os-user.ts';
import { run } from '../../activities/process.ts';
import type { CloneRef } from '../../domain/backup/model.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { type Bench, benchOf, cloneAt, mark, quietIo, restoreInto, upTo } from './clone-support.ts';

const isRoot = process.getuid?.() === 0;

let cluster: EmbeddedCluster;
let bench: Bench;
let policy: ClusterPolicy;

const rows = async (clone: CloneRef, sql: string, database = 'postgres') =>
  (await withClone({ policy, clone }, { database }, (client) => client.query(sql))).rows;
const filesBelow = (folder: string) => execFileSync('find', [folder, '-printf', '%p %y %l %s %T@\\n'], { encoding: 'utf8' });

beforeAll(async () => {
  cluster = await testCluster();
  bench = benchOf(cluster);
  policy = cluster.policy();
}, 120_000);

afterEach(async () => {
  for (const { file, directory } of cloneFoldersIn(policy.clone.directory)) {
    if (file !== null) await bench.clones.wipe({ id: file.id, cluster: file.cluster, host: file.host, directory });
  }
});

describe('a source with a tablespace', () => {
  it('is never reached by its clone: neither by the tablespace of the backup nor by one that WAL creates', async () => {
    const place = (name: string) => privateFolder(join(cluster.directory, name), cluster.osUser);
    const [early, late] = [place('early'), place('late')];
    await cluster.sql(`create tablespace early location '${early}'`);
    await cluster.sql('create table there (id int) tablespace early; insert into there select generate_series(1, 1000);');
    await cluster.pgbackrest('--type=full', 'backup');
    await cluster.sql('insert into there select generate_series(1, 1000)');
    const first = await mark(cluster);
    await cluster.sql(`create tablespace late location '${late}'`);
    await cluster.sql('create table elsewhere (id int) tablespace late; insert into elsewhere select generate_series(1, 1000);');
    const second = await mark(cluster);
    await cluster.sql('checkpoint');
    const before = [filesBelow(early), filesBelow(late)];

    const { clone, reached } = await cloneAt(bench, policy, { id: 'spaces', target: upTo(first) });
    expect(isSamePlace(reached.replayLsn, first)).toBe(true);
    expect(await rows(clone, 'select count(*)::int as n from public.there')).toEqual([{ n: 2000 }]);
    const [location] = await rows(clone, "select pg_tablespace_location(oid) as at from pg_tablespace where spcname = 'early'");
    expect(location.at.startsWith(clone.directory)).toBe(true);
    await expect(bench.clones.walk(policy, clone, upTo(second), quietIo())).rejects.toMatchObject({
      code: 'refused-by-guard',
      values: { reason: expect.stringContaining(late), cause: 'clone-start-failed' },
    });
    await bench.clones.wipe(clone);
    expect([filesBelow(early), filesBelow(late)]).toEqual(before);
    expect(await cluster.sql('select count(*)::int as n from elsewhere')).toEqual([{ n: 1000 }]);
  });

  it('refuses to start where a link leads outside of the clone', async () => {
    const target = await mark(cluster);
    const clone = await bench.clones.open(policy, 'linked', 'test', 1);
    await cluster.pgbackrest('--type=full', 'backup');
    await restoreInto(bench, clone);
    const { data } = foldersOf(clone.directory);
    const outside = privateFolder(join(cluster.directory, 'outside'), cluster.osUser);
    execFileSync('ln', ['-s', outside, join(data, 'pg_tblspc', '99999')]);
    await expect(bench.clones.start(policy, clone, upTo(target), quietIo())).rejects.toMatchObject({
      code: 'clone-start-failed',
      values: { lines: expect.stringContaining('outside') },
    });
  });
});

describe('what a source would do by itself', () => {
  it('does not happen in its clone: event triggers, foreign servers, subscriptions, settings of roles and databases', async () => {
    const extended = { database: 'acts' };
    await cluster.sql('create database acts');
    await cluster.sql(
      `create extension postgres_fdw; create table log (what text);
       create function noted() returns event_trigger language plpgsql as $$ begin insert into public.log values (tg_tag); end $$;
       create event trigger always_noted on ddl_command_start execute function noted(); alter event trigger always_noted enable always;
       create server far foreign data wrapper postgres_fdw options (host '127.0.0.1', port '1'); create user mapping for public server far options (user 'x', password 'y');
       create user mapping for postgres server far options (user 'x', password 'y');
       create foreign table remote (id int) server far;
       truncate log;`,
      extended,
    );
    await cluster.sql("alter database acts set session_preload_libraries = 'no_such_library'; alter database acts set default_transaction_read_only = on;");
    await cluster.sql("alter role postgres set search_path = 'nowhere'; alter role postgres set default_transaction_isolation = 'serializable';");
    await cluster.sql("alter system set shared_preload_libraries = 'auto_explain'");
    await cluster.pgbackrest('--type=full', 'backup');
    const target = await mark(cluster);
    const { clone } = await cloneAt(bench, policy, { id: 'acts', target: upTo(target) });
    await bench.clones.promote(policy, clone, quietIo());
    await withClone({ policy, clone }, { database: 'acts', settings: { default_transaction_read_only: 'off' } }, (client) =>
      client.query('create table public.made (id int)'),
    );
    await expect(rows(clone, 'select * from public.remote', 'acts')).rejects.toMatchObject({ message: expect.stringContaining('restricted') });
    const on = { policy, clone, io: quietIo() };
    expect(await addAmcheck(on, 'acts')).toBeNull();
    expect(await rows(clone, "select nspname from pg_extension join pg_namespace n on n.oid = extnamespace where extname = 'amcheck'", 'acts')).toEqual([
      { nspname: 'assay_clone_check' },
    ]);
    await dropAmcheck(on, 'acts');
    expect(
      await rows(clone, "select 1 from pg_extension where extname = 'amcheck' union all select 1 from pg_namespace where nspname like 'assay_clone%'", 'acts'),
    ).toEqual([]);
    // what the always enabled trigger saw of all this is the table that was made on purpose
    expect(await rows(clone, 'select what from public.log', 'acts')).toEqual([{ what: 'CREATE TABLE' }]);
    expect(await rows(clone, 'select evtenabled from pg_event_trigger', 'acts')).toEqual([{ evtenabled: 'A' }]);
    expect(await rows(clone, 'select count(*)::int as n from pg_user_mappings', 'acts')).toEqual([{ n: 2 }]);
    await cluster.sql('alter role postgres reset all');
    await cluster.sql('alter system reset shared_preload_libraries');
    await cluster.sql('drop database acts');
  });
});

describe('a segment missing in the middle', () => {
  it('ends as target-not-reached, whatever comes after it', async () => {
    await cluster.pgbackrest('--type=full', 'backup');
    const lost = (await cluster.sql<{ name: string }>('select pg_walfile_name(pg_current_wal_insert_lsn()) as name'))[0]?.name ?? '';
    await mark(cluster);
    const target = await mark(cluster);
    const folder = join(cluster.repositoryPath, 'archive', cluster.stanza);
    const path = execFileSync('find', [folder, '-name', `${lost}-*`], { encoding: 'utf8' }).trim();
    expect(path).toContain(lost);
    renameSync(path, join(cluster.directory, 'lost'));
    await expect(cloneAt(bench, policy, { id: 'gap', target: upTo(target) })).rejects.toMatchObject({ code: 'target-not-reached' });
    renameSync(join(cluster.directory, 'lost'), path);
    const { reached } = await cloneAt(bench, policy, { id: 'whole', target: upTo(target) });
    expect(isSamePlace(reached.replayLsn, target)).toBe(true);
  });

  it('and one with a changed bit as well, with the cause', async () => {
    await cluster.pgbackrest('--type=full', 'backup');
    const hit = (await cluster.sql<{ name: string }>('select pg_walfile_name(pg_current_wal_insert_lsn()) as name'))[0]?.name ?? '';
    await mark(cluster);
    const target = await mark(cluster);
    const path = execFileSync('find', [join(cluster.repositoryPath, 'archive', cluster.stanza), '-name', `${hit}-*`], { encoding: 'utf8' }).trim();
    const sound = readFileSync(path);
    const damaged = Buffer.from(sound);
    damaged[Math.floor(damaged.length / 2)] = (damaged[Math.floor(damaged.length / 2)] ?? 0) ^ 1;
    writeFileSync(path, damaged);
    await expect(cloneAt(bench, policy, { id: 'bit', target: upTo(target) })).rejects.toMatchObject({
      code: 'target-not-reached',
      values: { cause: 'wal-corrupt' },
    });
    writeFileSync(path, sound);
  });

  it('is not said where the repository went away', async () => {
    await cluster.pgbackrest('--type=full', 'backup');
    const target = await mark(cluster);
    const clone = await bench.clones.open(policy, 'away', 'test', 1);
    await restoreInto(bench, clone);
    renameSync(cluster.repositoryPath, `${cluster.repositoryPath}.away`);
    await expect(bench.clones.start(policy, clone, upTo(target), quietIo())).rejects.toMatchObject({ code: 'repository-unreachable' });
    renameSync(`${cluster.repositoryPath}.away`, cluster.repositoryPath);
    const { reached } = await bench.clones.start(policy, clone, upTo(target), quietIo());
    expect(isSamePlace(reached.replayLsn, target)).toBe(true);
  });
});

describe.runIf(isRoot)('a disk that is full', () => {
  it('is seen before a clone is made, and named when it fills while WAL is replayed; the wipe succeeds all the same', async () => {
    const disk = join(tmpdir(), 'full');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=220m', 'tmpfs', disk]);
    try {
      const small = { ...policy, clone: { ...policy.clone, directory: join(disk, 'clones') } };
      await expect(bench.clones.open(small, 'big', 'test', 400_000_000)).rejects.toMatchObject({
        code: 'disk-full',
        values: { neededBytes: expect.any(Number) },
      });
      expect(readdirSync(join(disk, 'clones'))).toEqual([]);
      await cluster.pgbackrest('--type=full', 'backup');
      const target = await mark(cluster);
      const clone = await bench.clones.open(small, 'full', 'test', 1);
      await restoreInto(bench, clone);
      const { bavail, bsize } = statfsSync(disk);
      await run({ argv: ['fallocate', '-l', String(bavail * bsize - 1_000_000), join(disk, 'ballast')], deadlineMs: 10_000 });
      const failure = await bench.clones.start(small, clone, upTo(target), quietIo()).catch((error) => error);
      expect(failure).toMatchObject({ code: 'disk-full' });
      await bench.clones.wipe(clone);
      expect(existsSync(clone.directory)).toBe(false);
    } finally {
      execFileSync('umount', ['-l', disk]);
      rmSync(disk, { recursive: true });
    }
  });
});

describe('a cluster of the user', () => {
  it('with its configuration outside of the data directory gives a clone that needs none of it', async () => {
    const { dataDirectory } = cluster;
    const outside = privateFolder(join(cluster.directory, 'etc'), cluster.osUser);
    await cluster.sql('select 1');
    await cluster.stop('fast');
    for (const name of ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf']) renameSync(join(dataDirectory, name), join(outside, name));
    writeFileSync(
      join(outside, 'postgresql.conf'),
      `${readFileSync(join(outside, 'postgresql.conf'), 'utf8')}\ndata_directory = '${dataDirectory}'\nhba_file = '${outside}/pg_hba.conf'\nident_file = '${outside}/pg_ident.conf'\n`,
    );
    await run({
      argv: [join(cluster.binaries, 'pg_ctl'), 'start', '-w', '-D', outside, '-l', join(outside, 'log')],
      as: cluster.osUser,
      deadlineMs: 30_000,
    });
    try {
      await cluster.pgbackrest('--type=full', 'backup');
      const target = await mark(cluster);
      const { clone, reached } = await cloneAt(bench, policy, { id: 'outside', target: upTo(target) });
      expect(isSamePlace(reached.replayLsn, target)).toBe(true);
      expect(existsSync(join(foldersOf(clone.directory).data, 'postgresql.conf'))).toBe(false);
      const [file] = await rows(clone, "select setting from pg_settings where name = 'hba_file'");
      expect(dirname(file.setting)).toBe(foldersOf(clone.directory).conf);
    } finally {
      await cluster.stop('fast');
    }
  });
});

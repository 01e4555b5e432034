import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isSamePlace } from '../../activities/backup/checks/arrival.ts';
import { cloneConnection, withClone } from '../../activities/backup/clone/connection.ts';
import { cloneFoldersIn, foldersOf } from '../../activities/backup/clone/layout.ts';
import { serveClone } from '../../activities/backup/clone/serve.ts';
import { lastWords, processesIn, runningServer, spawnServer } from '../../activities/backup/clone/server.ts';
import { makeFolder } from '../../activities/control/evidence-folder.ts';
import type { Lsn } from '../../domain/backup/lsn.ts';
import type { CloneRef } from '../../domain/backup/model.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { type Bench, benchOf, cloneAt, listing, mark, quietIo, restoreInto, upTo } from './clone-support.ts';

let cluster: EmbeddedCluster;
let bench: Bench;
let policy: ClusterPolicy;
let first: Lsn;
let second: Lsn;

const rows = async (clone: CloneRef, sql: string) => (await withClone({ policy, clone }, {}, (client) => client.query(sql))).rows;

beforeAll(async () => {
  cluster = await testCluster({ settings: { max_connections: '40' } });
  bench = benchOf(cluster);
  policy = cluster.policy((each) => ({ ...each, clone: { ...each.clone, maxClones: 3 } }));
  await cluster.sql('create table kept (id int primary key, note text); insert into kept select g, md5(g::text) from generate_series(1, 5000) g;');
  await cluster.sql("alter system set work_mem = '9MB'");
  await cluster.pgbackrest('--type=full', 'backup');
  await cluster.sql('insert into kept select g, null from generate_series(5001, 5010) g');
  first = await mark(cluster);
  await cluster.sql('delete from kept where id <= 100');
  second = await mark(cluster);
}, 120_000);

afterEach(async () => {
  // what a failed test left would only make the next ones fail
  for (const { file, directory } of cloneFoldersIn(policy.clone.directory)) {
    if (file !== null) await bench.clones.wipe({ id: file.id, cluster: file.cluster, host: file.host, directory });
  }
});

describe('a server that never says a word', () => {
  /** Programs of PostgreSQL but for the server itself. */
  const binariesWith = (name: string, make: (server: string) => void): ClusterPolicy => {
    const folder = join(cluster.directory, name);
    mkdirSync(folder, { mode: 0o755 });
    for (const program of readdirSync(cluster.binaries).filter((each) => each !== 'postgres'))
      symlinkSync(join(cluster.binaries, program), join(folder, program));
    make(join(folder, 'postgres'));
    return { ...policy, clone: { ...policy.clone, binaries: folder } };
  };
  /** Answers `--version`, and then does this in place of a server. */
  const script = (body: string) => (server: string) => {
    const real = join(cluster.binaries, 'postgres');
    writeFileSync(server, `#!/bin/sh\ncase $1 in --version) exec ${real} --version ;; esac\n${body}\n`, { mode: 0o755 });
  };

  it.each([
    ['was killed', script('kill -9 $$'), 'the server process ended by SIGKILL'],
    ['gave up', script('exit 3'), 'the server process ended with status 3'],
  ])('%s: the error says so', async (what, make, said) => {
    const broken = binariesWith(what.replaceAll(' ', '-'), make);
    const clone = await bench.clones.open(policy, 'silent', 'test', 1);
    await restoreInto(bench, clone);
    await expect(bench.clones.start(broken, clone, upTo(first), quietIo())).rejects.toMatchObject({
      code: 'clone-start-failed',
      values: { lines: expect.stringContaining(said) },
    });
  });
});

describe('a machine that cannot start the program', () => {
  it('leaves its reason where the words of the server would be', async () => {
    const clone = await bench.clones.open(policy, 'unborn', 'test', 1);
    const folders = foldersOf(clone.directory);
    const state = spawnServer(join(cluster.directory, 'nowhere'), folders, { as: cluster.osUser, number: 1, target: null, startedAtMs: 0 });
    expect(state.pid).toBe(0);
    expect(await lastWords(folders, state)).toMatch(/^assay: the server process could not be started: spawn .*nowhere\/postgres ENOENT$/m);
  });
});

describe('a clone', () => {
  it('stands paused exactly at its target, walks forward to the next, opens for writing, and leaves nothing', async () => {
    const listed = listing(cluster.repositoryPath);
    const { clone, reached, startMs, replayMs } = await cloneAt(bench, policy, { id: 'walker', target: upTo(first) });
    expect(reached).toMatchObject({ replayLsn: first, paused: true, timeline: 1 });
    expect(startMs).toBeGreaterThan(0);
    expect(replayMs).toBeGreaterThanOrEqual(0);
    expect(await rows(clone, 'select count(*)::int as n from public.kept')).toEqual([{ n: 5010 }]);

    const walked = await bench.clones.walk(policy, clone, upTo(second), quietIo());
    expect(walked.reached).toMatchObject({ replayLsn: second, paused: true });
    expect(await rows(clone, 'select count(*)::int as n from public.kept')).toEqual([{ n: 4910 }]);

    await bench.clones.promote(policy, clone, quietIo());
    await bench.clones.promote(policy, clone, quietIo());
    expect(await rows(clone, 'insert into public.kept values (0, null) returning id')).toEqual([{ id: 0 }]);

    const pid = runningServer(foldersOf(clone.directory));
    expect(pid).not.toBeNull();
    await bench.clones.wipe(clone);
    await bench.clones.wipe(clone);
    expect(existsSync(clone.directory)).toBe(false);
    expect(() => process.kill(pid ?? 0, 0)).toThrow();
    expect(listing(cluster.repositoryPath)).toBe(listed);
  });

  it('stands at a moment', async () => {
    const [moment] = await cluster.sql<{ at: Date }>('select clock_timestamp() as at');
    const at = moment?.at.toISOString() ?? '';
    await cluster.sql('delete from kept where id <= 200');
    await mark(cluster);
    const { clone, reached } = await cloneAt(bench, policy, { id: 'moment', target: { kind: 'time', at } });
    expect(reached.paused).toBe(true);
    expect(await rows(clone, 'select count(*)::int as n from public.kept')).toEqual([{ n: 4910 }]);
    await bench.clones.wipe(clone);
  });

  it('takes no setting of its source and lets nothing in or out', async () => {
    const { clone } = await cloneAt(bench, policy, { id: 'isolated', target: upTo(first) });
    const settings = Object.fromEntries(
      (await rows(clone, 'select name, setting from pg_settings')).map(({ name, setting }: { name: string; setting: string }) => [name, setting]),
    );
    expect(settings).toMatchObject({
      listen_addresses: '',
      archive_mode: 'off',
      archive_command: '(disabled)',
      primary_conninfo: '',
      shared_preload_libraries: '',
      max_logical_replication_workers: '0',
      synchronous_standby_names: '',
      autovacuum: 'off',
      max_connections: '40',
      fsync: 'on',
      jit: 'off',
    });
    expect(settings.work_mem).not.toBe('9216');
    expect(settings.config_file).toBe(join(clone.directory, 'conf/postgresql.conf'));
    expect(statSync(clone.directory).mode & 0o777).toBe(0o700);
    expect(statSync(clone.directory).uid).toBe(cluster.osUser.uid);
    expect(statSync(join(clone.directory, 'log/server-1.log')).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(clone.directory, 'socket')).sort()).toEqual(['.s.PGSQL.5432', '.s.PGSQL.5432.lock']);
    await bench.clones.wipe(clone);
  });

  it('is adopted by a retry of its start, and begun anew where its server was killed', async () => {
    const { clone } = await cloneAt(bench, policy, { id: 'retried', target: upTo(first) });
    const pid = runningServer(foldersOf(clone.directory)) ?? 0;
    const again = await bench.clones.start(policy, await bench.clones.open(policy, 'retried', 'test/retried', 1), upTo(first), quietIo());
    expect(runningServer(foldersOf(clone.directory))).toBe(pid);
    expect(again.reached.replayLsn).toBe(first);
    process.kill(pid, 'SIGKILL');
    const restarted = await bench.clones.start(policy, clone, upTo(first), quietIo());
    expect(restarted.reached.replayLsn).toBe(first);
    const next = runningServer(foldersOf(clone.directory)) ?? 0;
    expect(next).not.toBe(pid);
    // killed a moment after it was found alive: its log, emptied, does not say that it had arrived
    for (const name of readdirSync(foldersOf(clone.directory).log)) truncateSync(join(foldersOf(clone.directory).log, name));
    const killed = { ...quietIo(), beat: () => void (runningServer(foldersOf(clone.directory)) === next && process.kill(next, 'SIGKILL')) };
    expect((await bench.clones.start(policy, clone, upTo(first), killed)).reached.replayLsn).toBe(first);
    expect(runningServer(foldersOf(clone.directory))).not.toBe(next);
    await bench.clones.wipe(clone);
  });

  it('is begun anew where its server is killed while it replays, and while it is served', async () => {
    let kills = 0;
    const killing = (clone: CloneRef) => {
      const folders = foldersOf(clone.directory);
      return {
        ...quietIo(),
        beat: () => {
          const pid = runningServer(folders);
          if (pid === null || kills >= 2) return;
          kills += 1;
          process.kill(pid, 'SIGKILL');
        },
      };
    };
    const clone = await bench.clones.open(policy, 'shot', 'test/shot', 1);
    await restoreInto(bench, clone);
    expect((await bench.clones.start(policy, clone, upTo(first), killing(clone))).reached.replayLsn).toBe(first);
    expect(kills).toBe(2);
    await bench.clones.promote(policy, clone, quietIo());
    await bench.clones.stop(policy, clone);
    kills = 0;
    await serveClone(policy, clone, killing(clone));
    // it beats seldom enough that the second start may be faster
    expect(kills).toBeGreaterThan(0);
    expect(await rows(clone, 'select count(*)::int as n from public.kept')).toEqual([{ n: 5010 }]);
    await bench.clones.wipe(clone);
  });

  it('stands beside another one', async () => {
    const both = await Promise.all([
      cloneAt(bench, policy, { id: 'left', target: upTo(first) }),
      cloneAt(bench, policy, { id: 'right', target: upTo(second) }),
    ]);
    expect(both.map(({ reached }) => reached.replayLsn)).toEqual([first, second]);
    await Promise.all(both.map(({ clone }) => bench.clones.wipe(clone)));
    expect(readdirSync(policy.clone.directory)).toEqual([]);
  });

  it('is wiped by the sweeper only where its owner no longer runs', async () => {
    const left = await bench.clones.open(policy, 'left', 'gone', 1);
    const busy = await bench.clones.open(policy, 'busy', 'running', 1);
    expect(await bench.clones.sweep(policy.clone.directory, async (owner) => owner === 'running')).toEqual(['left']);
    expect([existsSync(left.directory), existsSync(busy.directory)]).toEqual([false, true]);
    await expect(bench.clones.sweep(policy.clone.directory, async () => Promise.reject(new Error('no answer')))).rejects.toThrow('no answer');
    expect(existsSync(busy.directory)).toBe(true);
    await bench.clones.wipe(busy);
  });

  it('finds its way beside evidence, which another user made on a bare machine', async () => {
    const state = join(bench.cluster.directory, 'state');
    await makeFolder(join(state, 'evidence', 'shop'), 0o750);
    const beside = { ...policy, clone: { ...policy.clone, directory: join(state, 'clones') } };
    const clone = await bench.clones.open(beside, 'beside', 'test', 1);
    await bench.clones.wipe(clone);
  });

  it('is refused above the limit, without room, on another host, or over foreign files', async () => {
    const open = (id: string, bytes = 1) => bench.clones.open(policy, id, 'test', bytes);
    const clones = [await open('a'), await open('b'), await open('c')];
    await expect(open('d')).rejects.toMatchObject({ code: 'clone-limit', message: expect.stringMatching(/is 3: test holds one since [-\d: ]+ UTC, test/) });
    await expect(open('a')).resolves.toMatchObject({ id: 'a' });
    for (const clone of clones) await bench.clones.wipe(clone);
    await expect(open('huge', 1e15)).rejects.toMatchObject({ code: 'disk-full' });
    await expect(bench.clones.wipe({ ...clones[0], host: 'elsewhere' } as CloneRef)).rejects.toMatchObject({ code: 'clone-foreign' });
    const taken = await open('taken');
    await bench.clones.wipe(taken);
    writeFileSync(join(policy.clone.directory, 'note'), '');
    await expect(bench.clones.sweep(policy.clone.directory, async () => false)).resolves.toEqual([]);
    expect(existsSync(join(policy.clone.directory, 'note'))).toBe(true);
  });

  it('is refused for a restore into the folder that the sweeper empties', async () => {
    const into = join(policy.clone.directory, 'mine');
    await expect(bench.clones.open(policy, 'mine', 'cold/1', 1, into)).rejects.toMatchObject({ code: 'usage' });
    expect(existsSync(into)).toBe(false);
  });

  it('stays when it was handed over', async () => {
    const { clone } = await cloneAt(bench, policy, { id: 'stays', target: upTo(first) });
    await bench.clones.promote(policy, clone, quietIo());
    await bench.clones.stop(policy, clone);
    await bench.clones.serve(policy, clone, quietIo());
    await bench.clones.serve(policy, clone, quietIo());
    expect(await rows(clone, "select setting from pg_settings where name = 'archive_mode'")).toEqual([{ setting: 'off' }]);
    expect(await bench.clones.sweep(policy.clone.directory, async () => false)).toEqual([]);
    expect((await cloneConnection(policy, clone)).user).toBe('postgres');
    const { data } = foldersOf(clone.directory);
    expect(readFileSync(join(data, 'postgresql.auto.conf'), 'utf8')).toMatch(/work_mem = '9MB'/);
    expect(readFileSync(join(data, 'postgresql.auto.conf'), 'utf8')).not.toMatch(/restore_command|recovery_target/);
    await bench.clones.wipe(clone);
    expect(processesIn(clone.directory)).toEqual([]);
  });
});

describe('a clone that cannot get to its target', () => {
  it('says target-not-reached where WAL is missing, with what the server said', async () => {
    const clone = await bench.clones.open(policy, 'short', 'test', 1);
    await restoreInto(bench, clone);
    await expect(bench.clones.start(policy, clone, upTo('7F/0'), quietIo())).rejects.toMatchObject({
      code: 'target-not-reached',
      values: { lines: expect.stringContaining('recovery ended before configured recovery target was reached') },
    });
    expect(readFileSync(join(clone.directory, 'log/server-1.log'), 'utf8')).not.toContain('DETAIL');
    await bench.clones.wipe(clone);
  });

  it('says so too where the target lies before the end of the backup', async () => {
    const clone = await bench.clones.open(policy, 'early', 'test', 1);
    await restoreInto(bench, clone);
    await expect(bench.clones.start(policy, clone, upTo('0/2000028'), quietIo())).rejects.toMatchObject({ code: 'target-not-reached' });
    await bench.clones.wipe(clone);
  });

  it('says clone-start-failed where nothing was restored, binaries-missing where no program fits', async () => {
    const clone = await bench.clones.open(policy, 'empty', 'test', 1);
    await expect(bench.clones.start(policy, clone, upTo(first), quietIo())).rejects.toMatchObject({ code: 'clone-start-failed' });
    await restoreInto(bench, clone);
    const elsewhere = { ...policy, clone: { ...policy.clone, binaries: '/nowhere' } };
    await expect(bench.clones.start(elsewhere, clone, upTo(first), quietIo())).rejects.toMatchObject({ code: 'binaries-missing' });
    await bench.clones.wipe(clone);
  });

  it('follows its source where that raised the minimum settings on the way', async () => {
    await cluster.sql('alter system set max_connections = 60');
    await cluster.stop('fast');
    await cluster.start();
    const raised = await mark(cluster);
    const { clone, reached } = await cloneAt(bench, policy, { id: 'raised', target: upTo(raised) });
    expect(isSamePlace(reached.replayLsn, raised)).toBe(true);
    expect(await rows(clone, "select setting from pg_settings where name = 'max_connections'")).toEqual([{ setting: '60' }]);
    await bench.clones.wipe(clone);
  });
});

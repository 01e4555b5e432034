import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { privateFolder } from '../../activities/os-user.ts';
import { run } from '../../activities/process.ts';
import { isAlive } from '../../activities/process-alive.ts';
import type { BackupRecord, RecoveryTarget } from '../../domain/backup/model.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { engineOf, eventually, nextSegment, restoreFolders, testIo } from '../support/engine.ts';

let cluster: EmbeddedCluster;
let backup: BackupRecord;
let target: RecoveryTarget & { kind: 'lsn' };
beforeAll(async () => {
  cluster = await testCluster({ name: 'shop' });
  // a file that cannot be read or written is tried again after this instead of 15 s
  appendFileSync(cluster.configFile, '\n[global]\njob-retry-interval=1\n');
  // a tablespace, and pg_wal behind a link: both must not be aimed at by a restore
  const space = privateFolder(join(cluster.directory, 'space'), cluster.osUser);
  await cluster.sql(`create tablespace far location '${space}'`);
  await cluster.sql('create table spaced tablespace far as select g as id from generate_series(1, 1000) g');
  await cluster.stop('fast');
  const wal = join(cluster.directory, 'elsewhere');
  await run({ argv: ['mv', join(cluster.dataDirectory, 'pg_wal'), wal], deadlineMs: 10_000 });
  symlinkSync(wal, join(cluster.dataDirectory, 'pg_wal'));
  await cluster.start();
  await cluster.sql('create table t as select g as id from generate_series(1, 1000) g');
  backup = (await engineOf(cluster).backup({ type: 'full', requestKey: 'first', repository: 1 }, testIo())).backup;
  await cluster.sql('insert into t values (-1)');
  const [row] = await cluster.sql<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
  target = { kind: 'lsn', lsn: (row as { lsn: string }).lsn, exclusive: true };
  await cluster.sql('insert into t values (-2)');
  await nextSegment(cluster);
}, 120_000);

const request = (folders: ReturnType<typeof restoreFolders>, more: { target?: RecoveryTarget; action?: 'pause' | 'promote'; label?: string } = {}) => {
  const { root, ...rest } = folders;
  return { label: backup.label, repository: 1, target, action: 'pause' as const, ...rest, ...more };
};

const settings = (folder: string) => readFileSync(join(folder, 'postgresql.auto.conf'), 'utf8');

/** Every file below a folder with its size and time, links not followed. */
function inventory(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const { size, mtimeMs } = lstatSync(join(entry.parentPath, entry.name));
      return `${join(entry.parentPath, entry.name)} ${size} ${mtimeMs}`;
    })
    .sort();
}

describe('a restore', { timeout: 120_000 }, () => {
  test('fills the folders it is given, and nothing else', async () => {
    const folders = restoreFolders(cluster);
    const sourceSpace = inventory(join(cluster.directory, 'space'));
    const repository = inventory(cluster.repositoryPath);
    const io = testIo();
    const { bytes, tookMs } = await engineOf(cluster).restore(request(folders), io);
    expect(bytes).toBe(backup.databaseBytes);
    expect(tookMs).toBeGreaterThan(0);
    expect(existsSync(join(folders.dataDirectory, 'global/pg_control'))).toBe(true);
    expect(lstatSync(join(folders.dataDirectory, 'pg_wal')).isDirectory()).toBe(true);
    expect(readdirSync(folders.tablespaceDirectory)).not.toHaveLength(0);
    for (const link of readdirSync(join(folders.dataDirectory, 'pg_tblspc'))) {
      expect(await realPath(join(folders.dataDirectory, 'pg_tblspc', link))).toContain(folders.tablespaceDirectory);
    }
    expect(inventory(join(cluster.directory, 'space'))).toEqual(sourceSpace);
    expect(inventory(cluster.repositoryPath)).toEqual(repository);
  });

  test('leaves a restore_command with locks, logs and repository of its own, archiving off', async () => {
    const folders = restoreFolders(cluster);
    await engineOf(cluster).restore(request(folders), testIo());
    const written = settings(folders.dataDirectory);
    expect(written).toContain("archive_mode = 'off'");
    expect(written).toContain(`--lock-path=${folders.lockDirectory}`);
    expect(written).toContain(`--log-path=${folders.logDirectory}`);
    expect(written).toContain('--repo=1');
    expect(written).toContain(`recovery_target_lsn = '${target.lsn}'`);
    expect(written).toContain("recovery_target_inclusive = 'false'");
    // no asynchronous archiving here: a spool would break archive-get
    expect(written).not.toContain('--spool-path');
  });

  test('empties a spool of its own, never that of the machine, which may be shut to it', async () => {
    const folders = restoreFolders(cluster);
    const spool = ['', 'archive', 'archive/shop'].map((part) => privateFolder(join(folders.spoolDirectory, part), cluster.osUser)).at(-1) as string;
    await engineOf(cluster).restore(request(folders), testIo());
    expect(existsSync(spool)).toBe(false);
  });

  test('reaches exactly its target once started', async () => {
    const folders = restoreFolders(cluster);
    await engineOf(cluster).restore(request(folders), testIo());
    await withServer(folders, async (query) => {
      await eventually(async () => (await query('select pg_get_wal_replay_pause_state()')) === 'paused', 'the pause');
      expect(await query('select pg_last_wal_replay_lsn()')).toBe(target.lsn);
      expect(await query('select string_agg(id::text, $$,$$ order by id) from t where id < 0')).toBe('-1');
      expect(await query('select count(*) from spaced')).toBe('1000');
    });
  });

  test('runs exactly the command that is printed', async () => {
    const folders = restoreFolders(cluster);
    const argv = engineOf(cluster).restoreCommand(request(folders)) as [string, ...string[]];
    await run({ argv, as: cluster.osUser, deadlineMs: 60_000 });
    expect(settings(folders.dataDirectory)).toContain(`recovery_target_lsn = '${target.lsn}'`);
    expect(argv.join(' ')).not.toMatch(/cipher|secret/);
  });

  test.each([
    ['time', { kind: 'time', at: '2026-11-21T05:58:24.123456Z' }, "recovery_target_time = '2026-11-21 05:58:24.123456+00'"],
    ['name', { kind: 'name', name: 'before the "big" one' }, `recovery_target_name = 'before the "big" one'`],
    ['xid', { kind: 'xid', xid: '742', exclusive: false }, "recovery_target_xid = '742'"],
  ] as const)('hands over a %s as PostgreSQL wants it', async (_, asked, expected) => {
    const folders = restoreFolders(cluster);
    await engineOf(cluster).restore(request(folders, { target: asked, action: 'promote' }), testIo());
    expect(settings(folders.dataDirectory)).toContain(expected);
    expect(settings(folders.dataDirectory)).toContain("recovery_target_action = 'promote'");
  });

  test('does not let a name reach into the settings of the clone', async () => {
    const target = { kind: 'name', name: "x'\nrestore_command='rm -rf ~" } as const;
    const failure = engineOf(cluster).restore(request(restoreFolders(cluster), { target }), testIo());
    await expect(failure).rejects.toMatchObject({ code: 'usage' });
  });

  test('begins anew in what an attempt before it left', async () => {
    const folders = restoreFolders(cluster);
    const stop = new AbortController();
    const cut = engineOf(cluster).restore(request(folders), testIo(stop.signal));
    cut.catch(() => {});
    await eventually(() => readdirSync(folders.dataDirectory).length > 0, 'the first file');
    stop.abort();
    await expect(cut).rejects.toMatchObject({ code: 'cancelled' });
    writeFileSync(join(folders.dataDirectory, 'left-over'), 'x');
    await engineOf(cluster).restore(request(folders), testIo());
    expect(existsSync(join(folders.dataDirectory, 'left-over'))).toBe(false);
    expect(existsSync(join(folders.dataDirectory, 'global/pg_control'))).toBe(true);
  });

  test('refuses a folder that holds anything of somebody else', async () => {
    const folders = restoreFolders(cluster);
    writeFileSync(join(folders.dataDirectory, 'precious'), 'x');
    await expect(engineOf(cluster).restore(request(folders), testIo())).rejects.toMatchObject({ code: 'directory-not-empty' });
    expect(readFileSync(join(folders.dataDirectory, 'precious'), 'utf8')).toBe('x');
  });

  test('of a backup that is not there is refused before anything is written', async () => {
    const folders = restoreFolders(cluster);
    await expect(engineOf(cluster).restore(request(folders, { label: '20200101-000000F' }), testIo())).rejects.toMatchObject({ code: 'backup-unknown' });
    expect(readdirSync(folders.dataDirectory)).toEqual([]);
  });

  test('of a damaged backup fails with the cause', async () => {
    const folder = join(cluster.repositoryPath, 'backup/shop', backup.label, 'bundle');
    const file = join(folder, readdirSync(folder)[0] as string);
    const before = readFileSync(file);
    const bytes = Buffer.from(before);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    try {
      const failure = engineOf(cluster).restore(request(restoreFolders(cluster)), testIo());
      await expect(failure).rejects.toMatchObject({ code: 'engine-refused', values: { cause: 'backup-file-corrupt' } });
    } finally {
      writeFileSync(file, before);
    }
  });

  test.runIf(process.getuid?.() === 0)('on a full disk says how much is needed', async () => {
    const folders = restoreFolders(cluster);
    const small = join(folders.root, 'small');
    mkdirSync(small);
    await run({ argv: ['mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', small], deadlineMs: 10_000 });
    try {
      const dataDirectory = privateFolder(join(small, 'data'), cluster.osUser);
      const failure = engineOf(cluster).restore({ ...request(folders), dataDirectory }, testIo());
      await expect(failure).rejects.toMatchObject({ code: 'disk-full', values: { neededBytes: backup.databaseBytes } });
    } finally {
      await run({ argv: ['umount', small], deadlineMs: 10_000 });
    }
  });
});

const realPath = async (path: string) => (await run({ argv: ['readlink', '-f', path], deadlineMs: 5_000 })).stdout;

/** Starts the restored cluster for the length of `use`, on a socket of its own. */
async function withServer(folders: ReturnType<typeof restoreFolders>, use: (query: (sql: string) => Promise<string>) => Promise<void>): Promise<void> {
  const as = cluster.osUser;
  const { dataDirectory, logDirectory, root } = folders;
  const ctl = (...args: string[]) => run({ argv: [join(cluster.binaries, 'pg_ctl'), '-D', dataDirectory, ...args], as, deadlineMs: 60_000 });
  await ctl('start', '-w', '-l', join(logDirectory, 'server.log'), '-o', `-c unix_socket_directories=${root} -c archive_mode=off -c shared_buffers=16MB`);
  try {
    await use(async (sql) => {
      const psql: [string, ...string[]] = [join(cluster.binaries, 'psql'), '-h', root, '-p', String(cluster.port), '-U', 'postgres', '-XAtc', sql, 'postgres'];
      return (await run({ argv: psql, as, deadlineMs: 30_000 })).stdout;
    });
  } finally {
    await ctl('stop', '-m', 'immediate');
  }
}

describe('a worker that is killed while it restores', { timeout: 120_000 }, () => {
  test('leaves an engine that the next attempt ends before it begins anew', async () => {
    const folders = restoreFolders(cluster);
    const asked = request(folders);
    const worker = restoreElsewhere(asked);
    // the engine has started and stands still: what it would write later must never reach the second attempt's files
    const pids = await eventually(() => enginesAt(folders.dataDirectory), 'the engine');
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    worker.kill('SIGKILL');
    await engineOf(cluster).restore(asked, testIo());
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(join(folders.dataDirectory, 'global/pg_control'))).toBe(true);
  });
});

/** Pids of the engine and its helpers that restore into this folder; null where there are none yet. */
function enginesAt(dataDirectory: string): readonly number[] | null {
  const lines = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  const pids = lines.filter((line) => /pgbackrest/.test(line) && line.includes(`--pg1-path=${dataDirectory} `)).map((line) => Number.parseInt(line, 10));
  return pids.length === 0 ? null : pids;
}

function restoreElsewhere(asked: ReturnType<typeof request>) {
  const program = `
    import { pgbackrest } from '${join(import.meta.dirname, '../../activities/backup/engines/pgbackrest.ts')}';
    const io = { signal: new AbortController().signal, beat: () => {}, previous: undefined };
    await pgbackrest(JSON.parse(process.env.POLICY), { observe: () => {} }).restore(JSON.parse(process.env.ASKED), io);
  `;
  const env = { ...process.env, POLICY: JSON.stringify(cluster.policy()), ASKED: JSON.stringify(asked) };
  return spawn(process.execPath, ['--input-type=module', '-e', program], { env, stdio: 'inherit' });
}

describe('with asynchronous archiving', { timeout: 120_000 }, () => {
  test('a clone has a spool of its own', async () => {
    const async = await testCluster({ name: 'spooled', archiveAsync: true });
    const { backup: made } = await engineOf(async).backup({ type: 'full', requestKey: 'first', repository: 1 }, testIo());
    await nextSegment(async);
    const { root, ...folders } = restoreFolders(async);
    await engineOf(async).restore(
      { label: made.label, repository: 1, target: { kind: 'lsn', lsn: made.stopLsn, exclusive: true }, action: 'pause', ...folders },
      testIo(),
    );
    expect(settings(folders.dataDirectory)).toContain(`--spool-path=${folders.spoolDirectory}`);
  });
});
